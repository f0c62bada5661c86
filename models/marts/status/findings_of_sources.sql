with

counts as (

    select * from {{ source('raw', 'webhook_requests') }}
    where
        status_class = '5xx'
        and counted_at > {{ hours_ago(24) }}

),

quarantined as (

    -- What says no time of its own counts from when it was loaded.
    select coalesce(received_at, loaded_at) as received_at
    from {{ ref('quarantined_deliveries') }}
    where coalesce(received_at, loaded_at) > {{ hours_ago(168) }}

),

unknown_events as (

    select * from {{ ref('status_unknown_events') }}

),

unlisted_topics as (

    select * from {{ ref('status_unlisted_topics') }}

),

unmatched_rows as (

    select * from {{ ref('status_unmatched_rows') }}

),

postmaster_rows as (

    select * from {{ ref('postmaster_rows') }}
    where error is not null

),

findings as (

    select
        'requests_5xx' as finding,
        sum(requests) as items,
        min(counted_at) as since
    from counts

    union all

    select
        'quarantined' as finding,
        count(*) as items,
        min(received_at) as since
    from quarantined

    union all

    select
        'unknown_events' as finding,
        sum(events) as items,
        null as since
    from unknown_events

    union all

    select
        'unlisted_topics' as finding,
        sum(events) as items,
        null as since
    from unlisted_topics

    union all

    select
        'unmatched_rows' as finding,
        count(*) as items,
        null as since
    from unmatched_rows

    union all

    select
        'postmaster_unread' as finding,
        count(*) as items,
        null as since
    from postmaster_rows

)

select
    finding,
    cast(items as {{ type_int64() }}) as items,
    since
from findings
where items > 0
