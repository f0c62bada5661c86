{#- on-run-start: the raw schema, the ledger tables, and (DuckDB) views over the landing files.
    Stops the run where the clock or var('as_of') went backwards: watermarks would miss rows. -#}
{% macro prepare_raw() -%}
    {%- if execute -%}
        {%- do graph.update({'run_stamp': none}) -%}
        {%- set is_new = lacks_raw_tables() -%}
        {%- if is_new -%}{%- do make_raw_tables() -%}{%- endif -%}
        {%- do read_last_build() -%}
        {#- An older version's tables come to have new columns. -#}
        {%- if rebuilds_groups() and not is_new -%}{%- do make_raw_tables() -%}{%- endif -%}
        {%- do check_built_code() -%}
        {%- do check_clock() -%}
        {%- do adapter.dispatch('open_landing')() -%}
        {%- do check_landing() -%}
        {%- do drop_replaced_relations() -%}
        {%- do begin_groups() -%}
        {%- do forget_last_build() -%}
        {%- do make_weekly_tables() -%}
        {%- if var('as_of', none) is not none -%}
            {#- Before anything can be hidden, and whatever becomes of the run. -#}
            {%- do run_query(
                "insert into " ~ raw_table('watermarks') ~ " (relation, taken_until, as_of) values ('as_of', " ~ build_time() ~ ", " ~ as_of() ~ ")"
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{% macro make_raw_tables() -%}
    {%- set replaced = none if var('is_simulation') else adapter.get_relation(target.database, 'raw', 'landing_taken') -%}
    {%- if replaced -%}{%- do run_query('drop table if exists ' ~ raw_table('landing_files')) -%}{%- endif -%}
    {%- for statement in adapter.dispatch('raw_tables')() if made_here(statement) -%}{%- do run_query(statement) -%}{%- endfor -%}
    {%- if replaced -%}{%- do move_landing_taken() -%}{%- endif -%}
{%- endmacro %}

{#- Asked of the adapter, which has a call for it. -#}
{% macro lacks_raw_tables() -%}
    {%- set missing = [] -%}
    {%- for statement in adapter.dispatch('raw_tables')() if statement.startswith('create table') and made_here(statement) -%}
        {%- set name = table_named(statement) -%}
        {%- if adapter.get_relation(target.database, raw_schema(name), name) is none -%}{%- do missing.append(name) -%}{%- endif -%}
    {%- endfor -%}
    {%- do graph.update({'has_landing_views': adapter.get_relation(target.database, 'raw', 'webhook_requests') is not none}) -%}
    {#- Asking opened a transaction on DuckDB, which would take back all that this hook writes. -#}
    {%- do adapter.commit() -%}
    {{ return(missing | length > 0) }}
{%- endmacro %}

{#- The table that a statement of raw_tables() makes or changes; '' where it makes the schema. -#}
{% macro table_named(statement) -%}
    {%- set found = modules.re.search('(?:table|exists) [^ ]*[.](\\w+) ', statement) -%}
    {{ return(found.group(1) if found else '') }}
{%- endmacro %}

{#- A simulation makes no tables but its own. -#}
{% macro made_here(statement) -%}{{ return(not var('is_simulation') or raw_schema(table_named(statement)) != 'raw') }}{%- endmacro %}

{#- A table of the raw schema; on BigQuery with its project, which may be another than the one that runs queries. -#}
{% macro raw_table(name) %}{{ return(adapter.dispatch('raw_table')(name)) }}{% endmacro %}
{% macro duckdb__raw_table(name) %}{{ return('raw.' ~ name) }}{% endmacro %}
{% macro bigquery__raw_table(name) %}{{ return('`' ~ target.database ~ '`.' ~ raw_schema(name) ~ '.' ~ name) }}{% endmacro %}

{#- The schema of such a table. With var('is_simulation') what a build records of itself is kept beside its models, so that the
    builds that count know nothing of it (contact-sync simulate). -#}
{% macro raw_schema(name) -%}
    {%- set of_a_build = ['watermarks', 'landing_files', 'landing_loaded', 'landing_archived', 'built_code', 'rule_changes', 'builds'] -%}
    {{ return(target.schema if var('is_simulation') and name in of_a_build else 'raw') }}
{%- endmacro %}

{#- How a table of the raw schema is stored: on BigQuery in a partition a day of a timestamp, clustered. -#}
{% macro stored_in_days(timestamp, cluster='') %}{{ return(adapter.dispatch('stored_in_days')(timestamp, cluster)) }}{% endmacro %}
{% macro duckdb__stored_in_days(timestamp, cluster) %}{{ return('') }}{% endmacro %}
{% macro bigquery__stored_in_days(timestamp, cluster) -%}
    {{ return(' partition by date(' ~ timestamp ~ ')' ~ (' cluster by ' ~ cluster if cluster else '')) }}
{%- endmacro %}

{% macro ledger_tables(text, integer, timestamp) -%}
    {{ return([
        "create table if not exists " ~ raw_table('sync_ledger') ~ " (run_id " ~ text ~ ", delta_id " ~ text
        ~ ", destination " ~ text ~ ", channel " ~ text ~ ", scope " ~ text ~ ", address " ~ text
        ~ ", contact_id " ~ text ~ ", action " ~ text ~ ", reason " ~ text ~ ", event_id " ~ text
        ~ ", event_timestamp " ~ timestamp ~ ", outcome " ~ text ~ ", http_status " ~ integer ~ ", error " ~ text ~ ", attempts " ~ integer
        ~ ", pushed_at " ~ timestamp ~ ")" ~ stored_in_days('pushed_at', 'destination, channel, scope'),
        "alter table " ~ raw_table('sync_ledger') ~ " add column if not exists event_timestamp " ~ timestamp,
        "create table if not exists " ~ raw_table('sync_runs') ~ " (run_id " ~ text ~ ", destination " ~ text
        ~ ", started_at " ~ timestamp ~ ", ended_at " ~ timestamp ~ ", expires_at " ~ timestamp
        ~ ", status " ~ text ~ ", suppressed " ~ integer ~ ", released " ~ integer
        ~ ", subscribed " ~ integer ~ ", confirmed " ~ integer ~ ", accepted " ~ integer
        ~ ", rejected " ~ integer ~ ", absent " ~ integer ~ ", failed " ~ integer
        ~ ", plan_hash " ~ text ~ ")" ~ stored_in_days('expires_at', 'destination'),
        "create table if not exists " ~ raw_table('watermarks') ~ " (relation " ~ text ~ ", taken_until " ~ timestamp
        ~ ", as_of " ~ timestamp ~ ")" ~ stored_in_days('taken_until'),
        "create table if not exists " ~ raw_table('landing_archived') ~ " (landing_part " ~ text ~ ", archived_at " ~ timestamp ~ ")",
        "create table if not exists " ~ raw_table('built_code') ~ " (relation " ~ text ~ ", code_hash " ~ text ~ ")",
        "create table if not exists " ~ raw_table('rule_changes') ~ " (relation " ~ text ~ ", changed_at " ~ timestamp ~ ")",
        "create table if not exists " ~ raw_table('forgotten') ~ " (name_hash " ~ text ~ ", kind " ~ text ~ ", channel " ~ text
        ~ ", reason " ~ text ~ ", refused_at " ~ timestamp ~ ", forgotten_at " ~ timestamp ~ ")",
        "create table if not exists " ~ raw_table('builds') ~ " (invocation_id " ~ text ~ ", started_at " ~ timestamp
        ~ ", ended_at " ~ timestamp ~ ", as_of " ~ timestamp ~ ", ok "
        ~ dbt.type_boolean() ~ ")",
        "create table if not exists " ~ raw_table('alerts') ~ " (incident_id " ~ text ~ ", rule " ~ text ~ ", subject " ~ text
        ~ ", channel " ~ text ~ ", state " ~ text ~ ", value " ~ integer ~ ", told_at " ~ timestamp ~ ")",
    ]) }}
{%- endmacro %}

{#- What Google's Postmaster Tools says of a domain's mail: text on every engine, as the API's objects came. -#}
{% macro postmaster_table(text) -%}
    {%- set columns = [] -%}
    {%- for column in postmaster_columns() -%}{%- do columns.append(column ~ " " ~ text) -%}{%- endfor -%}
    {{ return("create table if not exists " ~ raw_table('postmaster_daily') ~ " (" ~ columns | join(", ") ~ ")") }}
{%- endmacro %}
{% macro postmaster_columns() %}{{ return(['name', 'date', 'metric', 'value', 'queried_at']) }}{% endmacro %}

{% macro duckdb__raw_tables() -%}
    {{ return([
        "create schema if not exists raw",
        "create table if not exists " ~ raw_table('landing_loaded')
        ~ " (relation varchar, landing_part varchar, fingerprint varchar, loaded_at timestamp)",
        postmaster_table("varchar"),
    ] + ledger_tables("varchar", "bigint", "timestamp")) }}
{%- endmacro %}

{#- Partitioned by day of arrival (the log and the directory by their own day: they have no other), so that a
    run reads the days that changed; deliveries clustered by source and time, so that of a day it reads what is new. -#}
{% macro bigquery__raw_tables() -%}
    {#- Asked first: `create schema if not exists` needs the right to create even where it exists. -#}
    {%- set schema = [] if 'raw' in adapter.list_schemas(target.database) else ["create schema `" ~ target.database ~ "`.raw"] -%}
    {{ return(schema + [
        "create table if not exists " ~ raw_table('webhook_deliveries') ~ " (delivery_id string not null, source string not null,"
        ~ " received_at timestamp not null, payload string)"
        ~ " partition by date(received_at) cluster by source, received_at",
        "create table if not exists " ~ raw_table('email_sends') ~ " (recipient_email string, send_date timestamp, message_id string)"
        ~ " partition by date(send_date)",
        "create table if not exists " ~ raw_table('email_opens') ~ " (id string, recipient_email string, open_date timestamp)"
        ~ " partition by date(open_date)",
        "create table if not exists " ~ raw_table('contacts') ~ " (external_id string, email string, phone string,"
        ~ " push_token string, updated_at timestamp) partition by date(updated_at)",
        "create table if not exists " ~ raw_table('webhook_requests') ~ " (source string, status_class string, requests int64,"
        ~ " counted_at timestamp) partition by date(counted_at) options (partition_expiration_days = 30)",
        postmaster_table("string"),
        "create table if not exists " ~ raw_table('landing_files')
        ~ " (invocation_id string, landing_part string, fingerprint string, noted_at timestamp)",
        "create table if not exists " ~ raw_table('landing_loaded')
        ~ " (relation string, landing_part string, fingerprint string, loaded_at timestamp)",
    ] + ledger_tables("string", "int64", "timestamp")) }}
{%- endmacro %}

{#- raw.landing_files: the partitions of the raw tables, how many rows each has and when it last changed, as
    this run found them before it read them; of each run apart, for others may run meanwhile. -#}
{% macro bigquery__open_landing() -%}
    {%- do run_query(
        "delete from " ~ raw_table('landing_files') ~ " where noted_at < timestamp_sub(" ~ build_time() ~ ", interval 2 day);\n"
        ~ "insert into " ~ raw_table('landing_files') ~ " (invocation_id, landing_part, fingerprint, noted_at)"
        ~ " select '" ~ invocation_id ~ "', table_name || '/' || case"
        ~ " when partition_id is null or (partition_id = '__NULL__' and count(*) over (partition by table_name) = 1) then 'all'"
        ~ " else partition_id end, cast(total_rows as string) || '@' || cast(last_modified_time as string), " ~ build_time()
        ~ " from " ~ raw_table('INFORMATION_SCHEMA') ~ ".PARTITIONS"
        ~ " where table_name in ('webhook_deliveries', 'email_sends', 'email_opens', 'contacts')"
        ~ " and coalesce(partition_id, '') <> '__UNPARTITIONED__'"
    ) -%}
{%- endmacro %}

{#- raw.landing_files: each file, with its size and time BEFORE the run reads it, so that what is written meanwhile is read again
    by the next run; and views over the files. A file that was loaded more than arrival_lookback_hours ago is looked at again
    by a run that makes the views, too, as the daily one does: asking for the time of each takes a second for ten thousand. -#}
{% macro duckdb__open_landing() -%}
    {%- set landing = env_var('CONTACT_SYNC_LANDING', 'landing').rstrip('/') -%}
    {%- set tables = {
        'webhook_deliveries': ['delivery_id', 'received_at', 'payload'],
        'email_sends': ['recipient_email', 'send_date', 'message_id'],
        'email_opens': ['id', 'recipient_email', 'open_date'],
        'contacts': ['external_id', 'email', 'phone', 'push_token', 'updated_at'],
    } -%}
    {%- do run_query(landing_files_before(landing, tables)) -%}
    {%- if looks_at_all_files() -%}{%- do warn_of_deep_files(landing) -%}{%- endif -%}
    {%- set files = landed_file_patterns(landing) -%}
    {%- if files.unasked -%}
        {%- do run_query(
            "update " ~ raw_table('landing_files') ~ " set fingerprint = size || '@' || epoch_us(last_modified) from read_blob(['"
            ~ files.unasked | join("', '") ~ "']) as files where landing_part = files.filename"
        ) -%}
    {%- endif -%}
    {%- set views = [] -%}
    {%- for table, columns in tables.items() -%}
        {%- do views.append(landing_view(table, columns, landed_files(landing, table) | select('in', files.pattern) | list)) -%}
    {%- endfor -%}
    {#- The views name the landing and whether it has files; they are made where they do not stand so. -#}
    {%- set views = views | join(';\n') -%}
    {%- if not graph.get('has_landing_views') or graph.standing_code.get('landing') != local_md5(views) -%}
        {%- do run_query(views) -%}
        {%- do run_query(
            "delete from " ~ raw_table('built_code') ~ " where relation = 'landing'; insert into " ~ raw_table('built_code')
            ~ " (relation, code_hash) values ('landing', '" ~ local_md5(views) ~ "')"
        ) -%}
    {%- endif -%}
    {%- set requests = landed_files(landing, 'webhook_requests') | select('in', files.pattern) | list -%}
    {%- if requests or not graph.get('has_landing_views') -%}
        {%- do run_query("create or replace table " ~ raw_table('webhook_requests') ~ " as " ~ landed_requests(requests)) -%}
    {%- endif -%}
    {%- if looks_at_all_files() -%}{%- do load_postmaster(landing) -%}{%- endif -%}
    {%- if not files.pattern -%}
        {%- do exceptions.warn("No landing files below " ~ landing ~ " (CONTACT_SYNC_LANDING): there is nothing to read.") -%}
    {%- endif -%}
{%- endmacro %}

{#- Whether this run makes the views, too, as the daily one does, or everything anew. -#}
{% macro looks_at_all_files() -%}
    {{ return(flags.FULL_REFRESH or selected_resources | select('in', views_made()) | list | length > 0) }}
{%- endmacro %}

{#- The files by name, with the fingerprint of the last time it was loaded where it is not asked for again. -#}
{% macro landing_files_before(landing, tables) -%}
    create or replace table {{ raw_table('landing_files') }} as
    with
    files as (
        {%- for table in tables %}
        {%- set is_last = loop.last %}
        {%- for pattern in landed_files(landing, table) %}
        select file as landing_part, '{{ pattern }}' as pattern from glob('{{ pattern }}')
        {{ 'union all' if not (is_last and loop.last) }}
        {%- endfor %}
        {%- endfor %}
    ),
    loaded as (
        select landing_part, max(loaded_at) as loaded_at, arg_max(fingerprint, loaded_at) as fingerprint
        from {{ raw_table('landing_loaded') }}
        where relation = '{{ table_of('int_events_unioned') }}'
        group by landing_part
    )
    select
        '{{ invocation_id }}' as invocation_id,
        files.landing_part,
        files.pattern,
        case
            when
                {{ 'false' if looks_at_all_files() else 'loaded.loaded_at < ' ~ timestamp_plus(build_time(), -var('arrival_lookback_hours'), 'hour') }}
                -- What is in no folder of a day is written anew under its name.
                and files.landing_part like '%/date=%'
                then loaded.fingerprint
        end as fingerprint,
        {{ build_time() }} as noted_at
    from files
    left join loaded
        on files.landing_part = loaded.landing_part
{%- endmacro %}

{#- The patterns that find files (DuckDB refuses to read by the others), and the files whose size and time are asked for. -#}
{% macro landed_file_patterns(landing) -%}
    {%- set found = {'pattern': [], 'unasked': []} -%}
    {%- set requests = landed_files(landing, 'webhook_requests')[0] -%}
    {%- for name, text in run_query(
        "select distinct 'pattern', pattern from " ~ raw_table('landing_files')
        ~ " union all (select 'pattern', '" ~ requests ~ "' from glob('" ~ requests ~ "') limit 1)"
        ~ " union all select 'unasked', landing_part from " ~ raw_table('landing_files') ~ " where fingerprint is null"
    ).rows -%}
        {%- do found[name].append(text | replace("'", "''")) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{#- A view over a table's files; over those alone that a session names in the variable landing_<table>, as int_events_unioned does. -#}
{% macro landing_view(table, columns, patterns) -%}
    create or replace view raw.{{ table }} as
    select
        {% for column in columns -%}
        {% if column == 'received_at' -%}
        try_cast(received_at as timestamptz) at time zone 'UTC' as received_at,
        {% else -%}
        {{ column }},
        {% endif -%}
        {%- endfor %}
        {%- if table == 'webhook_deliveries' %}
        regexp_extract(filename, 'source=([^/]+)/', 1) as source,
        {%- endif %}
        filename as landing_part
    from
    {%- if patterns %}
        {#- 64 MB: larger than any body a platform sends; a longer line is an unreadable line. #}
        read_json(
            coalesce(getvariable('landing_{{ table }}'), ['{{ patterns | join("', '") }}']),
            format = 'newline_delimited', filename = true, ignore_errors = true, hive_partitioning = false,
            maximum_object_size = 67108864,
            columns = { {%- for column in columns %}{{ column }}: 'VARCHAR'{{ ', ' if not loop.last }}{% endfor -%} }
        )
    {%- else %}
        (select {% for column in columns %}cast(null as varchar) as {{ column }}, {% endfor %}'' as filename where false)
    {%- endif %}
{%- endmacro %}

{#- Where the files of a table lie. Deliveries: down to the folders of days, as `**` takes twice as long for a year of files. -#}
{%- macro landed_files(landing, table) -%}
    {%- set patterns = [] -%}
    {%- for folders in (['', '*/', '*/*/'] if table == 'webhook_deliveries' else ['**/']) -%}
        {%- do patterns.append((landing ~ '/' ~ table ~ '/' ~ folders ~ '*.ndjson') | replace("'", "''")) -%}
    {%- endfor -%}
    {{ return(patterns) }}
{%- endmacro %}

{#- Says which files lie deeper than that: they are not read. -#}
{%- macro warn_of_deep_files(landing) -%}
    {%- set deep = landing ~ '/webhook_deliveries/*/*/*/**/*.ndjson' -%}
    {%- set found = run_query("select count(*), min(file) from glob('" ~ deep | replace("'", "''") ~ "')").rows[0] -%}
    {%- if found[0] -%}
        {%- do exceptions.warn(
            found[0] ~ " landing files are not read, as they lie deeper than source=<source>/date=<day>/, among them " ~ found[1]
            ~ ": move them up."
        ) -%}
    {%- endif -%}
{%- endmacro %}

{#- How the receiver answered in the last 30 days (DuckDB): a table, for the command may run in another folder. -#}
{% macro landed_requests(patterns) -%}
    {%- if patterns -%}
        select
            source,
            status_class,
            try_cast(requests as bigint) as requests,
            try_cast(counted_at as timestamptz) at time zone 'UTC' as counted_at
        from read_json(
            ['{{ patterns | join("', '") }}'], format = 'newline_delimited', filename = true, ignore_errors = true, hive_partitioning = false,
            columns = {source: 'VARCHAR', status_class: 'VARCHAR', requests: 'VARCHAR', counted_at: 'VARCHAR'}
        )
        where regexp_extract(filename, 'date=([0-9-]+)/', 1) >= '{{ (run_started_at - modules.datetime.timedelta(days=30)).strftime('%Y-%m-%d') }}'
    {%- else -%}
        select '' as source, '' as status_class, 0::bigint as requests, now()::timestamp as counted_at where false
    {%- endif -%}
{%- endmacro %}

{#- What was landed of Postmaster Tools (DuckDB): a table, for the command may run in another folder; as the daily run finds it,
    since no list and no push needs it. -#}
{% macro load_postmaster(landing) -%}
    {%- set pattern = landed_files(landing, 'postmaster_daily')[0] -%}
    {%- set files, rows = run_query(
        "select (select count(*) from glob('" ~ pattern ~ "')), (select count(*) from " ~ raw_table('postmaster_daily') ~ ")"
    ).rows[0] -%}
    {%- if files or rows -%}
        {%- set columns = postmaster_columns() | join(', ') -%}
        {%- do run_query(
            "begin; delete from " ~ raw_table('postmaster_daily') ~ (
                "; insert into " ~ raw_table('postmaster_daily') ~ " (" ~ columns ~ ") select " ~ columns ~ " from read_json('" ~ pattern
                ~ "', format = 'newline_delimited', ignore_errors = true, hive_partitioning = false, columns = {"
                ~ columns.replace(',', ": 'VARCHAR',") ~ ": 'VARCHAR'})" if files else ""
            ) ~ "; commit"
        ) -%}
    {%- endif -%}
{%- endmacro %}

{#- Stops the run where a build of the future is on record, or as_of went backwards. Of two builds that overlap
    the one that began first may end last: only the clock's now is compared with what is on record. -#}
{% macro check_clock() -%}
    {%- set last = graph.last_noted -%}
    {%- if last.is_future -%}
        {{ exceptions.raise_compiler_error(
            "A build of the future is on record (" ~ last.started_at ~ "): the clock of this machine is behind, or one was"
            ~ " ahead. Set the clocks right, then `dbt run-operation forget_the_future` and `dbt build --full-refresh`."
        ) }}
    {%- elif last.went_back -%}
        {{ exceptions.raise_compiler_error(
            "as_of is earlier than that of an earlier build (" ~ last.as_of
            ~ "). It moves forward only: build into a fresh schema to see the past."
        ) }}
    {%- endif -%}
    {%- do graph.update({'run_stamp': last.next_stamp}) -%}
{%- endmacro %}

{#- What check_clock compares, as a query of texts: the last build on record, whether it is of the future, whether as_of went
    backwards, the last as_of, and where another run began after this one and has ended, the stamp that this one takes. -#}
{% macro last_noted() -%}
    {%- set text = dbt.type_string() -%}
    select
        cast(max(started_at) as {{ text }}) as last_started_at,
        case when max(started_at) > {{ timestamp_plus(utc_now(), 5, 'minute') }} then 'true' end as is_future,
        (
            select case when max(as_of) > {{ as_of() if var('as_of', none) is not none else 'greatest(' ~ utc_now() ~ ', max(started_at))' }} then 'true' end
            from {{ raw_table('builds') }}
        ) as went_back,
        (select cast(max(as_of) as {{ text }}) from {{ raw_table('builds') }}) as last_as_of,
        case
            when max(started_at) >= {{ build_time() }}
                then cast(greatest({{ utc_now() }}, {{ timestamp_plus('max(started_at)', 1, 'microsecond') }}) as {{ text }})
        end as next_stamp
    from (
        select started_at from {{ raw_table('builds') }}
        union all
        select taken_until from {{ raw_table('watermarks') }}
    ) as noted
{%- endmacro %}

{#- on-run-end: notes which landing files were taken, until when a complete build has seen its inputs,
    and one row of raw.builds. ok is false when anything failed, a data test included; it is true only for a
    run that built all that a push reads. A run with --empty read nothing and notes nothing. -#}
{% macro record_build(results) -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'seed', 'test') and not flags.EMPTY -%}
        {%- set succeeded = results | selectattr('status', 'equalto', 'success') | list -%}
        {%- set done = succeeded | map(attribute='node') | list -%}
        {%- do note_built_code(done) -%}
        {%- for node in done if node.name == 'int_events_unioned' -%}{%- do note_loaded(node.relation_name) -%}{%- endfor -%}
        {%- set notes = complete_build_notes(done) -%}
        {%- set failed = results | selectattr('status', 'in', ['error', 'fail', 'runtime error', 'partial success']) | list -%}
        {%- set is_ok = not failed and not graph.lost_parts -%}
        {%- if failed or are_built(tables_below('sync_deltas'), done) -%}
            {%- if is_ok -%}{%- do note_rules(done) -%}{%- endif -%}
            {%- do notes.append(
                "insert into " ~ raw_table('builds') ~ " (invocation_id, started_at, ended_at, as_of, ok) values ('" ~ invocation_id ~ "', "
                ~ build_time() ~ ", " ~ utc_now() ~ ", " ~ as_of() ~ ", " ~ ('true' if is_ok else 'false') ~ ")"
            ) -%}
        {%- endif -%}
        {%- if notes -%}{%- do run_query(notes | join(';\n')) -%}{%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#- For `dbt run-operation`, after a clock that was ahead was set right: takes back what builds of the future noted.
    What they built carries stamps of the future, so a full refresh has to follow. -#}
{% macro forget_the_future() -%}
    {%- for table, column in [('builds', 'started_at'), ('watermarks', 'taken_until'), ('landing_loaded', 'loaded_at')] -%}
        {%- do run_query("delete from " ~ raw_table(table) ~ " where " ~ column ~ " > " ~ utc_now()) -%}
    {%- endfor -%}
    {#- The rules did change: the first push under them asks for a plan all the same. -#}
    {%- do run_query(
        "update " ~ raw_table('rule_changes') ~ " set changed_at = " ~ utc_now() ~ " where changed_at > " ~ utc_now()
    ) -%}
    {%- do print("What builds of the future noted is forgotten. Next: dbt build --full-refresh") -%}
{%- endmacro %}
