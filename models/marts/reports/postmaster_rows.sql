{%- set metrics = "('" ~ postmaster_metrics() | join("', '") ~ "')" %}

with

landed as (

    select * from {{ source('raw', 'postmaster_daily') }}

),

texts as (

    select
        lower({{ first_group('name', '^domains/([^/]+)/domainStats/') }}) as domain,
        lower(metric) as metric,
        -- A statistic over several days has no date.
        {{ json_inside('date', '$.year') }}
        || '-' || {{ json_inside('date', '$.month') }}
        || '-' || {{ json_inside('date', '$.day') }} as day_text,
        coalesce({{ json_inside('value', '$.floatValue') }}, {{ json_inside('value', '$.doubleValue') }}) as rate_text,
        queried_at as queried_text,
        coalesce(name, date, metric, value, queried_at) is null as is_malformed,
        {{ json_row(postmaster_columns()) }} as payload
    from landed

),

parsed as (

    select
        *,
        {{ to_date(parse_time('day_text')) }} as date_day,
        {{ rate_per_million('rate_text') }} as per_million,
        {{ parse_time('queried_text') }} as queried_at
    from texts

)

select
    date_day,
    domain,
    metric,
    per_million,
    queried_at,
    case
        when is_malformed then 'malformed line'
        when domain is null then 'no domain'
        when date_day is null then 'no day'
        when metric is null or metric not in {{ metrics }} then 'unknown metric'
        when per_million is null then 'no rate from 0 to 1'
    end as error,
    payload
from parsed
