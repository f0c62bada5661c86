{#- What of the landed rows int_events__unioned has not taken yet, as predicates: for the webhook sources on
    their view's columns, for email_log and directory on theirs, and taken_earlier on the model's own.
    DuckDB: files that are new, or were written since they were taken; a constant list, pushed down to
    the file scan. BigQuery: days of arrival whose row count changed since they were taken, cut at the
    first delivery that is not yet taken; literals, so that no older partition or block is read. -#}
{% macro untaken_parts() %}
    {%- if not execute or model.resource_type == 'unit_test' -%}
        {{ return({'webhook_deliveries': 'true', 'email_log': 'true', 'directory': 'true', 'taken_earlier': 'true'}) }}
    {%- endif -%}
    {{ return(adapter.dispatch('untaken_parts')()) }}
{% endmacro %}

{#- Parts that this model has not taken as this run found them. -#}
{% macro changed_parts() -%}
    {{ return(run_query("select landing_part from (" ~ untaken_prints(this) ~ ") as untaken order by landing_part").columns[0].values()) }}
{%- endmacro %}

{#- The prints of this run that were not noted yet. A print holds the time of the last change: none comes twice. -#}
{% macro untaken_prints(relation) -%}
    select landing_part, landing_print from {{ raw_table('landing_files') }} where invocation_id = '{{ invocation_id }}'
    except distinct
    select landing_part, landing_print from {{ raw_table('landing_taken') }} where relation = '{{ relation | replace('`', '') }}'
{%- endmacro %}

{% macro duckdb__untaken_parts() -%}
    {%- set parts = changed_parts() -%}
    {%- set listed -%}
        {%- if parts | length == 0 -%}
            false
        {%- else -%}
            landing_part in ({% for part in parts %}'{{ part | replace("'", "''") }}'{{ ', ' if not loop.last }}{% endfor %})
        {%- endif -%}
    {%- endset -%}
    {{ return({'webhook_deliveries': listed, 'email_log': listed, 'directory': listed, 'taken_earlier': listed}) }}
{%- endmacro %}

{% macro default__untaken_parts() -%}
    {#- Rows in a streaming buffer are in no partition's count yet: the newest days are always looked at. -#}
    {%- set parts = changed_parts() | list -%}
    {%- for days in range(var('arrival_lookback_hours') // 24 + 1) -%}
        {%- do parts.append('webhook_deliveries/' ~ (run_started_at - modules.datetime.timedelta(days=days)).strftime('%Y%m%d')) -%}
    {%- endfor -%}
    {%- set predicates = {
        'webhook_deliveries': in_days(parts, ['webhook_deliveries'], 'received_at'),
        'email_log': in_days(parts, ['email_sends', 'email_opens'], 'landed_at'),
        'directory': in_days(parts, ['contacts'], 'landed_at'),
        'taken_earlier': 'taken_at >= ' ~ utc_literal(earliest_day(parts)),
    } -%}
    {%- set first_untaken = one_value(
        "select cast(min(received_at) as string) from " ~ raw_table('webhook_deliveries') ~ " as landed"
        ~ " where " ~ predicates.webhook_deliveries ~ " and not exists (select 1 from " ~ this ~ " as taken where "
        ~ predicates.taken_earlier ~ " and taken.delivery_id = landed.delivery_id and taken.received_at = landed.received_at)"
    ) -%}
    {#- A delivery without a time is quarantined, not passed over. -#}
    {%- set untaken = '(received_at >= ' ~ utc_literal(first_untaken) ~ ' or received_at is null)' if first_untaken else 'received_at is null' -%}
    {%- do predicates.update({'webhook_deliveries': predicates.webhook_deliveries ~ ' and ' ~ untaken}) -%}
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
{% macro default__landing_part(table, time) -%}
    '{{ table }}/' || coalesce(format_date('%Y%m%d', {{ to_date(time) }}), '__NULL__') as landing_part
{%- endmacro %}

{#- The column landed_at of the views over the sender's log and the directory: the raw column whose day is the
    part on BigQuery, so that a filter on it reaches the table; null on DuckDB, where files are the parts. -#}
{% macro landed_at(time) %}{{ return(adapter.dispatch('landed_at')(time)) }}{% endmacro %}
{% macro duckdb__landed_at(time) -%} cast(null as timestamp) as landed_at {%- endmacro %}
{% macro default__landed_at(time) -%} {{ time }} as landed_at {%- endmacro %}

{#- Notes what int_events__unioned has read, once it has succeeded: a run that dies before reads the
    same parts again, and takes nothing twice. relation: the model's own, as each schema takes for itself. -#}
{% macro note_taken(relation) -%}
    {%- do run_query(
        "insert into " ~ raw_table('landing_taken') ~ " (relation, landing_part, landing_print, taken_at) select '"
        ~ relation | replace('`', '') ~ "', landing_part, landing_print, " ~ taken_now() ~ " from (" ~ untaken_prints(relation) ~ ") as untaken"
    ) -%}
{%- endmacro %}
