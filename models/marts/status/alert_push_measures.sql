with

policy as (

    select * from {{ ref('suppression_policy') }}
    where attribute = 'consent'

),

deltas as (

    select * from {{ ref('sync_deltas') }}

),

wanted as (

    select * from {{ ref('int_deltas') }}

),

failures as (

    select * from {{ source('raw', 'sync_ledger') }}
    where outcome = 'failed'

),

rejections as (

    select * from {{ source('raw', 'sync_ledger') }}
    where
        outcome = 'rejected'
        and pushed_at > {{ hours_ago(24) }}

),

rate_limits as (

    select * from {{ source('raw', 'sync_ledger') }}
    where
        http_status = 429
        and pushed_at > {{ hours_ago(1) }}

),

enabled_destinations as (

    select distinct destination from {{ ref('destinations') }}
    where enabled

),

-- One that is under way, or was stopped, says nothing of the destination.
pushes as (

    select runs.*
    from {{ ref('status_runs') }} as runs
    inner join enabled_destinations
        on runs.destination = enabled_destinations.destination
    where runs.status not in ('running', 'locked', 'stopped')

),

other_rejections as (

    select
        rejections.destination,
        count(distinct rejections.delta_id) as items,
        min(rejections.pushed_at) as since
    from rejections
    inner join wanted
        on rejections.delta_id = wanted.delta_id
    left join policy
        on rejections.reason = policy.reason
    where
        rejections.action <> 'suppress'
        or policy.reason is null
    group by rejections.destination

),

failed as (

    select
        deltas.destination,
        count(distinct deltas.delta_id) as items,
        min(failures.pushed_at) as since
    from deltas
    inner join failures
        on deltas.delta_id = failures.delta_id
    group by deltas.destination

),

last_sent as (

    select
        destination,
        max(started_at) as started_at
    from pushes
    where status in ('finished', 'incomplete')
    group by destination

),

unsent as (

    select
        pushes.destination,
        sum(case when pushes.status = 'guarded' then 1 else 0 end) as guarded,
        sum(case when pushes.status in ('failed', 'killed') then 1 else 0 end) as failed,
        min(case when pushes.status = 'guarded' then pushes.started_at end) as guarded_since,
        min(case when pushes.status in ('failed', 'killed') then pushes.started_at end) as failed_since
    from pushes
    left join last_sent
        on pushes.destination = last_sent.destination
    where
        last_sent.started_at is null
        or pushes.started_at > last_sent.started_at
    group by pushes.destination

),

limited as (

    select
        destination,
        count(distinct delta_id) as items,
        min(pushed_at) as since
    from rate_limits
    group by destination

),

measures as (

    select
        'rejected' as rule,
        destination as subject,
        items as value,
        1 as factor,
        null as volume,
        since
    from other_rejections

    union all

    select
        'failed' as rule,
        destination as subject,
        items as value,
        1 as factor,
        null as volume,
        since
    from failed

    union all

    select
        'guard_stopped' as rule,
        destination as subject,
        guarded as value,
        1 as factor,
        null as volume,
        guarded_since as since
    from unsent

    union all

    select
        'pushes_failed' as rule,
        destination as subject,
        failed as value,
        1 as factor,
        null as volume,
        failed_since as since
    from unsent

    union all

    select
        'rate_limited' as rule,
        destination as subject,
        items as value,
        1 as factor,
        null as volume,
        since
    from limited

)

select
    rule,
    subject,
    cast(value as {{ type_int64() }}) as value,
    cast(factor as {{ type_int64() }}) as factor,
    cast(volume as {{ type_int64() }}) as volume,
    since
from measures
