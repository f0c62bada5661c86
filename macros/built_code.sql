{#- Views and seeds hold no rows of their own making, so the frequent run leaves them out. raw.built_code holds the hash of
    the code that those of a schema were made from. A run that makes some of them from other code takes the hash away
    before it begins; one that made all of them notes it at its end; and one that would fill a table through views or
    seeds of other code stops. -#}

{#- on-run-start, in `graph`, which all nodes of a run share: {kind: [hash of the code, whether it is what stands]}. -#}
{% macro check_built_code() -%}
    {%- set hashes = {'seed': seeds_hash(), 'view': views_hash()} -%}
    {%- set built = run_query("select relation, code_hash from " ~ raw_table('built_code')) -%}
    {%- set standing = [] -%}
    {%- for row in built.rows -%}{%- do standing.append([row[0], row[1]]) -%}{%- endfor -%}
    {%- do graph.update({'made_code': {}, 'rules_before': none}) -%}
    {%- for name, code_hash in standing if name == made_name('rule') -%}{%- do graph.update({'rules_before': code_hash}) -%}{%- endfor -%}
    {%- for kind, code_hash in hashes.items() -%}
        {%- set stands = [made_name(kind), code_hash] in standing -%}
        {%- do graph.made_code.update({kind: [code_hash, stands]}) -%}
        {%- if not stands -%}
            {%- do check_made_parents(kind) -%}
            {%- for id in selected_resources if kind_made(graph.nodes.get(id, {})) == kind -%}
                {%- if loop.first -%}
                    {%- do run_query("delete from " ~ raw_table('built_code') ~ " where relation = '" ~ made_name(kind) ~ "'") -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{#- Stops a run that fills a table through a view or seed that it does not make and that other code made. -#}
{% macro check_made_parents(kind) -%}
    {%- for id in selected_resources if id.startswith('model.') and kind_made(graph.nodes[id]) is none -%}
        {%- for parent in read_by(id) if kind_made(graph.nodes[parent]) == kind and parent not in selected_resources -%}
            {{ exceptions.raise_compiler_error(
                "The project's code, " ~ ("seeds" if kind == 'seed' else "models, macros or vars")
                ~ ", changed since the " ~ kind ~ "s of " ~ target.schema ~ " were made, or they were never made (" ~ graph.nodes[id].name
                ~ " reads " ~ graph.nodes[parent].name ~ "). Run `dbt build` once; after it, this run works again."
            ) }}
        {%- endfor -%}
    {%- endfor -%}
{%- endmacro %}

{#- The ids of the nodes that a model reads, itself or through views. -#}
{% macro read_by(id) -%}
    {%- set found = [] -%}
    {%- for parent in graph.nodes[id].depends_on.nodes if parent in graph.nodes -%}
        {%- do found.append(parent) -%}
        {%- if kind_made(graph.nodes[parent]) == 'view' -%}{%- do found.extend(read_by(parent)) -%}{%- endif -%}
    {%- endfor -%}
    {{ return(found | unique | list) }}
{%- endmacro %}

{#- The ids of the tables that a view reads, itself or through others. -#}
{% macro tables_below(name) -%}
    {%- set tables = [] -%}
    {%- for id in read_by('model.' ~ project_name ~ '.' ~ name) if kind_made(graph.nodes[id]) is none -%}{%- do tables.append(id) -%}{%- endfor -%}
    {{ return(tables) }}
{%- endmacro %}

{% macro are_built(ids, done) -%}
    {%- set built = done | map(attribute='unique_id') | list -%}
    {{ return(ids | reject('in', built) | list | length == 0) }}
{%- endmacro %}

{#- on-run-end: notes the code where this run made all views, or all seeds, from it. -#}
{% macro note_built_code(done) -%}
    {%- for kind, (code_hash, stands) in graph.made_code.items() if not stands -%}
        {%- set ids = [] -%}
        {%- for id, node in graph.nodes.items() if kind_made(node) == kind -%}{%- do ids.append(id) -%}{%- endfor -%}
        {%- if are_built(ids, done) -%}
            {%- do run_query(
                "insert into " ~ raw_table('built_code') ~ " (relation, code_hash) values ('" ~ made_name(kind) ~ "', '" ~ code_hash ~ "')"
            ) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{#- on-run-end of a build that push may rest on: where rules of state changed since the last one, the first push asks for a
    plan (raw.rule_changes). -#}
{% macro note_rules() -%}
    {%- set rules = rules_hash() -%}
    {%- if rules != graph.rules_before -%}
        {%- do run_query("delete from " ~ raw_table('built_code') ~ " where relation = '" ~ made_name('rule') ~ "'") -%}
        {%- do run_query(
            "insert into " ~ raw_table('built_code') ~ " (relation, code_hash) values ('" ~ made_name('rule') ~ "', '" ~ rules ~ "')"
        ) -%}
        {%- if graph.rules_before is not none -%}
            {%- do run_query("insert into " ~ raw_table('rule_changes') ~ " (relation, changed_at) values ('" ~ target.schema ~ "', " ~ utc_now() ~ ")") -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#- What decides on state: the policy's seeds and vars. -#}
{% macro rules_hash() -%}
    {%- set rules = [] -%}
    {%- for id, node in graph.nodes.items() if node.resource_type == 'seed' and node.name in ('suppression_policy', 'suppression_releases', 'topics') -%}
        {%- do rules.append(node.name ~ ' ' ~ node.checksum.checksum) -%}
    {%- endfor -%}
    {%- for name in [
        'consent_purposes', 'max_addresses_per_contact', 'unengaged_window_days', 'count_machine_opens', 'own_hours', 'unmarked_sources',
        'own_minutes', 'push_by_person', 'segment_consent_sources',
    ] -%}
        {%- do rules.append(name ~ ' ' ~ tojson(var(name), sort_keys=true)) -%}
    {%- endfor -%}
    {{ return(local_md5(rules | sort | join(', '))) }}
{%- endmacro %}

{#- 'seed' or 'view' for what is made anew from code alone, else none. -#}
{% macro kind_made(node) -%}
    {%- set kind = 'view' if node.resource_type == 'model' and node.config.materialized == 'view' else node.resource_type -%}
    {{ return(kind if kind in ('seed', 'view') else none) }}
{%- endmacro %}

{% macro made_name(kind) -%}{{ return(target.schema ~ ' ' ~ kind ~ 's') }}{%- endmacro %}

{#- dbt knows a seed of over a megabyte by its path alone: whether that one changed cannot be told. -#}
{% macro seeds_hash() -%}
    {%- set checksums = [] -%}
    {%- for id, node in graph.nodes.items() if node.resource_type == 'seed' -%}
        {%- do checksums.append(id ~ ' ' ~ node.checksum.checksum ~ ' ' ~ tojson(node.config, sort_keys=true)) -%}
    {%- endfor -%}
    {{ return(local_md5(checksums | sort | join(', '))) }}
{%- endmacro %}

{#- Models, macros and vars; as_of is the run's, not the code's. -#}
{% macro views_hash() -%}
    {%- set code = [] -%}
    {%- for id, node in graph.nodes.items() if node.resource_type == 'model' -%}
        {%- do code.append(id ~ ' ' ~ node.checksum.checksum ~ ' ' ~ tojson(node.config, sort_keys=true)) -%}
    {%- endfor -%}
    {%- for name, macro in context[project_name].items() -%}{%- do code.append(name ~ ' ' ~ macro.macro.macro_sql) -%}{%- endfor -%}
    {%- set vars = dict(adapter.config.vars.to_dict(), **adapter.config.cli_vars) -%}
    {%- do vars.pop('as_of', none) -%}
    {{ return(local_md5(code | sort | join(', ') ~ tojson(vars, sort_keys=true))) }}
{%- endmacro %}
