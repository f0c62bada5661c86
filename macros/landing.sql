{#- Predicate on landing_part for the rows that int_events__unioned has not taken yet.
    DuckDB: files that are new, or have grown since they were taken; a constant list, pushed down to
    the file scan. BigQuery: the arrival days of the lookback, and older days whose row count grew. -#}
{% macro untaken_parts() %}{{ return(adapter.dispatch('untaken_parts')()) }}{% endmacro %}

{% macro duckdb__untaken_parts() -%}
    {%- if not execute or model.resource_type == 'unit_test' -%}
        true
    {%- else -%}
        {%- set parts = run_query(
            "select landing_part from raw.landing_files except"
            ~ " select files.landing_part from raw.landing_files as files inner join"
            ~ " (select landing_part, max(landing_bytes) as landing_bytes from " ~ this ~ " group by landing_part) as taken"
            ~ " on files.landing_part = taken.landing_part and files.landing_bytes = taken.landing_bytes"
        ).columns[0].values() -%}
        {%- if parts | length == 0 -%}
            false
        {%- else -%}
            landing_part in ({% for part in parts %}'{{ part | replace("'", "''") }}'{{ ', ' if not loop.last }}{% endfor %})
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{% macro default__untaken_parts() -%}
    landing_part >= format_timestamp(
        '%Y-%m-%d', timestamp_sub({{ taken_now() }}, interval {{ var('arrival_lookback_hours') }} hour)
    )
{%- endmacro %}
