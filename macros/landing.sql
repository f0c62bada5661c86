{#- What of the landed rows int_events_unioned has not loaded yet, as predicates: for the webhook sources on
    their view's columns, for email_log and directory on theirs, and loaded_earlier on the model's own; sources: which
    have any.
    DuckDB: files that are new, or were written since they were loaded, by variables of the session. BigQuery: days of arrival
    whose row count changed since they were loaded, cut at the first delivery that is not yet loaded; literals, so that no
    older partition or block is read. -#}
{% macro unprocessed_parts() %}
    {%- if not execute or model.resource_type == 'unit_test' -%}
        {{ return({
            'webhook_deliveries': 'true', 'email_log': 'true', 'directory': 'true', 'loaded_earlier': 'true', 'sources': var('sources'), 'is_any': true,
        }) }}
    {%- endif -%}
    {%- if graph.get('parts_of') != invocation_id -%}
        {%- do graph.update({'parts': adapter.dispatch('unprocessed_parts')(), 'parts_of': invocation_id}) -%}
    {%- endif -%}
    {{ return(graph.parts) }}
{% endmacro %}

{#- Asked once a run: parts that int_events_unioned has not loaded as this run found them (new), those that are gone (lost), and when the
    first of what has grown since it was loaded was loaded (grown). -#}
{% macro changed_parts(kind='new') -%}
    {%- if graph.get('changed_parts_of') != invocation_id -%}
        {%- set found = {'new': [], 'lost': [], 'grown': []} -%}
        {%- set unprocessed = unprocessed_fingerprints(table_of('int_events_unioned')) -%}
        {%- for name, part in run_query(
            "select 'new', landing_part from (" ~ unprocessed ~ ") as unprocessed"
            ~ " union all select 'grown', cast(min(loaded_at) as " ~ dbt.type_string() ~ ") from " ~ raw_table('landing_loaded')
            ~ " where relation = '" ~ table_of('int_events_unioned') | replace('`', '') ~ "' and landing_part in (select landing_part from (" ~ unprocessed ~ ") as unprocessed)"
            ~ " union all select 'lost', lost_part from (" ~ lost_parts(archived=not flags.FULL_REFRESH) ~ ") as lost order by 1, 2"
        ).rows -%}
            {%- do found[name].append(part) -%}
        {%- endfor -%}
        {%- do graph.update({'changed_parts': found, 'changed_parts_of': invocation_id}) -%}
    {%- endif -%}
    {{ return(graph.changed_parts[kind]) }}
{%- endmacro %}

{#- The fingerprints of this run that were not noted yet. One holds the time of the last change: none comes twice. -#}
{% macro unprocessed_fingerprints(relation) -%}
    select landing_part, fingerprint from {{ raw_table('landing_files') }} where invocation_id = '{{ invocation_id }}'
    except distinct
    select landing_part, fingerprint from {{ raw_table('landing_loaded') }} where relation = '{{ relation | replace('`', '') }}'
{%- endmacro %}

{% macro duckdb__unprocessed_parts() -%}
    {%- set parts = changed_parts() -%}
    {%- set unread = [] -%}
    {%- for part in parts -%}{%- do unread.append(part | replace("'", "''")) -%}{%- endfor -%}
    {#- The views read the files that this session names: a filter on their names would be put to each file of the landing. -#}
    {%- set variables = [] -%}
    {%- for table in ['webhook_deliveries', 'email_sends', 'email_opens', 'contacts'] if parts -%}
        {%- set of_table = [] -%}
        {%- for part in unread if part.startswith(landing_folder(table) | replace("'", "''")) -%}{%- do of_table.append(part) -%}{%- endfor -%}
        {%- do variables.append("set variable landing_" ~ table ~ " = ['" ~ (of_table or ['/dev/null']) | join("', '") ~ "']") -%}
    {%- endfor -%}
    {%- if variables -%}{%- do run_query(variables | join(';\n')) -%}{%- endif -%}
    {%- set no_file = "landing_part <> '/dev/null'" -%}
    {%- set first_loaded = changed_parts('grown')[0] -%}
    {%- set since = noted('build')[0] or '1970-01-01' -%}
    {{ return({
        'webhook_deliveries': no_file, 'email_log': no_file, 'directory': no_file,
        'loaded_earlier': 'loaded_at >= ' ~ utc_literal([since, first_loaded or since] | min)
            ~ " and landing_part in ('" ~ (unread or ['']) | join("', '") ~ "')",
        'sources': sources_of(parts), 'is_any': parts | length > 0,
    }) }}
{%- endmacro %}

{% macro landing_folder(table) -%}{{ return(env_var('CONTACT_SYNC_LANDING', 'landing').rstrip('/') ~ '/' ~ table ~ '/') }}{%- endmacro %}

{#- The sources whose rows are in these landing files: the others' views need no reading. -#}
{% macro sources_of(parts) -%}
    {%- set tables = {'email_log': ['email_sends', 'email_opens'], 'directory': ['contacts']} -%}
    {%- set found = [] -%}
    {%- for source in var('sources') -%}
        {%- for table in tables.get(source, ['webhook_deliveries']) -%}
            {%- set folder = landing_folder(table) -%}
            {%- for part in parts if part.startswith(folder) -%}
                {%- if source in tables or '/source=' ~ source ~ '/' in part[folder | length - 1:] -%}{%- do found.append(source) -%}{%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found | unique | list) }}
{%- endmacro %}

{% macro bigquery__unprocessed_parts() -%}
    {#- Rows in a streaming buffer are in no partition's count yet: the newest days are always looked at. -#}
    {%- set parts = changed_parts() | list -%}
    {%- for days in range(var('arrival_lookback_hours') // 24 + 1) -%}
        {%- do parts.append('webhook_deliveries/' ~ (run_started_at - modules.datetime.timedelta(days=days)).strftime('%Y%m%d')) -%}
    {%- endfor -%}
    {%- set predicates = {
        'webhook_deliveries': in_days(parts, ['webhook_deliveries'], 'received_at'),
        'email_log': in_days(parts, ['email_sends', 'email_opens'], 'landed_at'),
        'directory': in_days(parts, ['contacts'], 'landed_at'),
        'loaded_earlier': 'loaded_at >= ' ~ utc_literal(earliest_day(parts)),
        'sources': var('sources'),
    } -%}
    {%- set first_unprocessed = one_value(
        "select cast(min(received_at) as string) from " ~ raw_table('webhook_deliveries') ~ " as landed"
        ~ " where " ~ predicates.webhook_deliveries ~ " and not exists (select 1 from " ~ this ~ " as taken where "
        ~ predicates.loaded_earlier ~ " and taken.delivery_id = landed.delivery_id and taken.received_at = landed.received_at)"
    ) -%}
    {#- A delivery without a time is quarantined, not passed over. -#}
    {%- set unprocessed = '(received_at >= ' ~ utc_literal(first_unprocessed) ~ ' or received_at is null)' if first_unprocessed else 'received_at is null' -%}
    {%- do predicates.update({'webhook_deliveries': predicates.webhook_deliveries ~ ' and ' ~ unprocessed}) -%}
    {%- do predicates.update({'is_any': first_unprocessed is not none or changed_parts() | length > 0}) -%}
    {{ return(predicates) }}
{%- endmacro %}

{#- Predicate: the column is on one of the days that the parts of these tables name. Parts are
    `<table>/<YYYYMMDD>`, `<table>/__NULL__`, or `<table>/all` where a table is not partitioned. -#}
{% macro in_days(parts, tables, column) -%}
    {%- set days = [] -%}
    {%- for part in parts | unique if part.split('/')[0] in tables -%}
        {%- set day = part.split('/')[1] -%}
        {%- if day == 'all' -%}
            {%- do days.append('true') -%}
        {%- elif day == '__NULL__' -%}
            {%- do days.append(column ~ ' is null') -%}
        {%- else -%}
            {%- set start = utc_literal(day[:4] ~ '-' ~ day[4:6] ~ '-' ~ day[6:]) -%}
            {%- do days.append('(' ~ column ~ ' >= ' ~ start ~ ' and ' ~ column ~ ' < ' ~ timestamp_plus(start, 1, 'day') ~ ')') -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return('(' ~ days | join(' or ') ~ ')' if days else 'false') }}
{%- endmacro %}

{#- The first day that the parts name. What was taken of them earlier (by a clock behind) is taken again as copies. -#}
{% macro earliest_day(parts) -%}
    {%- set first = namespace(day='99991231') -%}
    {%- for part in parts -%}
        {%- set day = part.split('/')[1] -%}
        {%- set first.day = [first.day, day if day | int else '19700101'] | min -%}
    {%- endfor -%}
    {{ return(first.day[:4] ~ '-' ~ first.day[4:6] ~ '-' ~ first.day[6:]) }}
{%- endmacro %}

{#- The column landing_part of a staging view: which landed part a row is of. time: the column whose day is
    the part on BigQuery. No format_timestamp with a zone: beside it, the tests' emulator loses every `safe.`. -#}
{% macro landing_part(table, time) %}{{ return(adapter.dispatch('landing_part')(table, time)) }}{% endmacro %}
{% macro duckdb__landing_part(table, time) -%} landing_part {%- endmacro %}
{% macro bigquery__landing_part(table, time) -%}
    '{{ table }}/' || coalesce(format_date('%Y%m%d', {{ to_date(time) }}), '__NULL__') as landing_part
{%- endmacro %}

{#- The column landed_at of the views over the sender's log and the directory: the raw column whose day is the
    part on BigQuery, so that a filter on it reaches the table; null on DuckDB, where files are the parts. -#}
{% macro landed_at(time) %}{{ return(adapter.dispatch('landed_at')(time)) }}{% endmacro %}
{% macro duckdb__landed_at(time) -%} cast(null as timestamp) as landed_at {%- endmacro %}
{% macro bigquery__landed_at(time) -%} {{ time }} as landed_at {%- endmacro %}

{#- Notes what int_events_unioned has read, once it has succeeded: a run that dies before reads the
    same parts again, and takes nothing twice. relation: the model's own, as each schema takes for itself. -#}
{% macro note_loaded(relation) -%}
    {%- if changed_parts() -%}
    {%- do run_query(
        "insert into " ~ raw_table('landing_loaded') ~ " (relation, landing_part, fingerprint, loaded_at) select '"
        ~ relation | replace('`', '') ~ "', landing_part, fingerprint, " ~ build_time() ~ " from (" ~ unprocessed_fingerprints(relation) ~ ") as unprocessed"
    ) -%}
    {%- endif -%}
{%- endmacro %}

{#- Parts of the landing that were taken once and are gone: a file by its path below the landing folder, which may
    be moved; on BigQuery a day's partition. -#}
{% macro lost_parts(archived) -%}
    select distinct {{ part_name('taken.landing_part') }} as lost_part
    from {{ raw_table('landing_loaded') }} as taken
    where
        {{ part_name('taken.landing_part') }} not in (
            select {{ part_name('landing_part') }} from {{ raw_table('landing_files') }} where invocation_id = '{{ invocation_id }}'
            {%- if archived %}
            union all
            select {{ part_name('landing_part') }} from {{ raw_table('landing_archived') }}
            {%- endif %}
        )
        and {{ adapter.dispatch('is_part_that_stays')('taken.landing_part') }}
{%- endmacro %}

{#- Predicate: a part of the landing that is there for good once it was taken. On BigQuery the whole table, and rows without
    a day, are parts as long as there are such rows. -#}
{% macro duckdb__is_part_that_stays(part) -%} true {%- endmacro %}
{% macro bigquery__is_part_that_stays(part) -%} {{ part }} not like '%/all' and {{ part }} not like '%/__NULL__' {%- endmacro %}

{#- The name of a part wherever the landing is. -#}
{% macro part_name(column) %}{{ return(adapter.dispatch('part_name')(column)) }}{% endmacro %}
{% macro duckdb__part_name(column) -%}
    regexp_extract({{ column }}, '((webhook_deliveries|email_sends|email_opens|contacts)/.*)$', 1)
{%- endmacro %}
{% macro bigquery__part_name(column) -%} {{ column }} {%- endmacro %}

{#- on-run-start: what was taken once and is gone makes a build not ok, unless it was archived on purpose; a full
    refresh, which would forget the refusals in it, does not begin at all. -#}
{% macro check_landing() -%}
    {%- set lost = changed_parts('lost') -%}
    {%- set told = lost[:5] | join(', ') ~ (' and ' ~ (lost | length - 5) ~ ' more' if lost | length > 5 else '') -%}
    {%- set told = told ~ adapter.dispatch('landing_place')() -%}
    {%- if lost and flags.FULL_REFRESH and flags.WHICH in ('build', 'run') -%}
        {{ exceptions.raise_compiler_error(
            "A full refresh would forget the refusals in what was taken once and is gone from the landing: " ~ told
            ~ ". Bring it back (is the folder mounted?), then build again. Nothing was changed."
        ) }}
    {%- elif lost -%}
        {%- do exceptions.warn(
            "Gone from the landing since it was taken: " ~ told ~ ". This build is recorded as not ok, and nothing is pushed on it."
            ~ " Bring it back, or, if it was archived on purpose: dbt run-operation archive_landing (docs/operations.md)."
        ) -%}
    {%- endif -%}
    {%- do graph.update({'lost_parts': lost}) -%}
{%- endmacro %}

{#- Where a build looked for what landed, as a message ends. -#}
{% macro duckdb__landing_place() -%}
    {{ return(". It looked in the folder " ~ env_var('CONTACT_SYNC_LANDING', 'landing') ~ ", which CONTACT_SYNC_LANDING names") }}
{%- endmacro %}
{% macro bigquery__landing_place() -%}{{ return('') }}{%- endmacro %}

{#- For `dbt run-operation archive_landing --args '{before: 2026-01-01}'` or `{like: contacts/%}`: says that parts of days
    before that date, or so named, and now gone from the landing, were archived on purpose. Builds go on without them;
    a full refresh needs them back. -#}
{% macro archive_landing(before=none, like=none) -%}
    {%- if (before is none) == (like is none) -%}
        {{ exceptions.raise_compiler_error("Say which parts: --args '{before: 2026-01-01}' or --args '{like: contacts/%}'.") }}
    {%- endif -%}
    {%- do adapter.dispatch('open_landing')() -%}
    {%- set chosen -%}
        {%- if like is not none -%}
            lost_part like '{{ like | replace("'", "") }}'
        {%- else -%}
            {%- set digits = "replace(regexp_extract(lost_part, '[0-9]{4}-?[0-9]{2}-?[0-9]{2}'), '-', '')" -%}
            {{ digits }} <> '' and {{ digits }} < '{{ before | string | replace('-', '') }}'
        {%- endif -%}
    {%- endset -%}
    {%- set found = "select lost_part from (" ~ lost_parts(archived=true) ~ ") as lost where " ~ chosen -%}
    {%- set parts = run_query(found).columns[0].values() | list -%}
    {%- if parts -%}
        {%- do run_query("insert into " ~ raw_table('landing_archived') ~ " (landing_part, archived_at) select lost_part, " ~ utc_now() ~ " from (" ~ found ~ ") as gone") -%}
    {%- endif -%}
    {%- do print(parts | length ~ " parts that are gone are noted as archived. A full refresh needs them back.") -%}
{%- endmacro %}
