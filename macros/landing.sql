{#- Predicate on landing_part for the rows that int_events__unioned has not taken yet.
    DuckDB: files that are new, or were written since they were taken; a constant list, pushed down to
    the file scan. BigQuery: the arrival days of the lookback, and older days whose row count grew. -#}
{% macro untaken_parts() %}{{ return(adapter.dispatch('untaken_parts')()) }}{% endmacro %}

{% macro duckdb__untaken_parts() -%}
    {%- if not execute or model.resource_type == 'unit_test' -%}
        true
    {%- else -%}
        {%- set parts = run_query(
            "select landing_part from ("
            ~ "select landing_part, landing_print from raw.landing_files except"
            ~ " select landing_part, landing_print from raw.landing_taken where relation = '" ~ this ~ "')"
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

{#- Notes what int_events__unioned has read, once it has succeeded: a run that dies before reads the
    same files again, and takes nothing twice. relation: the model's own, as each schema takes for itself. -#}
{% macro duckdb__note_taken(relation) -%}
    {%- do run_query(
        "insert into raw.landing_taken select '" ~ relation ~ "', landing_part, landing_print, " ~ taken_now()
        ~ " from (select landing_part, landing_print from raw.landing_files except"
        ~ " select landing_part, landing_print from raw.landing_taken where relation = '" ~ relation ~ "')"
    ) -%}
{%- endmacro %}

{% macro default__note_taken(relation) -%}{%- endmacro %}
