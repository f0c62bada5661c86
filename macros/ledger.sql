{#- The ledger and its compact state. A build merges the rows that were written since the last one into
    int_ledger_latest; views read that, and of the ledger only what can have been written since (int_ledger_recent). -#}

{#- What an answer is about: a platform's list and an address on it; of a profile the contact. -#}
{% macro ledger_key() -%}
    {{ return(['destination', 'channel', 'scope', 'subject', 'list_name']) }}
{%- endmacro %}

{#- Predicate: rows of two relations are about the same key. -#}
{% macro same_key(one, other) -%}
    {% for name in ledger_key() -%}
    {{ one }}.{{ name }} = {{ other }}.{{ name }}
    {{ 'and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#- The class of a ledger row: what a platform is known to have, a positive verb (intended) or a suppression (attempted)
    that was about to be sent, or a delta that it will never take or did not have; null for what is tried again. -#}
{% macro outcome_class() -%}
    case
        when outcome in ('confirmed', 'accepted') then 'known'
        when outcome = 'intended' and action = 'suppress' then 'attempted'
        when outcome in ('intended', 'rejected', 'absent') then outcome
    end
{%- endmacro %}

{#- Predicate on rows of the ledger: what the platform has not got, as no call was made, or a suppression's only call was refused. Of a
    call that was repeated the first may have arrived. -#}
{% macro never_went_out(ledger) -%}
    (
        {{ ledger }}.outcome = 'unsent'
        or ({{ ledger }}.outcome in ('failed', 'rejected') and {{ ledger }}.attempts = 0)
        or (
            {{ ledger }}.outcome = 'failed'
            and {{ ledger }}.action = 'suppress'
            and {{ ledger }}.attempts = 1
            and {{ ledger }}.http_status between 400 and 499
            and {{ ledger }}.http_status <> 408
        )
    )
{%- endmacro %}

{#- Predicate on raw.sync_ledger: rows that a build may not have read yet. A day before it started, for an
    answer is stamped when it comes and written when the warehouse can be reached. states: the relation of
    int_ledger_latest. column: the instant that is compared. -#}
{% macro pushed_since(states, column='pushed_at') -%}
    {%- set last = none -%}
    {%- if execute and model.resource_type != 'unit_test' and load_relation(states) -%}
        {%- if finds_nothing_new() -%}{{ return('false') }}{%- endif -%}
        {%- set last = utc_literal(latest_of_column(states, 'computed_at') or '1970-01-02') -%}
    {%- endif -%}
    {{ column }} >= {{ timestamp_plus(last or "(select coalesce(max(computed_at), " ~ utc_literal('1970-01-02') ~ ") from " ~ states ~ ")", -1, 'day') }}
{%- endmacro %}
