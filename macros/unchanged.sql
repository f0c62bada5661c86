{#- A view or seed is built again only when it changed: its compiled query or its file, or any model's code or
    seed's file (a view keeps the columns of what it read when it was made). raw.built_code holds the hash
    of what stands in the schema, one row for each relation. One that is being replaced has a second row until
    the run's end, so that a run that dies leaves nothing that is taken for built. -#}

{#- on-run-start: what stands there, and the hash of all code. Kept in `graph`, which all nodes of a run share. -#}
{% macro read_built_code() -%}
    {%- set standing = run_query(
        "select relation, min(code_hash) as code_hash from " ~ raw_table('built_code') ~ " group by relation having count(*) = 1"
    ) -%}
    {%- set built = {} -%}
    {%- for row in standing.rows -%}{%- do built.update({row[0]: row[1]}) -%}{%- endfor -%}
    {%- set checksums = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type in ('model', 'seed') -%}
        {%- do checksums.append(node.unique_id ~ ' ' ~ node.checksum.checksum) -%}
    {%- endfor -%}
    {%- do graph.update({'built_code': built, 'built_code_rows': standing, 'project_code': local_md5(checksums | sort | join(', '))}) -%}
{%- endmacro %}

{#- The hash of a view's or seed's code, by its node. -#}
{% macro code_hash(node) -%}
    {%- set own = node.compiled_code if node.resource_type == 'model' else node.checksum.checksum ~ node.config.column_types -%}
    {{ return(local_md5(own ~ graph.project_code)) }}
{%- endmacro %}

{% macro name_in_built_code(node) -%}{{ return(node.relation_name | replace('`', '') | replace('"', '')) }}{%- endmacro %}

{#- Whether what stands in the schema is what this node would make. If not, it is marked as being replaced. -#}
{% macro is_unchanged() -%}
    {%- set name = name_in_built_code(model) -%}
    {%- set built = graph.built_code.get(name) -%}
    {%- if built == code_hash(model) and not flags.FULL_REFRESH and load_cached_relation(this) is not none -%}
        {{ return(true) }}
    {%- endif -%}
    {%- if built is not none -%}
        {%- do run_query("insert into " ~ raw_table('built_code') ~ " (relation, code_hash) values ('" ~ name ~ "', '')") -%}
    {%- endif -%}
    {{ return(false) }}
{%- endmacro %}

{#- on-run-end: notes the hash of each view and seed that this run built. -#}
{% macro note_built_code(done) -%}
    {%- set names = [] -%}
    {%- set rows = [] -%}
    {%- for result in done if result.message != 'unchanged'
        and (result.node.resource_type == 'seed' or result.node.config.materialized == 'view') -%}
        {%- do names.append("'" ~ name_in_built_code(result.node) ~ "'") -%}
        {%- do rows.append("('" ~ name_in_built_code(result.node) ~ "', '" ~ code_hash(result.node) ~ "')") -%}
    {%- endfor -%}
    {%- if names -%}
        {%- do run_query("delete from " ~ raw_table('built_code') ~ " where relation in (" ~ names | join(', ') ~ ")") -%}
        {%- do run_query("insert into " ~ raw_table('built_code') ~ " (relation, code_hash) values " ~ rows | join(', ')) -%}
    {%- endif -%}
{%- endmacro %}

{% macro leave_unchanged() -%}
    {%- call noop_statement('main', 'unchanged', 'unchanged', 0) -%}{%- endcall -%}
    {#- dbt wants a table of each seed's result; any will do. -#}
    {%- do store_result('agate_table', response='OK', agate_table=graph.built_code_rows) -%}
    {{ return({'relations': [this]}) }}
{%- endmacro %}

{% materialization view, adapter='duckdb' -%}
    {{ return(leave_unchanged() if is_unchanged() else dbt.materialization_view_default()) }}
{%- endmaterialization %}

{% materialization view, adapter='bigquery' -%}
    {{ return(leave_unchanged() if is_unchanged() else dbt.materialization_view_bigquery()) }}
{%- endmaterialization %}

{% materialization seed, default -%}
    {{ return(leave_unchanged() if is_unchanged() else dbt.materialization_seed_default()) }}
{%- endmaterialization %}
