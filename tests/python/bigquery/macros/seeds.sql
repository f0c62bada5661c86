{#- For the emulator alone: a load of no rows makes no table there, as it does on BigQuery. -#}
{% macro bigquery__create_csv_table(model, agate_table) -%}
    {%- if agate_table.rows | length == 0 -%}
        {%- set columns = [] -%}
        {%- for name, type in model.config.column_types.items() -%}{%- do columns.append(name ~ ' ' ~ type) -%}{%- endfor -%}
        {%- do run_query('create table ' ~ this ~ ' (' ~ columns | join(', ') ~ ')') -%}
    {%- endif -%}
{%- endmacro %}

{% macro bigquery__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
    {%- do adapter.drop_relation(old_relation) -%}
    {{ bigquery__create_csv_table(model, agate_table) }}
{%- endmacro %}
