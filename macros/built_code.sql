{#- Views and seeds hold no rows of their own making, so the frequent run leaves them out. raw.built_code holds the hash of
    the code that those of a schema were made from. A run that makes some of them from other code takes the hash away
    before it begins; one that made all of them notes it at its end; and one that would fill a table through views or
    seeds of other code stops. -#}

{#- on-run-start, in `graph`, which all nodes of a run share: {kind: [hash of the code, whether what stands was made of it]}. -#}
{% macro check_built_code() -%}
    {%- do graph.update({'made_code': {}}) -%}
    {%- for kind, code_hash in code_hashes().items() -%}
        {#- A run with --empty makes views of nothing, and seeds without rows. -#}
        {%- set is_emptied = flags.WHICH in ['build', 'seed' if kind == 'seed' else 'run'] and flags.EMPTY -%}
        {%- set stands = graph.standing_code.get(made_name(kind)) == code_hash and not is_emptied -%}
        {%- do graph.made_code.update({kind: [code_hash, stands]}) -%}
        {#- A run-operation makes and fills nothing; what is selected is that of a run before it. -#}
        {%- if not stands and flags.WHICH != 'run-operation' -%}
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
            {%- do note_hash(kind, code_hash) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{% macro note_hash(kind, code_hash) -%}
    {%- if graph.standing_code.get(made_name(kind)) == code_hash -%}{{ return(none) }}{%- endif -%}
    {%- do run_query("delete from " ~ raw_table('built_code') ~ " where relation = '" ~ made_name(kind) ~ "'") -%}
    {%- do run_query(
        "insert into " ~ raw_table('built_code') ~ " (relation, code_hash) values ('" ~ made_name(kind) ~ "', '" ~ code_hash ~ "')"
    ) -%}
{%- endmacro %}

{#- on-run-end, before a build is recorded that push may rest on: where rules changed since the last one, the first push
    asks for a plan (raw.rule_changes). Those of `unengaged` change with the build that makes it anew. -#}
{% macro note_rules(done) -%}
    {%- set of_unengaged = ['unengaged_window_days', 'count_machine_opens'] -%}
    {%- set kinds = {'rule': rules_hash(of_unengaged)} -%}
    {%- if 'unengaged' in done | map(attribute='name') -%}
        {%- do kinds.update({'unengaged rule': local_md5(var(of_unengaged[0]) ~ ', ' ~ var(of_unengaged[1]))}) -%}
    {%- endif -%}
    {%- for kind, rules in kinds.items() -%}
        {%- set before = graph.standing_code.get(made_name(kind)) -%}
        {%- if before is not none and rules != before -%}
            {#- After every push on record, also of a machine whose clock is ahead: none of them obeyed these rules. Up to a day ahead
                (a wrong time zone, no wrong year), for till then each push asks for a plan; the guard leaves out what is later. -#}
            {%- do run_query(
                "insert into " ~ raw_table('rule_changes') ~ " (relation, changed_at) select '" ~ target.schema ~ "', greatest(" ~ utc_now()
                ~ ", coalesce(max(" ~ timestamp_plus('started_at', 1, 'microsecond') ~ "), " ~ utc_now() ~ ")) from " ~ raw_table('sync_runs')
                ~ " where expires_at >= " ~ utc_now() ~ " and started_at < " ~ timestamp_plus(utc_now(), 1, 'day')
            ) -%}
        {%- endif -%}
        {%- if rules != before -%}
            {%- do note_hash(kind, rules) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{#- 'seed' or 'view' for what is made anew from code alone, else none. -#}
{% macro kind_made(node) -%}
    {%- set kind = 'view' if node.resource_type == 'model' and node.config.materialized == 'view' else node.resource_type -%}
    {{ return(kind if kind in ('seed', 'view') else none) }}
{%- endmacro %}

{#- The ids of all views. -#}
{% macro views_made() -%}
    {%- set ids = [] -%}
    {%- for id, node in graph.nodes.items() if kind_made(node) == 'view' -%}{%- do ids.append(id) -%}{%- endfor -%}
    {{ return(ids) }}
{%- endmacro %}

{% macro made_name(kind) -%}{{ return(target.schema ~ ' ' ~ kind ~ 's') }}{%- endmacro %}

{#- The hashes of this project's code, reckoned once a run: of its seeds, and of its models, macros and vars. -#}
{% macro code_hashes() -%}
    {%- if graph.get('hashed_by') != invocation_id -%}
        {%- do graph.update({'code_hashes': {'seed': seeds_hash(), 'view': views_hash()}, 'hashed_by': invocation_id}) -%}
    {%- endif -%}
    {{ return(graph.code_hashes) }}
{%- endmacro %}

{% macro code_hash() -%}{{ return(code_hashes().values() | join(' ')) }}{%- endmacro %}

{#- dbt knows a seed of over a megabyte by its path alone: whether that one changed cannot be told. -#}
{% macro seeds_hash() -%}
    {%- set checksums = [] -%}
    {%- for id, node in graph.nodes.items() if node.resource_type == 'seed' -%}
        {%- do checksums.append(id ~ ' ' ~ node.checksum.checksum ~ ' ' ~ tojson(node.config, sort_keys=true)) -%}
    {%- endfor -%}
    {{ return(local_md5(checksums | sort | join(', '))) }}
{%- endmacro %}

{#- Models, macros and vars; as_of and how far a run looks back are the run's, not the code's. -#}
{% macro views_hash() -%}
    {%- set code = [] -%}
    {%- for id, node in graph.nodes.items() if node.resource_type == 'model' -%}
        {%- do code.append(id ~ ' ' ~ node.checksum.checksum ~ ' ' ~ tojson(node.config, sort_keys=true)) -%}
    {%- endfor -%}
    {#- Their names are in the text of views: macros/names.sql. -#}
    {%- do code.append(graph.nodes['seed.' ~ project_name ~ '.trait_names'].checksum.checksum) -%}
    {%- for name, macro in context[project_name].items() -%}{%- do code.append(name ~ ' ' ~ macro.macro.macro_sql) -%}{%- endfor -%}
    {{ return(local_md5(code | sort | join(', ') ~ vars_text(['as_of', 'arrival_lookback_hours']))) }}
{%- endmacro %}

{#- What decides on state, but what is asked of the platforms (the seeds of destinations are guarded by what they change). -#}
{% macro rules_hash(other_vars) -%}
    {%- set rules = [] -%}
    {%- for id, node in graph.nodes.items() if node.resource_type == 'seed' and not node.name.startswith('destination') -%}
        {%- do rules.append(node.name ~ ' ' ~ node.checksum.checksum) -%}
    {%- endfor -%}
    {{ return(local_md5(rules | sort | join(', ') ~ vars_text(['as_of', 'arrival_lookback_hours'] + other_vars))) }}
{%- endmacro %}

{#- The project's vars with what the command line says instead, as text; a var may be of any type. -#}
{% macro vars_text(left_out) -%}
    {%- set texts = [] -%}
    {%- for name, value in dict(adapter.config.vars.to_dict(), **adapter.config.cli_vars).items() if name not in left_out -%}
        {%- do texts.append(name ~ ' ' ~ value) -%}
    {%- endfor -%}
    {{ return(texts | sort | join(', ')) }}
{%- endmacro %}
