{#- The models of state are functions of whole groups of linked contacts and addresses. An increment
    computes the groups anew that int_touched_contacts (and int_unengaged_changes) name since the model
    last ran, and leaves the others as they stand; a marker row there means: everything.
    Each such model takes its touched rows out by a pre-hook (also those that will not come back), in
    the transaction of its insert, and stamps computed_at. -#}

{#- pre-hook: takes the touched rows of this model out. id: column that the touching models name. -#}
{% macro withdraw_touched(id, touching=['int_touched_contacts']) -%}
    {%- if is_incremental() -%}
    delete from {{ this }} where {{ is_touched(id, touching) }}
    {%- endif -%}
{%- endmacro %}

{#- Predicate: the id was touched since this model last ran. Always true in a full build. -#}
{% macro is_touched(id, touching=['int_touched_contacts']) -%}
    {%- if not is_incremental() or not execute -%}
        true
    {%- else -%}
        {%- set since = touched_since(touching) -%}
        {%- if since is none -%}
        true
        {%- else -%}
        {{ id }} in (
            {%- for model_name in touching %}
            select {{ model_name }}.contact_id from {{ ref(model_name) }} as {{ model_name }}
            where {{ model_name }}.touched_at > {{ since }}
            {{ 'union all' if not loop.last }}
            {%- endfor %}
        )
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#- When this model last ran, as a literal (its own rows are about to change); none where everything
    has been touched since. -#}
{% macro touched_since(touching) -%}
    {%- set since = run_query("select cast(max(computed_at) as " ~ dbt.type_string() ~ ") from " ~ this).columns[0].values()[0] -%}
    {%- if since is none -%}{{ return(none) }}{%- endif -%}
    {%- set since = utc_literal(since) -%}
    {%- for model_name in touching -%}
        {%- set markers = run_query(
            "select count(*) from " ~ ref(model_name) ~ " where is_everything and touched_at > " ~ since
        ) -%}
        {%- if markers.columns[0].values()[0] | int -%}{{ return(none) }}{%- endif -%}
    {%- endfor -%}
    {{ return(since) }}
{%- endmacro %}

{#- Whether this run computes touched groups only, and not everything. -#}
{% macro touches_part(touching=['int_touched_contacts']) -%}
    {{ return(is_incremental() and execute and touched_since(touching) is not none) }}
{%- endmacro %}
