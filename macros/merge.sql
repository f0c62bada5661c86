{#- How dbt's own strategies write an increment, with what this project adds:
    meta.merge_predicate names a macro that says where the rows can be that are replaced, as literals, so
    that a merge reads those partitions only (and a delete those row groups); meta.replaces names the
    column by which changed groups of rows are replaced whole (macros/changed.sql). -#}

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
        insert into {{ target }} ({{ columns }}) select {{ columns }} from {{ source }} where {{ replaced }};
        commit transaction;
    {%- else -%}
        {%- set predicate = merge_predicate(source) -%}
        {{ default__get_merge_sql(
            target, source, unique_key, dest_columns, ['DBT_INTERNAL_DEST.' ~ predicate] if predicate and predicate != 'false' else ([predicate] if predicate else none)
        ) }}
    {%- endif -%}
{%- endmacro %}

{#- dbt describes both relations by macros of their own, which takes a quarter of a short run: one query says what differs,
    and none is asked where the last complete build was one of the same code, whose columns are those of the description. -#}
{% macro duckdb__process_schema_changes(on_schema_change, source_relation, target_relation) -%}
    {%- if on_schema_change != 'fail' -%}{{ return(dbt.default__process_schema_changes(on_schema_change, source_relation, target_relation)) }}{%- endif -%}
    {%- if not rebuilds_groups() -%}
        {%- set columns = [] -%}
        {%- for name, column in model.columns.items() -%}{%- do columns.append(api.Column(name, column.data_type)) -%}{%- endfor -%}
        {{ return(columns) }}
    {%- endif -%}
    {%- set described = run_query(
        "select column_name, column_type, max(is_new), min(is_new), max(place) from ("
        ~ "select column_name, column_type, 1 as is_new, row_number() over () as place from (describe " ~ source_relation ~ ")"
        ~ " union all select column_name, column_type, 0, 0 from (describe " ~ target_relation ~ ")"
        ~ ") as columns group by column_name, column_type order by max(place)"
    ) -%}
    {%- set columns = [] -%}
    {%- set differences = [] -%}
    {%- for name, type, is_in_new, is_in_new_alone, place in described.rows -%}
        {%- if is_in_new -%}{%- do columns.append(api.Column(name, type)) -%}{%- endif -%}
        {%- if not is_in_new or is_in_new_alone -%}
            {%- do differences.append(name ~ " " ~ type ~ (" is new" if is_in_new else " is gone")) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if differences -%}
        {{ exceptions.raise_compiler_error(
            target_relation ~ " was built with other columns (" ~ differences | join(', ') ~ "). Run `dbt build --full-refresh` once."
        ) }}
    {%- endif -%}
    {{ return(columns) }}
{%- endmacro %}
