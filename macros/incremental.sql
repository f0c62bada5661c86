{#- How an increment is written: dbt's own way, but for a model that finds nothing new (meta.fed_by, macros/news.sql), which is left as
    it stands, and on DuckDB for models of groups (meta.replaces, macros/changed.sql), which need no table in between. -#}

{%- materialization incremental, adapter='duckdb', supported_languages=['sql', 'python'] -%}
    {%- if finds_nothing_new() -%}
        {{ return(leave_as_it_stands()) }}
    {%- elif replaced_rows() and is_incremental() -%}
        {#- One transaction: nobody ever reads a list from which they are missing. -#}
        {%- call statement('main') -%}
            delete from {{ this }} where {{ replaced_rows() }};
            insert into {{ this }} by name
            select * from ({{ sql }}) as computed where {{ replaced_rows() }}
        {%- endcall -%}
        {%- do adapter.commit() -%}
        {{ return({'relations': [this.incorporate(type='table')]}) }}
    {%- endif -%}
    {{ return(dbt.materialization_incremental_duckdb()) }}
{%- endmaterialization -%}

{%- materialization incremental, adapter='bigquery', supported_languages=['sql', 'python'] -%}
    {%- if finds_nothing_new() -%}
        {{ return(leave_as_it_stands()) }}
    {%- endif -%}
    {{ return(dbt.materialization_incremental_bigquery()) }}
{%- endmaterialization -%}

{% macro finds_nothing_new() -%}
    {%- set kind = (config.get('meta') or {}).get('fed_by') -%}
    {{ return(kind is not none and is_incremental() and not has_news(kind)) }}
{%- endmacro %}

{% macro leave_as_it_stands() -%}
    {%- call noop_statement('main', 'NOTHING NEW', 'OK', 0) -%}{%- endcall -%}
    {{ return({'relations': [this.incorporate(type='table')]}) }}
{%- endmacro %}
