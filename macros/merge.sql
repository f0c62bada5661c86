{#- How dbt's own strategies write an increment, with what this project adds:
    meta.merge_predicate names a macro that says where the rows can be that are replaced, as literals, so
    that a merge reads those partitions only (and a delete those row groups); meta.replaces names the
    column by which touched groups of rows are replaced whole (macros/touched.sql). -#}

{% macro merge_predicate(source) -%}
    {%- set name = (config.get('meta') or {}).get('merge_predicate') -%}
    {{ return(context[name](source) if name else none) }}
{%- endmacro %}

{% macro duckdb__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
    {%- set predicate = merge_predicate(source) -%}
    {{ default__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, [predicate] if predicate else none) }}
{%- endmacro %}

{#- One transaction where groups are replaced: nobody ever reads a list from which they are missing. -#}
{% macro bigquery__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
    {%- set replaced = replaced_rows() -%}
    {%- if replaced -%}
        {%- set columns = get_quoted_csv(dest_columns | map(attribute='name')) -%}
        begin transaction;
        delete from {{ target }} where {{ replaced }};
        insert into {{ target }} ({{ columns }}) select {{ columns }} from {{ source }};
        commit transaction;
    {%- else -%}
        {%- set predicate = merge_predicate(source) -%}
        {{ default__get_merge_sql(
            target, source, unique_key, dest_columns, ['DBT_INTERNAL_DEST.' ~ predicate] if predicate and predicate != 'false' else ([predicate] if predicate else none)
        ) }}
    {%- endif -%}
{%- endmacro %}
