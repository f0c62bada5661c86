{#- The instant that stands for now: var('as_of') or the start of the run. A UTC timestamp. -#}
{% macro as_of() -%}
    {{ utc_literal(var('as_of', none) or run_stamp()) }}
{%- endmacro %}

{#- When this run loads what it reads; that of the last complete build is the watermark. -#}
{% macro build_time() -%}
    {{ utc_literal(run_stamp()) }}
{%- endmacro %}

{#- The start of the run; later, where another run that began after this one has ended before it could begin to read
    (check_clock): what this one takes must lie after what that one has seen. -#}
{% macro run_stamp() -%}
    {{ return((graph.get('run_stamp') if execute) or run_started_at.strftime('%Y-%m-%d %H:%M:%S.%f')) }}
{%- endmacro %}

{#- A UTC timestamp literal from ISO text (no zone = UTC). Everything here names its zone: a BigQuery project
    can set another one for what names none. -#}
{% macro utc_literal(text) %}{{ return(adapter.dispatch('utc_literal')(text)) }}{% endmacro %}
{% macro bigquery__utc_literal(text) -%}
    {%- set text = text | string | trim -%}
    {%- set time = '' if ':' in text else ' 00:00:00' -%}
    {%- set zone = '' if modules.re.search(':.*(Z|UTC|[+-][0-9:]+)$', text) else '+00' -%}
    timestamp '{{ text ~ time ~ zone }}'
{%- endmacro %}
{% macro duckdb__utc_literal(text) -%} (timestamptz '{{ text }}' at time zone 'UTC') {%- endmacro %}

{#- Now, when the query runs (for views that are read between builds). A UTC timestamp. -#}
{% macro utc_now() %}{{ return(adapter.dispatch('utc_now')()) }}{% endmacro %}
{% macro bigquery__utc_now() -%} current_timestamp() {%- endmacro %}
{% macro duckdb__utc_now() -%} (now() at time zone 'UTC') {%- endmacro %}

{#- timestamp + number of parts; stays a TIMESTAMP (dbt.dateadd returns DATETIME on BigQuery). -#}
{% macro timestamp_plus(timestamp, number, part) %}{{ return(adapter.dispatch('timestamp_plus')(timestamp, number, part)) }}{% endmacro %}
{% macro bigquery__timestamp_plus(timestamp, number, part) -%}
    timestamp_add({{ timestamp }}, interval {{ number }} {{ part }})
{%- endmacro %}
{% macro duckdb__timestamp_plus(timestamp, number, part) -%}
    ({{ timestamp }} + interval ({{ number }}) {{ part }})
{%- endmacro %}

{#- Cut to the second, the grain at which instants are compared. -#}
{% macro to_second(timestamp) %}{{ return(adapter.dispatch('to_second')(timestamp)) }}{% endmacro %}
{% macro bigquery__to_second(timestamp) -%} timestamp_trunc({{ timestamp }}, second) {%- endmacro %}
{% macro duckdb__to_second(timestamp) -%} date_trunc('second', {{ timestamp }}) {%- endmacro %}

{#- The latest of three timestamps; nulls are passed over, null if all are. -#}
{% macro latest_of_three(a, b, c) %}{{ return(adapter.dispatch('latest_of_three')(a, b, c)) }}{% endmacro %}
{% macro bigquery__latest_of_three(a, b, c) -%}
    (select max(instant) from unnest([{{ a }}, {{ b }}, {{ c }}]) as instant)
{%- endmacro %}
{% macro duckdb__latest_of_three(a, b, c) -%} greatest({{ a }}, {{ b }}, {{ c }}) {%- endmacro %}

{#- Cut to the day. -#}
{% macro to_day(timestamp) %}{{ return(adapter.dispatch('to_day')(timestamp)) }}{% endmacro %}
{% macro bigquery__to_day(timestamp) -%} timestamp_trunc({{ timestamp }}, day, 'UTC') {%- endmacro %}
{% macro duckdb__to_day(timestamp) -%} date_trunc('day', {{ timestamp }}) {%- endmacro %}

{#- The UTC date of a timestamp. -#}
{% macro to_date(timestamp) %}{{ return(adapter.dispatch('to_date')(timestamp)) }}{% endmacro %}
{% macro bigquery__to_date(timestamp) -%} date({{ timestamp }}, 'UTC') {%- endmacro %}
{% macro duckdb__to_date(timestamp) -%} cast({{ timestamp }} as date) {%- endmacro %}

{#- A timestamp as ISO 8601 text in UTC, to the second. -#}
{% macro iso_text(timestamp) %}{{ return(adapter.dispatch('iso_text')(timestamp)) }}{% endmacro %}
{% macro bigquery__iso_text(timestamp) -%} replace(substr(string({{ timestamp }}, 'UTC'), 1, 19), ' ', 'T') || 'Z' {%- endmacro %}
{% macro duckdb__iso_text(timestamp) -%} strftime({{ timestamp }}, '%Y-%m-%dT%H:%M:%SZ') {%- endmacro %}

{#- So many hours before now (utc_now). -#}
{% macro hours_ago(number) -%} {{ timestamp_plus(utc_now(), -number, 'hour') }} {%- endmacro %}

{#- Whole seconds from one timestamp to a later one; null where either is. -#}
{% macro seconds_between(from_timestamp, to_timestamp) %}{{ return(adapter.dispatch('seconds_between')(from_timestamp, to_timestamp)) }}{% endmacro %}
{% macro bigquery__seconds_between(from_timestamp, to_timestamp) -%} timestamp_diff({{ to_timestamp }}, {{ from_timestamp }}, second) {%- endmacro %}
{% macro duckdb__seconds_between(from_timestamp, to_timestamp) -%} date_sub('second', {{ from_timestamp }}, {{ to_timestamp }}) {%- endmacro %}

{#- The end of ten business days (Monday to Friday, holidays not known): two weeks, from the Friday before where it is a weekend. -#}
{% macro ten_business_days_after(timestamp) -%}
    {{ timestamp_plus(timestamp, '14 - greatest(' ~ weekday(timestamp) ~ ' - 4, 0)', 'day') }}
{%- endmacro %}

{#- The day of the week in UTC: 0 is Monday. 1970-01-05 was one. -#}
{% macro weekday(timestamp) -%}
    mod(cast(floor({{ seconds_between(utc_literal('1970-01-05'), timestamp) }} / 86400) as {{ type_int64() }}), 7)
{%- endmacro %}
