{#- What a build has not seen yet. Every table stamps its rows with the build that wrote them (loaded_at); a build takes what
    was written since the last complete one, which raw.watermarks notes at its end (macros/raw.sql). A build that dies, fails or
    was selected in part notes nothing: the next one does all of it again, and every model bears that. The watermark is a literal,
    asked for before a query is compiled: both engines skip what a literal rules out (row groups on DuckDB, partitions
    on BigQuery), and neither does so for a subquery. Unit tests have no build to ask: there it is their own rows'. -#}

{#- Until when the last complete build has seen its inputs, as a literal; 1970 where there is none.
    column: what unit tests take it from, of the model's own rows. -#}
{% macro watermark(column) -%}
    {%- if not execute or model.resource_type == 'unit_test' -%}
        (select coalesce(max({{ column }}), {{ utc_literal('1970-01-01') }}) from {{ this }})
    {%- else -%}
        {{ utc_literal(noted('build')[0] or '1970-01-01') }}
    {%- endif -%}
{%- endmacro %}

{#- Of the last complete 'build' of this schema, or the last 'as_of': until when it saw, and when one last did without an
    as_of; texts or none. -#}
{% macro noted(kind) -%}
    {%- if graph.get('asked_by') != invocation_id -%}{%- do read_last_build() -%}{%- endif -%}
    {{ return(graph.watermarks.get(kind, [none, none])) }}
{%- endmacro %}

{#- on-run-start: the watermarks, the code of what stands, the ledger's length and the clock, asked at once; what another run notes
    meanwhile is only looked at again. dbt compile has no on-run-start, and may find no raw tables; a process may run dbt more
    than once. -#}
{% macro read_last_build() -%}
    {%- if flags.WHICH in ('compile', 'show', 'generate') and adapter.get_relation(target.database, 'raw', 'watermarks') is none -%}
        {%- do graph.update({
            'watermarks': {}, 'standing_code': {}, 'answers': {}, 'asked_by': invocation_id, 'rebuilds_groups': true, 'ledger_rows': none,
        }) -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set watermarks = {} -%}
    {%- set standing = {} -%}
    {%- set text = dbt.type_string() -%}
    {%- set none_of = "cast(null as " ~ text ~ ")" -%}
    {%- for kind, name, first, second, third, fourth in run_query(
        "select 'watermark', relation, cast(max(taken_until) as " ~ text ~ "),"
        ~ " cast(max(case when as_of = taken_until then taken_until end) as " ~ text ~ "), " ~ none_of ~ ", " ~ none_of
        ~ " from " ~ raw_table('watermarks') ~ " where relation in ('as_of', '" ~ made_name('build') ~ "') group by relation"
        ~ " union all select 'code', relation, code_hash, " ~ none_of ~ ", " ~ none_of ~ ", " ~ none_of ~ " from " ~ raw_table('built_code')
        ~ " union all select 'ledger', " ~ none_of ~ ", cast(count(*) as " ~ text ~ "), " ~ none_of ~ ", " ~ none_of ~ ", " ~ none_of
        ~ " from " ~ raw_table('sync_ledger')
        ~ " union all select 'clock', noted.* from (" ~ last_noted() ~ ") as noted"
    ).rows -%}
        {%- if kind == 'clock' -%}
            {%- do graph.update({'last_noted': {
                'started_at': name, 'is_future': first, 'went_back': second, 'as_of': third, 'next_stamp': fourth,
            }}) -%}
        {%- elif kind == 'ledger' -%}
            {%- do graph.update({'ledger_rows': first}) -%}
        {%- elif kind == 'code' -%}
            {%- do standing.update({name: first}) -%}
        {%- else -%}
            {%- do watermarks.update({'as_of' if name == 'as_of' else 'build': [first, second]}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do graph.update({
        'watermarks': watermarks, 'standing_code': standing, 'answers': {}, 'asked_by': invocation_id,
        'rebuilds_groups': flags.FULL_REFRESH or not watermarks.build or standing.get(made_name('group')) != code_hash()
            or lacks_groups(),
    }) -%}
{%- endmacro %}

{#- on-run-end: statements that note a build that made every stored model that is not left to the weekly run. -#}
{% macro complete_build_notes(done) -%}
    {%- set stored = [] -%}
    {%- for id, node in graph.nodes.items() if node.config.materialized == 'incremental' and 'weekly' not in node.tags -%}
        {%- if node.package_name == project_name -%}{%- do stored.append(id) -%}{%- endif -%}
    {%- endfor -%}
    {%- if not are_built(stored, done) -%}{{ return([]) }}{%- endif -%}
    {%- do note_hash('group', code_hash()) -%}
    {%- do note_hash('ledger', graph.ledger_rows) -%}
    {{ return([
        "insert into " ~ raw_table('watermarks') ~ " (relation, taken_until, as_of) values ('"
        ~ made_name('build') ~ "', " ~ build_time() ~ ", " ~ as_of() ~ ")",
    ]) }}
{%- endmacro %}

{#- on-run-start of a full refresh of what landed: what stood is no base of a later build, should this one not end. -#}
{% macro forget_last_build() -%}
    {%- if flags.FULL_REFRESH and flags.WHICH in ('build', 'run') and 'model.' ~ project_name ~ '.int_events_unioned' in selected_resources -%}
        {%- do run_query("delete from " ~ raw_table('watermarks') ~ " where relation = '" ~ made_name('build') ~ "'") -%}
    {%- endif -%}
{%- endmacro %}

{#- The table or view of a model that the one that asks reads, itself or through others: no ref, which dbt wants to see at parsing. -#}
{% macro table_of(name) -%}{{ return(graph.nodes['model.' ~ project_name ~ '.' ~ name].relation_name) }}{%- endmacro %}

{#- The values of a query's first column, asked once a run: of tables that no model writes after they are first asked. -#}
{% macro answers_of(question) -%}
    {%- set answers = graph.answers if graph.get('asked_by') == invocation_id else {} -%}
    {%- if question not in answers -%}{%- do answers.update({question: run_query(question).columns[0].values() | list}) -%}{%- endif -%}
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

{#- Predicate on int_events_unioned: copies that no complete build has judged. Copies that an as_of of
    the past hid come again; that branch is compiled only where such an as_of was used since. -#}
{% macro newly_loaded(since) -%}
    (loaded_at > {{ since }}{{ ' or was_hidden' if hides_copies() }})
{%- endmacro %}

{#- Whether a run with an as_of may have hidden something since the last complete build without one. -#}
{% macro hides_copies() -%}
    {%- if not execute or model.resource_type == 'unit_test' or var('as_of', none) is not none -%}
        {{ return(true) }}
    {%- endif -%}
    {%- set hidden_at = noted('as_of')[0] -%}
    {%- set shown_at = noted('build')[1] -%}
    {{ return(hidden_at is not none and (shown_at is none or hidden_at > shown_at)) }}
{%- endmacro %}
