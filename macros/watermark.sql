{#- What an increment has not seen yet. Watermarks are literals, asked for before a query is compiled:
    both engines skip what a literal rules out (row groups on DuckDB, partitions on BigQuery), and
    neither does so for a subquery. Unit tests have no table to ask: there it is the subquery. -#}

{#- The latest value of a column of this model's own table, as a literal; 1970 where it is empty.
    Asked of the newest rows first, for BigQuery reads the whole column otherwise. by: the partition
    column, if it is another; a watermark that it makes too early only lets the model look at rows again. -#}
{% macro watermark(column, by=none) -%}
    {%- if not execute or model.resource_type == 'unit_test' -%}
        (select coalesce(max({{ column }}), {{ utc_literal('1970-01-01') }}) from {{ this }})
    {%- else -%}
        {{ utc_literal(latest_of_column(this, column, by) or '1970-01-01') }}
    {%- endif -%}
{%- endmacro %}

{#- The latest value as text, none where there is none. -#}
{% macro latest_of_column(relation, column, by=none) -%}
    {%- set question = "select cast(max(" ~ column ~ ") as " ~ dbt.type_string() ~ ") from " ~ relation -%}
    {{ return(one_value(question ~ " where " ~ (by or column) ~ " >= " ~ yesterday()) or one_value(question)) }}
{%- endmacro %}

{#- The start of yesterday, as a literal. -#}
{% macro yesterday() -%}
    {{ return(utc_literal((run_started_at - modules.datetime.timedelta(days=1)).strftime('%Y-%m-%d'))) }}
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
