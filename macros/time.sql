{#
  Times as platforms write them. Null is "no usable time": the caller falls back to the arrival.
#}

{#
  A UTC timestamp from text, or null; never an error. Digits (also with a fraction or an exponent) are read by magnitude:
  below 1e11 seconds, below 1e14 milliseconds, below 1e17 microseconds since 1970. Else ISO 8601 with any number of fractional
  digits (cut to six), with an offset or without (then UTC), or RFC 2822. Null too before var('earliest_event') and from the
  year 10000 on. Params: text. Result: naive UTC timestamp on DuckDB, TIMESTAMP on BigQuery.
#}
{% macro parse_time(text) %}{{ return(adapter.dispatch('parse_time')(text)) }}{% endmacro %}

{% macro bigquery__parse_time(text) -%}
{%- set number = 'safe_cast(' ~ trim_blanks(text) ~ ' as float64)' -%}
{%- set written = 'upper(' ~ trim_blanks(text) ~ ')' -%}
{#- Six digits of a fraction at most, seconds always, no blank before an offset: what a cast reads. -#}
{%- set cut = regex_replace("replace(replace(" ~ written ~ ", ',', '.'), ' +', '+')", '([.][0-9]{6})[0-9]+', '\\1') -%}
{%- set iso = regex_replace(cut, '([T ][0-9]{1,2}:[0-9]{2})($|[^0-9:])', '\\1:00\\2') -%}
(
    select instant
    from unnest([
        case
            when {{ number }} is not null then case
                when {{ number }} >= 0 and {{ number }} < 1e11 then timestamp_micros(cast(round({{ number }} * 1e6) as int64))
                when {{ number }} >= 1e11 and {{ number }} < 1e14 then timestamp_micros(cast(round({{ number }} * 1e3) as int64))
                when {{ number }} >= 1e14 and {{ number }} < 1e17 then timestamp_micros(cast(round({{ number }}) as int64))
            end
            when {{ regex_is(written, iso_pattern() ~ iso_zone_pattern()) }} then safe_cast({{ iso }} as timestamp)
            when {{ regex_is(written, iso_pattern()) }} then safe_cast({{ iso }} || '+00' as timestamp)
            when {{ regex_is(written, '[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}') }} then safe_cast({{ written }} || ' 00:00:00+00' as timestamp)
            else safe.parse_timestamp('%d %b %Y %H:%M:%S %z', {{ rfc_2822_text(text) }})
        end
    ]) as instant
    where instant >= {{ utc_literal(var("earliest_event")) }} and instant < {{ utc_literal("9999-12-31") }}
)
{%- endmacro %}

{% macro duckdb__parse_time(text) -%}
{%- set number = 'try_cast(' ~ text ~ ' as double)' -%}
{%- set written = 'upper(' ~ trim_blanks(text) ~ ')' -%}
{%- set plain = '[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]*)?' -%}
{%- set iso = "replace(replace(" ~ written ~ ", ',', '.'), ' +', '+')" -%}
{#- A list of one, so that the bounds do not repeat the parse. A cast to plain timestamp drops the offset; one to timestamptz
    reads text without an offset in the session's zone: each form has its cast. The plain forms come first, for speed. -#}
list_filter([
    case
        when {{ number }} is not null then case
            when {{ number }} >= 0 and {{ number }} < 1e11 then make_timestamp(cast(round({{ number }} * 1e6) as bigint))
            when {{ number }} >= 1e11 and {{ number }} < 1e14 then make_timestamp(cast(round({{ number }} * 1e3) as bigint))
            when {{ number }} >= 1e14 and {{ number }} < 1e17 then make_timestamp(cast(round({{ number }}) as bigint))
        end
        when {{ regex_is(text, plain ~ '(Z|[+-](0[0-9]|1[0-8]):[0-9]{2})') }} then try_cast({{ text }} as timestamptz) at time zone 'UTC'
        when {{ regex_is(text, plain) }} then try_cast({{ text }} as timestamp)
        when length({{ text }}) > 64 then null
        when {{ regex_is(written, iso_pattern() ~ iso_zone_pattern()) }} then try_cast({{ iso }} as timestamptz) at time zone 'UTC'
        when {{ regex_is(written, iso_pattern() ~ '|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}') }} then try_cast({{ iso }} as timestamp)
        else try_strptime({{ rfc_2822_text(text) }}, '%d %b %Y %H:%M:%S %z') at time zone 'UTC'
    end
], lambda instant: instant >= timestamp '{{ var("earliest_event") }}' and instant < timestamp '9999-12-31')[1]
{%- endmacro %}

{#- The first of some texts that is a usable time (docs/times.md); where none is, one of them, so that a retry has the same key.
    Params: texts, in order of preference. -#}
{% macro first_time(texts) -%}
    case
        {% for text in texts[:-1] -%}
        when {{ parse_time(text) }} is not null then {{ text }}
        {% endfor -%}
        else coalesce({{ (texts[-1:] + texts[:-1]) | join(', ') }})
    end
{%- endmacro %}

{% macro iso_pattern() -%} [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}[T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.,][0-9]*)?)? {%- endmacro %}
{% macro iso_zone_pattern() -%} [ ]?(Z|UTC|[+-](0[0-9]|1[0-8])(:?[0-9]{2})?) {%- endmacro %}

{#- RFC 2822 text in its one full form: no weekday (many are wrong), no comment, seconds, a numeric zone. -#}
{% macro rfc_2822_text(text) -%}
{%- set plain = regex_replace(trim_blanks('substr(' ~ text ~ ', 1, 64)'), '(?i)^[a-z]{3}, *| *\\(.*$') -%}
{%- set zoned = regex_replace(plain, '(?i) *(gmt|utc|ut|z)$', ' +0000') -%}
{{ regex_replace(zoned, '( [0-9]{1,2}:[0-9]{2}) ([+-])', '\\1:00 \\2') }}
{%- endmacro %}

{#- A time of a landed row as the text that keys are made of and parse_time reads. Params: time; where it is landed as
    text (DuckDB), that text. -#}
{% macro time_text(time) %}{{ return(adapter.dispatch('time_text')(time)) }}{% endmacro %}
{% macro bigquery__time_text(time) -%}
    format_datetime('%Y-%m-%dT%H:%M:%S', datetime({{ time }}, 'UTC')) || coalesce(regexp_extract(cast({{ time }} as string), r'[.][0-9]+'), '') || 'Z'
{%- endmacro %}
{% macro duckdb__time_text(time) -%} cast({{ time }} as varchar) {%- endmacro %}
