{#- The models of state are functions of whole groups of linked contacts and addresses. An increment
    computes the groups anew that int_contacts_changed (and int_unengaged_changed) name since the model
    last ran, and leaves the others as they stand; a marker row there means: everything.
    Such a model names in meta.replaces its column that these models name, and in meta.changed_by
    these models. Its changed rows are taken out (also those that will not come back) in the transaction of
    its insert, on DuckDB by a pre-hook, on BigQuery by macros/merge.sql; it stamps computed_at. -#}

{#- pre-hook: takes the changed rows of this model out; on BigQuery macros/merge.sql does. -#}
{% macro delete_changed_rows() %}{{ return(adapter.dispatch('delete_changed_rows')()) }}{% endmacro %}
{% macro duckdb__delete_changed_rows() -%}
    {%- if is_incremental() -%}
    delete from {{ this }} where {{ replaced_rows() }}
    {%- endif -%}
{%- endmacro %}
{% macro bigquery__delete_changed_rows() %}{% endmacro %}

{#- Predicate: this model's rows that an increment replaces; none for a model that replaces no groups. -#}
{% macro replaced_rows() -%}
    {%- set meta = config.get('meta') or {} -%}
    {{ return(is_changed(meta.replaces, meta.changed_by or ['int_contacts_changed']) if meta.replaces else none) }}
{%- endmacro %}

{#- Predicate: the id was changed since this model last ran. Always true in a full build. -#}
{% macro is_changed(id, changed_by=['int_contacts_changed']) -%}
    {%- if not is_incremental() or not execute -%}
        true
    {%- else -%}
        {%- set since = changed_since(changed_by) -%}
        {%- if since is none -%}
        true
        {%- else -%}
        {{ id }} in (
            {%- for model_name in changed_by %}
            select {{ model_name }}.contact_id from {{ ref(model_name) }} as {{ model_name }}
            where {{ model_name }}.changed_at > {{ since }}
            {{ 'union all' if not loop.last }}
            {%- endfor %}
        )
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#- When this model last ran, as a literal; none where everything has been changed since, or nothing is noted. -#}
{% macro changed_since(changed_by) -%}
    {%- set since = seen_until(this) -%}
    {%- if since is none -%}{{ return(none) }}{%- endif -%}
    {%- set since = utc_literal(since) -%}
    {%- for model_name in changed_by -%}
        {%- set markers = answer_of("select count(*) from " ~ ref(model_name) ~ " where is_everything and changed_at > " ~ since) -%}
        {%- if markers | int -%}{{ return(none) }}{%- endif -%}
    {%- endfor -%}
    {{ return(since) }}
{%- endmacro %}

{#- Whether this run computes changed groups only, and not everything. -#}
{% macro changes_part(changed_by=['int_contacts_changed']) -%}
    {{ return(is_incremental() and execute and changed_since(changed_by) is not none) }}
{%- endmacro %}
