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

{#- on-run-start: what the weekly run makes, without a row where it has not run yet, for the rules read it. -#}
{% macro make_weekly_tables() -%}
    {%- set tables = {
        'unengaged': ['event_id', 'address', 'base_at', 'last_sent_at', 'observed_at', 'unengaged_at', 'engaged_event_id'],
        'int_unengaged_changed': [
            'contact_id', 'external_id', 'channel', 'address', 'silent_address', 'event_id', 'unengaged_at', 'changed_at',
        ],
    } -%}
    {%- for name, names in tables.items() if flags.WHICH in ('build', 'run', 'test') -%}
        {%- set relation = api.Relation.create(database=target.database, schema=target.schema, identifier=name, type='table') -%}
        {%- if load_cached_relation(relation) is none -%}
            {%- set columns = [] -%}
            {%- for column in names -%}
                {%- do columns.append(column ~ ' ' ~ (dbt.type_timestamp() if column.endswith('_at') else dbt.type_string())) -%}
            {%- endfor -%}
            {%- do run_query("create table " ~ relation ~ " (" ~ columns | join(', ') ~ ")") -%}
            {%- do adapter.cache_added(relation) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}
