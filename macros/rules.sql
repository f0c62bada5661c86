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

{#- Predicate: an opt-in that names one contact never ends another's opt-out.
    opt_out: alias with named_external_id; opt_in: alias with external_id. -#}
{% macro opt_in_names_nobody_else(opt_out, opt_in) -%}
    (
            {{ opt_in }}.external_id is null
            or {{ opt_out }}.named_external_id is null
            or {{ opt_in }}.external_id = {{ opt_out }}.named_external_id
        )
{%- endmacro %}

{#- Predicate: by time and list, a later opt-in may end an opt-out. It comes strictly later (at the same second the
    opt-out wins). One that names a list ends that list's opt-outs and those that name none. A topic's own opt-in
    ends that topic's opt-out alone.
    opt_out, opt_in: aliases with effective_at, source, topic, is_topic. -#}
{% macro opt_in_follows(opt_out, opt_in) -%}
    {{ opt_in }}.effective_at > {{ opt_out }}.effective_at
        and (
            (
                {{ opt_in }}.is_topic
                and {{ opt_out }}.is_topic
                and {{ opt_in }}.source = {{ opt_out }}.source
                and {{ opt_in }}.topic = {{ opt_out }}.topic
            )
            or (
                not {{ opt_in }}.is_topic
                and (
                    {{ opt_in }}.topic is null
                    or {{ opt_out }}.topic is null
                    or ({{ opt_in }}.source = {{ opt_out }}.source and {{ opt_in }}.topic = {{ opt_out }}.topic)
                )
            )
        )
{%- endmacro %}

{#- Predicate: an event may end a reason of the address that it names. An echo is no act, and a machine's open or click
    counts only where var count_machine_opens says so.
    event: alias with event_type, is_echo, is_machine. -#}
{% macro may_end_at_address(event) -%}
    not {{ event }}.is_echo
    {%- if not var('count_machine_opens') %}
        and not ({{ event }}.is_machine and {{ event }}.event_type in ('open', 'click'))
    {%- endif %}
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

{#- Whether a topic counts for the whole channel: of the rows of seeds/topics.csv that fit (`*` fits any source or topic) the one that
    names most. relation: a CTE with source and
    topic; topics is a CTE, too. topic_counts() is the predicate. -#}
{% macro join_topics(relation) -%}
    left join topics as exact
        on {{ relation }}.source = exact.source and {{ relation }}.topic = exact.topic
    left join topics as of_source
        on {{ relation }}.source = of_source.source and of_source.topic = '*'
    left join topics as of_topic
        on {{ relation }}.topic = of_topic.topic and of_topic.source = '*'
{%- endmacro %}
{% macro topic_counts() -%} coalesce(
        exact.suppresses, of_source.suppresses, of_topic.suppresses,
        (select any_value(topics.suppresses) from topics where topics.source = '*' and topics.topic = '*'), false
    ) {%- endmacro %}
