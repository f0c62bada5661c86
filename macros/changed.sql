{#- The models of state are functions of whole groups of linked contacts and addresses. A build computes the groups
    anew that int_states_changed names, and leaves the others as they stand. Such a model names in meta.replaces its
    column that is a contact_id there (meta.changed_by: of another model; '*': all rows are replaced). Its changed rows are taken
    out, also those that will not come back, in the transaction of its insert (macros/incremental.sql, macros/merge.sql). -#}

{#- Predicate: this model's rows that an increment replaces; none for a model that replaces no groups. -#}
{% macro replaced_rows() -%}
    {%- set meta = config.get('meta') or {} -%}
    {%- if meta.get('replaces') == '*' -%}{{ return('true') }}{%- endif -%}
    {{ return(is_changed(meta.get('replaces'), meta.get('changed_by') or 'int_states_changed') if meta.get('replaces') else none) }}
{%- endmacro %}

{#- Predicate: this build computes the contact or address of that id. -#}
{% macro is_changed(id, changed_by='int_states_changed') -%}
    {%- if rebuilds_groups() -%}
        true
    {%- else -%}
        {{ id }} in (select changed.contact_id from {{ table_of(changed_by) }} as changed)
    {%- endif -%}
{%- endmacro %}

{#- Whether this build computes everybody's state: by a full refresh, where a table of groups is missing, where no
    complete build is on record, where code, seeds or vars are others than that build's, and in unit tests. -#}
{% macro rebuilds_groups() -%}
    {%- if not execute or model.resource_type == 'unit_test' -%}{{ return(true) }}{%- endif -%}
    {%- if graph.get('asked_by') != invocation_id -%}{%- do read_last_build() -%}{%- endif -%}
    {{ return(graph.rebuilds_groups) }}
{%- endmacro %}

{#- on-run-start: a build that computes everybody's state makes all of its tables, or none: a part of them would be read as the whole. It
    takes away the note of what stands, so that the next one computes everybody's, too, should this one not end. -#}
{% macro begin_groups() -%}
    {%- set selected = [] -%}
    {%- set left_out = [] -%}
    {%- for id, node in graph.nodes.items() if node.resource_type == 'model' and node.config.meta.get('replaces') -%}
        {%- do (selected if id in selected_resources else left_out).append(node.name) -%}
    {%- endfor -%}
    {#- Of a table that is made anew alone, the state may be another, too. -#}
    {%- if flags.WHICH in ('build', 'run') and rebuilds_groups() and (selected or flags.FULL_REFRESH) -%}
        {%- if selected and left_out -%}
            {{ exceptions.raise_compiler_error(
                "The state of everybody is computed anew (a full refresh, no complete build yet, or code, seeds or vars changed since), and "
                ~ left_out | join(', ') ~ " would be left out. Run `dbt build" ~ (' --full-refresh' if flags.FULL_REFRESH)
                ~ "` without a selection. Nothing was changed."
            ) }}
        {%- endif -%}
        {%- do run_query("delete from " ~ raw_table('built_code') ~ " where relation = '" ~ made_name('group') ~ "'") -%}
        {%- do graph.standing_code.pop(made_name('group'), none) -%}
    {%- endif -%}
{%- endmacro %}

{% macro lacks_groups() -%}
    {%- for id, node in graph.nodes.items() if node.resource_type == 'model' and node.config.meta.get('replaces') -%}
        {%- set relation = api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias) -%}
        {%- if load_cached_relation(relation) is none -%}{{ return(true) }}{%- endif -%}
    {%- endfor -%}
    {{ return(false) }}
{%- endmacro %}

{#- dbt's own, for models of groups in a build that computes everybody's. -#}
{% macro should_full_refresh() -%}
    {{ return(dbt.should_full_refresh() or ((config.get('meta') or {}).get('replaces') is not none and rebuilds_groups())) }}
{%- endmacro %}
