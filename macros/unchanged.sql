{#- A view or seed is built again only when it changed: its compiled query or its file, its configuration, or any
    model's code or seed's file. raw.built_code holds the hash of what stands in the schema, one row for each view
    and seed. One that is being replaced has a second row until the run's end, so a run that died is not
    mistaken for a complete one. -#}

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

{#- The hash of a view's or seed's code and configuration. -#}
{% macro code_hash(node) -%}
    {%- set declared = graph.nodes[node.unique_id] -%}
    {%- set own = node.compiled_code if node.resource_type == 'model' else node.checksum.checksum -%}
    {{ return(local_md5(own ~ tojson(declared.config, sort_keys=true) ~ tojson(declared.columns, sort_keys=true) ~ graph.project_code)) }}
{%- endmacro %}

{% macro name_in_built_code(node) -%}{{ return(node.relation_name | replace('`', '') | replace('"', '')) }}{%- endmacro %}

{#- Whether what stands in the schema is what this node would make. If not, it is marked as being replaced. -#}
{% macro is_unchanged() -%}
    {#- dbt clone comes here without an on-run-start. -#}
    {%- if 'built_code' not in graph or flags.WHICH not in ('build', 'run', 'seed') -%}
        {{ exceptions.raise_compiler_error(
            "This project's views and seeds are made by dbt build, run or seed, with the project's on-run-start."
        ) }}
    {%- endif -%}
    {%- set name = name_in_built_code(model) -%}
    {%- set built = graph.built_code.get(name) -%}
    {%- set relation = load_cached_relation(this) -%}
    {%- set stands = relation is not none and (relation.is_view if model.resource_type == 'model' else relation.is_table) -%}
    {#- dbt knows a seed of over a megabyte by its path alone. -#}
    {%- if built == code_hash(model) and stands and not flags.FULL_REFRESH and model.checksum.name != 'path' -%}
        {{ return(true) }}
    {%- endif -%}
    {%- if built is not none -%}
        {%- do run_query(
            "insert into " ~ raw_table('built_code') ~ " (relation, code_hash) values ('" ~ name ~ "', '" ~ being_replaced() ~ "')"
        ) -%}
    {%- endif -%}
    {{ return(false) }}
{%- endmacro %}

{#- The hash of what this run is replacing: no code has it. -#}
{% macro being_replaced() -%}{{ return('replaced by ' ~ invocation_id) }}{%- endmacro %}

{#- on-run-end: notes the hash of each view and seed that this run built, and forgets what became a table. -#}
{% macro note_built_code(done) -%}
    {%- set names = [] -%}
    {%- set unknown = ["''"] -%}
    {%- set rows = [] -%}
    {%- for result in done if result.node.resource_type in ('model', 'seed') and result.message != 'unchanged' -%}
        {%- set name = name_in_built_code(result.node) -%}
        {%- if name not in graph.built_code -%}{%- do unknown.append("'" ~ name ~ "'") -%}{%- endif -%}
        {%- if result.node.resource_type == 'seed' or result.node.config.materialized == 'view' -%}
            {%- do names.append("'" ~ name ~ "'") -%}
            {%- do rows.append("('" ~ name ~ "', '" ~ code_hash(result.node) ~ "')") -%}
        {%- elif name in graph.built_code -%}
            {%- do names.append("'" ~ name ~ "'") -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if names -%}
        {#- The mark of another run stays, but one that stood when this run began: that run died. -#}
        {%- do run_query(
            "delete from " ~ raw_table('built_code') ~ " where relation in (" ~ names | join(', ') ~ ")"
            ~ " and (code_hash not like 'replaced by %' or code_hash = '" ~ being_replaced() ~ "' or relation in (" ~ unknown | join(', ') ~ "))"
        ) -%}
    {%- endif -%}
    {%- if rows -%}
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
