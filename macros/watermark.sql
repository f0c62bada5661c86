{#- What an increment has not seen yet. Every table stamps its rows with the run that wrote them (loaded_at);
    a model has seen what was written until its own last run that succeeded, which raw.watermarks notes at the
    end of each run (macros/raw.sql). A run that dies notes nothing: its rows are looked at again, and
    every model bears that. Watermarks are literals, asked for before a query is compiled: both engines skip what
    a literal rules out (row groups on DuckDB, partitions on BigQuery), and neither does so for a
    subquery. Unit tests have no table to ask: there it is the subquery. -#}

{#- Until when this model has seen its inputs, as a literal; 1970 where it has seen nothing.
    column: what unit tests take it from, of the model's own rows. -#}
{% macro watermark(column) -%}
    {%- if not execute or model.resource_type == 'unit_test' -%}
        (select coalesce(max({{ column }}), {{ utc_literal('1970-01-01') }}) from {{ this }})
    {%- else -%}
        {{ utc_literal(seen_until(this) or '1970-01-01') }}
    {%- endif -%}
{%- endmacro %}

{#- The same as text, of any model; none where it has seen nothing. -#}
{% macro seen_until(relation) -%}
    {{ return(noted(relation.render() | replace('`', ''))[0]) }}
{%- endmacro %}

{#- Of one relation of raw.watermarks: until when it was seen, and when it last was without an as_of; texts or none. -#}
{% macro noted(relation) -%}
    {%- if graph.get('asked_by') != invocation_id -%}{%- do read_watermarks() -%}{%- endif -%}
    {{ return(graph.watermarks.get(relation, [none, none])) }}
{%- endmacro %}

{#- on-run-start: all of them at once; what another run notes meanwhile is only looked at again. -#}
{% macro read_watermarks() -%}
    {%- set found = {} -%}
    {%- for row in run_query(
        "select relation, cast(max(taken_until) as " ~ dbt.type_string() ~ "),"
        ~ " cast(max(case when as_of = taken_until then taken_until end) as " ~ dbt.type_string() ~ ")"
        ~ " from " ~ raw_table('watermarks') ~ " group by relation"
    ).rows -%}
        {%- do found.update({row[0]: [row[1], row[2]]}) -%}
    {%- endfor -%}
    {#- dbt compile has no on-run-start, and a process may run dbt more than once. -#}
    {%- do graph.update({'watermarks': found, 'answers': {}, 'asked_by': invocation_id}) -%}
{%- endmacro %}

{#- The first value of a query's first row, asked once a run: of tables that no model writes after it is first asked. -#}
{% macro answer_of(question) -%}
    {%- set answers = graph.answers if graph.get('asked_by') == invocation_id else {} -%}
    {%- if question not in answers -%}{%- do answers.update({question: one_value(question)}) -%}{%- endif -%}
    {{ return(answers[question]) }}
{%- endmacro %}

{#- The latest value of a timestamp column as text, none where there is none; the newest partitions first. -#}
{% macro latest_of_column(relation, column) -%}
    {%- set question = "select cast(max(" ~ column ~ ") as " ~ dbt.type_string() ~ ") from " ~ relation -%}
    {%- set yesterday = utc_literal((run_started_at - modules.datetime.timedelta(days=1)).strftime('%Y-%m-%d')) -%}
    {{ return(one_value(question ~ " where " ~ column ~ " >= " ~ yesterday) or one_value(question)) }}
{%- endmacro %}

{#- The first value of a query's first row. -#}
{% macro one_value(question) -%}
    {{ return(run_query(question).columns[0].values()[0]) }}
{%- endmacro %}

{#- Predicate on int_events_unioned: copies that this model has not judged yet. Copies that an as_of of
    the past hid come again; that branch is compiled only where such an as_of was used since. -#}
{% macro newly_loaded(since) -%}
    (loaded_at > {{ since }}{{ ' or was_hidden' if hides_copies() }})
{%- endmacro %}

{#- Whether a run with an as_of may have hidden something since this model last ran without one. -#}
{% macro hides_copies() -%}
    {%- if not execute or model.resource_type == 'unit_test' or var('as_of', none) is not none -%}
        {{ return(true) }}
    {%- endif -%}
    {%- set hidden_at = noted('as_of')[0] -%}
    {%- set shown_at = noted(this.render() | replace('`', ''))[1] -%}
    {{ return(hidden_at is not none and (shown_at is none or hidden_at > shown_at)) }}
{%- endmacro %}
