{#- For the emulator alone: it cannot `create table t (columns) as select`. dbt's own check of the contract,
    names and types against the query, runs all the same. -#}
{% macro bigquery__get_table_columns_and_constraints() -%}{%- endmacro %}
