{#- Where copies of one event are looked for. An act of a person, a platform or its staff is told apart
    by its key alone, over all history. What only happened to a message or an application (sent,
    delivered, opened, traits …) is many times as much: it is told apart by its key and its own day, so
    that a run looks for copies among events of the same days and not in all history. -#}

{#- The day among whose events copies are looked for; 1970 for acts. A UTC timestamp. Bounded, for
    BigQuery has room for 10,000 partitions of a table and 4,000 of a job: int_events_deduplicated has one a month. -#}
{% macro copy_day(event_type, event_timestamp) -%}
    case
        when {{ event_type }} not in ('sent', 'delivered', 'open', 'click', 'soft_bounce', 'identify', 'other')
            then {{ utc_literal('1970-01-01') }}
        when {{ event_timestamp }} >= {{ utc_literal('2020-01-01') }} and {{ event_timestamp }} < {{ utc_literal('2040-01-01') }}
            then {{ to_day(event_timestamp) }}
        else {{ utc_literal('1970-01-02') }}
    end
{%- endmacro %}

{#- The order in which copies of one event stand: the earliest received first. -#}
{% macro copy_order() -%} received_at, delivery_id, position, landing_part {%- endmacro %}

{#- Predicate on copy_day: the days of the copies that int_events_unioned took and the model has not
    judged, as literals. copies: predicate on int_events_unioned. -#}
{% macro in_copy_days(copies) -%}
    {%- if not execute or model.resource_type == 'unit_test' -%}
        true
    {%- else -%}
        {%- set days = run_query(
            "select distinct cast(copy_day as " ~ dbt.type_string() ~ ") from " ~ ref('int_events_unioned')
            ~ " where copy_day is not null and " ~ copies ~ " order by 1"
        ).columns[0].values() -%}
        {{ any_of('copy_day', days) }}
    {%- endif -%}
{%- endmacro %}

{#- Predicate: column is one of these instants. values: texts. -#}
{% macro any_of(column, values) -%}
    {%- if values | length == 0 -%}
        false
    {%- else -%}
        {{ column }} in ({% for value in values %}{{ utc_literal(value) }}{{ ', ' if not loop.last }}{% endfor %})
    {%- endif -%}
{%- endmacro %}

{#- The event of an element: equal for all copies. An act's key is its own; what only happened to a
    message or an application is told apart within its day. -#}
{% macro event_id(source, channel, event_key, copy_day) -%}
    case
        when {{ copy_day }} > {{ utc_literal('1970-01-01') }}
            then {{ surrogate_key([source, channel, event_key, to_date(copy_day)]) }}
        else {{ surrogate_key([source, channel, event_key]) }}
    end
{%- endmacro %}

{#- Predicate on int_events_unioned: the builds in which copies were taken that new corrections replaced;
    false where there is no new correction. -#}
{% macro in_replaced_builds(since) -%}
    {%- if not execute or model.resource_type == 'unit_test' -%}
        true
    {%- else -%}
        {{ replaced_rows_since(
            ref('events') ~ ' as events inner join ' ~ ref('int_events_corrected') ~ ' as corrections on events.event_id = corrections.event_id'
            ~ (' where events.loaded_at > ' ~ since if since else '')
        ) }}
    {%- endif -%}
{%- endmacro %}

{#- Predicate on loaded_at: since the earliest build of which the corrections replaced something.
    corrections: what follows `from`, with replaced_since. -#}
{% macro replaced_rows_since(corrections) -%}
    {%- set since = one_value("select cast(min(replaced_since) as " ~ dbt.type_string() ~ ") from " ~ corrections) -%}
    {{ return('loaded_at >= ' ~ utc_literal(since) if since else 'false') }}
{%- endmacro %}

{#- For meta.merge_predicate (macros/merge.sql): where the rows can be that a merge replaces.
    source: the rows that are merged. -#}
{% macro merges_copy_days(source) -%}
    {{ return(any_of('copy_day', run_query(
        "select distinct cast(copy_day as " ~ dbt.type_string() ~ ") from " ~ source ~ " as merged order by 1"
    ).columns[0].values())) }}
{%- endmacro %}

{#- Also what a run that died had already written: the same rows once more are the same rows. -#}
{% macro merges_corrections(source) -%}
    {%- set since = watermark('loaded_at') -%}
    {{ return('loaded_at >= ' ~ utc_literal(one_value(
        "select cast(least(coalesce(min(replaced_since), " ~ since ~ "), " ~ since ~ ") as " ~ dbt.type_string() ~ ") from " ~ source
        ~ " as merged inner join " ~ ref('int_events_corrected') ~ " as corrections on merged.event_id = corrections.event_id"
    ))) }}
{%- endmacro %}

{#- Whether copies that said something else were superseded since a watermark. Only then is history
    read again, for what they had named; it is rare, and the one thing that searches all of `events`. -#}
{% macro has_superseded(since) -%}
    {{ return(
        not execute or model.resource_type == 'unit_test'
        or answer_of("select count(*) from " ~ ref('int_events_superseded') ~ " where loaded_at > " ~ since) | int > 0
    ) }}
{%- endmacro %}
