with

-- What nobody knows the name of is the internet's noise.
counts as (

    select * from {{ source('raw', 'webhook_requests') }}
    where
        counted_at > {{ hours_ago(720) }}
        and source <> 'unknown'

),

-- What was received within a day was loaded within a day: events are partitioned by that.
events as (

    select source from {{ ref('events') }}
    where
        loaded_at > {{ hours_ago(24) }}
        and received_at > {{ hours_ago(24) }}

),

quarantined as (

    select
        source,
        coalesce(received_at, loaded_at) as received_at
    from {{ ref('quarantined_deliveries') }}
    where coalesce(received_at, loaded_at) > {{ hours_ago(24) }}

),

arrivals as (

    select
        source,
        counted_at,
        lag(counted_at) over (partition by source order by counted_at) as before_at
    from counts
    where status_class = '2xx'

),

-- A source that was heard on fewer than five days has no habit.
habits as (

    select
        source,
        max(counted_at) as latest_at,
        max({{ seconds_between('before_at', 'counted_at') }}) as longest_pause
    from arrivals
    group by source
    having count(distinct {{ to_date('counted_at') }}) >= 5

),

answers as (

    select
        source,
        sum(requests) as requests,
        sum(case when status_class = '4xx' then requests else 0 end) as requests_4xx,
        sum(case when status_class = '5xx' then requests else 0 end) as requests_5xx,
        min(case when status_class = '4xx' then counted_at end) as first_4xx_at,
        min(case when status_class = '5xx' then counted_at end) as first_5xx_at
    from counts
    where counted_at > {{ hours_ago(1) }}
    group by source

),

elements as (

    select
        source,
        null as quarantined_at
    from events

    union all

    select
        source,
        received_at as quarantined_at
    from quarantined

),

readings as (

    select
        source,
        count(*) as elements,
        count(quarantined_at) as quarantined,
        min(quarantined_at) as since
    from elements
    group by source

),

measures as (

    select
        'source_silent' as rule,
        source as subject,
        floor({{ seconds_between('latest_at', utc_now()) }} / 3600) as value,
        ceil(greatest(longest_pause, 3600) / 3600) as factor,
        floor({{ seconds_between('latest_at', utc_now()) }} / 3600) as volume,
        latest_at as since
    from habits

    union all

    select
        'requests_4xx' as rule,
        source as subject,
        floor(100 * requests_4xx / requests) as value,
        1 as factor,
        requests as volume,
        first_4xx_at as since
    from answers
    where requests > 0

    union all

    select
        'requests_5xx' as rule,
        source as subject,
        floor(100 * requests_5xx / requests) as value,
        1 as factor,
        requests as volume,
        first_5xx_at as since
    from answers
    where requests > 0

    union all

    select
        'quarantined' as rule,
        source as subject,
        floor(100 * quarantined / elements) as value,
        1 as factor,
        elements as volume,
        since
    from readings

)

select
    rule,
    subject,
    cast(value as {{ type_int64() }}) as value,
    cast(factor as {{ type_int64() }}) as factor,
    cast(volume as {{ type_int64() }}) as volume,
    since
from measures
