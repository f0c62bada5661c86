{#- What the words of a row mean: by its subtype, by the part of it before the slash, else for any. relation: a CTE with source,
    provider_event and provider_subtype; provider_events is a CTE, too. -#}
{% macro join_provider_events(relation) -%}
left join provider_events as exact
        on
            {{ relation }}.source = exact.source
            and {{ relation }}.provider_event = exact.provider_event
            and {{ relation }}.provider_subtype = exact.provider_subtype
    left join provider_events as by_part
        on
            {{ relation }}.source = by_part.source
            and {{ relation }}.provider_event = by_part.provider_event
            and {{ before_slash(relation ~ '.provider_subtype') }} || '/*' = by_part.provider_subtype
    left join provider_events as by_event
        on
            {{ relation }}.source = by_event.source
            and {{ relation }}.provider_event = by_event.provider_event
            and by_event.provider_subtype = '*'
{%- endmacro %}

{#- When a later grant may end a refusal by time and list: strictly later (at the same second the
    refusal wins); a grant that names a list ends that list's refusals and those that name none;
    a topic's own re-subscribe ends that topic's opt-out alone.
    refusal: alias with effective_at, source, topic, is_topic. granted: alias of grants. -#}
{% macro grant_follows(refusal, granted) -%}
    {{ granted }}.effective_at > {{ refusal }}.effective_at
        and (
            (
                {{ granted }}.is_topic
                and {{ refusal }}.is_topic
                and {{ granted }}.source = {{ refusal }}.source
                and {{ granted }}.topic = {{ refusal }}.topic
            )
            or (
                not {{ granted }}.is_topic
                and (
                    {{ granted }}.topic is null
                    or {{ refusal }}.topic is null
                    or ({{ granted }}.source = {{ refusal }}.source and {{ granted }}.topic = {{ refusal }}.topic)
                )
            )
        )
{%- endmacro %}

{#- A model that a schedule may leave out (tag weekly): its rows, or none where it was never built.
    columns: the columns to read; the last is a timestamp. -#}
{% macro built_or_empty(name, columns) -%}
    {%- set relation = ref(name) -%}
    {%- if not execute or model.resource_type == 'unit_test' or load_relation(relation) or name in selected_resources | map('replace', 'model.contact_sync.', '') | list -%}
    select {{ columns | join(', ') }} from {{ relation }}
    {%- else -%}
    select
        {% for column in columns -%}
        cast(null as {{ dbt.type_timestamp() if loop.last else dbt.type_string() }}) as {{ column }}{{ ',' if not loop.last }}
        {% endfor -%}
    from (select 1 as nothing) as no_rows
    where false
    {%- endif -%}
{%- endmacro %}
