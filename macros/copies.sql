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
    {%- elif not has_news('events') -%}
        false
    {%- else -%}
        {%- set days = answers_of(
            "select distinct cast(copy_day as " ~ dbt.type_string() ~ ") from " ~ table_of('int_events_unioned')
            ~ " where copy_day is not null and " ~ copies ~ " order by 1"
        ) -%}
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

{#- The event of an element: equal for all copies. A platform's id alone is no event: elements of one batch may share it,
    so the key holds what happened and to whom as well. An act's key is its own; what only happened to a
    message or an application is told apart within its day.
    identity: text expressions. -#}
{% macro event_id(identity, copy_day) -%}
    case
        when {{ copy_day }} > {{ utc_literal('1970-01-01') }}
            then {{ surrogate_key(identity + [to_date(copy_day)]) }}
        else {{ surrogate_key(identity) }}
    end
{%- endmacro %}

{#- The earliest build of which new corrections replaced a copy, as text; none where nothing was corrected since the last
    complete build. Asked once a run; where there is none, nothing is read of corrections. -#}
{% macro replaced_since() -%}
    {%- if not execute or model.resource_type == 'unit_test' -%}{{ return('1970-01-01') }}{%- endif -%}
    {%- if not has_news('events') -%}{{ return(none) }}{%- endif -%}
    {%- set since = watermark('loaded_at') -%}
    {%- set first = answers_of(
        "select cast(min(replaced_since) as " ~ dbt.type_string() ~ ") from " ~ table_of('int_events_corrected')
        ~ " where loaded_at > " ~ since ~ " and " ~ in_copy_days(newly_loaded(since))
    )[0] -%}
    {{ return(first) }}
{%- endmacro %}

{#- For meta.merge_predicate (macros/merge.sql): where the rows can be that a merge replaces.
    source: the rows that are merged. -#}
{% macro merges_copy_days(source) -%}
    {{ return(any_of('copy_day', run_query(
        "select distinct cast(copy_day as " ~ dbt.type_string() ~ ") from " ~ source ~ " as merged order by 1"
    ).columns[0].values())) }}
{%- endmacro %}

{#- Also what a build that died had already written: the same rows once more are the same rows. -#}
{% macro merges_corrections(source) -%}
    {%- set since = noted('build')[0] or '1970-01-01' -%}
    {{ return('loaded_at >= ' ~ utc_literal([since, replaced_since() or since] | min)) }}
{%- endmacro %}

{#- Whether copies that said something else were superseded since the last complete build. Only then is history
    read again, for what they had named; it is rare, and the one thing that searches all of `events`. -#}
{% macro has_superseded(since) -%}
    {{ return(
        not execute or model.resource_type == 'unit_test'
        or (replaced_since() is not none
            and answers_of("select count(*) from " ~ table_of('int_events_superseded') ~ " where loaded_at > " ~ since)[0] | int > 0)
    ) }}
{%- endmacro %}
