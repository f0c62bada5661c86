{#- Predicate: of the reasons that a destination row takes of one subject, the one that is named. reasons: a relation of the columns
    of int_reasons_by_destination. subject: the columns that tell the subjects apart. -#}
{% macro is_first_reason(reasons, subject) -%}
    row_number() over (
        partition by {{ reasons }}.destination, {{ reasons }}.channel, {{ reasons }}.scope, {{ subject | join(', ') }}
        order by {{ reasons }}.precedence, {{ reasons }}.reason_at desc, {{ reasons }}.reason_event_id desc
    ) = 1
{%- endmacro %}

{#- An import CTE and the joins to it: rows of the addresses (of the contacts) whose deltas this build computes. Unit tests compute all
    of what they are given. -#}
{% macro import_deltas_changed() -%}
    {%- if model.resource_type != 'unit_test' -%}
deltas_changed as (

    select * from {{ ref('int_deltas_changed') }}

),
    {%- endif -%}
{%- endmacro %}
{% macro join_changed_addresses(relation, address) -%}
    {%- if model.resource_type != 'unit_test' -%}
    inner join deltas_changed
        on
            {{ relation }}.channel = deltas_changed.channel
            and {{ relation }}.{{ address }} = deltas_changed.address
    {%- endif -%}
{%- endmacro %}
{% macro join_changed_contacts(relation) -%}
    {%- if model.resource_type != 'unit_test' -%}
    inner join deltas_changed
        on {{ relation }}.contact_id = deltas_changed.contact_id
    {%- endif -%}
{%- endmacro %}

{#- The id of a delta: equal on retry, new on every change. Columns in scope: those that it names, and `subject`. -#}
{% macro delta_id() -%}
    {{ surrogate_key([
        'destination', 'channel', 'scope', 'subject', 'action', 'reason', 'event_id', 'known_run_id', 'known_delta_id',
    ]) }}
{%- endmacro %}

{#-
    What a delta of a list is about. Some platforms know a push token by its kind or its owner only: once those are known, it is
    another delta than the one that was refused for want of them. changes, tokens: the relations.
-#}
{% macro list_subject(changes, tokens) -%}
    case
        when {{ changes }}.channel = 'push'
            then {{ changes }}.address || {{ surrogate_key([changes ~ '.external_id', tokens ~ '.push_token_type']) }}
        else {{ changes }}.address
    end
{%- endmacro %}
