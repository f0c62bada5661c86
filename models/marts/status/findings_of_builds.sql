with

builds as (

    select * from {{ source('raw', 'builds') }}

),

newest_build as (

    select * from builds
    where true
    qualify row_number() over (order by ended_at desc, started_at desc) = 1

),

findings as (

    select
        'no_build' as finding,
        1 - count(*) as items,
        max(ended_at) as since
    from newest_build

    union all

    select
        'build_failed' as finding,
        count(*) as items,
        max(ended_at) as since
    from newest_build
    where not ok

    union all

    -- On an older build nothing is pushed (push --max-age), whatever seeds/alert_rules.csv says of messages.
    select
        'build_old' as finding,
        count(*) as items,
        max(ended_at) as since
    from newest_build
    where ended_at < {{ hours_ago(26) }}

)

select
    finding,
    cast(items as {{ type_int64() }}) as items,
    since
from findings
where items > 0
