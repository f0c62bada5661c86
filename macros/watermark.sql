{#- What an increment has not seen yet. Watermarks are literals, asked for before a query is compiled:
    both engines skip what a literal rules out (row groups on DuckDB, partitions on BigQuery), and
    neither does so for a subquery. Unit tests have no table to ask: there it is the subquery. -#}

{#- The latest value of a column of this model's own table, as a literal; 1970 where it is empty.
    BigQuery asks the newest partitions first: the whole column only where those are empty. -#}
{% macro watermark(column) -%}
    {%- if not execute or model.resource_type == 'unit_test' -%}
        (select coalesce(max({{ column }}), {{ utc_literal('1970-01-01') }}) from {{ this }})
    {%- else -%}
        {{ utc_literal(latest_of_column(this, column) or '1970-01-01') }}
    {%- endif -%}
{%- endmacro %}

{#- The latest value as text, none where there is none. -#}
{% macro latest_of_column(relation, column) -%}
    {%- set question = "select cast(max(" ~ column ~ ") as " ~ dbt.type_string() ~ ") from " ~ relation -%}
    {%- set recent = timestamp_plus(taken_now(), -1, 'day') -%}
    {%- set found = one_value(question ~ " where " ~ column ~ " >= " ~ recent) -%}
    {{ return(found or one_value(question)) }}
{%- endmacro %}

{#- The first value of a query's first row. -#}
{% macro one_value(question) -%}
    {{ return(run_query(question).columns[0].values()[0]) }}
{%- endmacro %}

{#- Predicate on int_events__unioned: copies that this model has not judged yet. Copies that an as_of of
    the past hid come again; that branch is compiled only where such an as_of was ever used. -#}
{% macro newly_taken(since) -%}
    (taken_at > {{ since }}{{ ' or was_hidden' if hides_copies() }})
{%- endmacro %}

{% macro hides_copies() -%}
    {{ return(
        not execute or model.resource_type == 'unit_test' or var('as_of', none) is not none
        or one_value("select count(*) from " ~ raw_table('builds') ~ " where as_of < started_at") | int > 0
    ) }}
{%- endmacro %}
