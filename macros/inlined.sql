{#- `name as {{ inlined() }} (…)`: a CTE that is computed anew where it is used, so that the filters of each
    use reach its tables. BigQuery does so always; DuckDB stores what is used more than once. -#}
{% macro inlined() %}{{ return(adapter.dispatch('inlined')()) }}{% endmacro %}
{% macro duckdb__inlined() -%} not materialized {%- endmacro %}
{% macro bigquery__inlined() %}{% endmacro %}

{#- Ends the query of a table: stores its rows in the order of the columns, so that a filter on the first skips
    what lies elsewhere. BigQuery clusters. -#}
{% macro stored_by(columns) %}{{ return(adapter.dispatch('stored_by')(columns)) }}{% endmacro %}
{% macro duckdb__stored_by(columns) -%} order by {{ columns | join(', ') }} {%- endmacro %}
{% macro bigquery__stored_by(columns) %}{% endmacro %}
