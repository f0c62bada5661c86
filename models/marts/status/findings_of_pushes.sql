with

policy as (

    select * from {{ ref('suppression_policy') }}

),

deltas as (

    select * from {{ ref('sync_deltas') }}

),

failed as (

    select * from {{ ref('status_failed') }}

),

rejected as (

    select * from {{ ref('status_rejected') }}

),

runs as (

    select * from {{ ref('status_runs') }}

),

destinations as (

    select * from {{ ref('destinations') }}
    where enabled

),

waiting_opt_outs as (

    select deltas.*
    from deltas
    inner join policy
        on
            deltas.reason = policy.reason
            and policy.attribute = 'consent'
    where
        deltas.action = 'suppress'
        and deltas.event_timestamp < {{ hours_ago(48) }}

),

rejected_kinds as (

    select
        rejected.items,
        rejected.latest,
        rejected.action = 'suppress' and coalesce(policy.attribute = 'consent', false) as is_opt_out
    from rejected
    left join policy
        on rejected.reason = policy.reason

),

-- How the last push ended that was more than an attempt, at the platforms that are enabled.
newest_runs as (

    select * from runs
    where
        destination in (select destinations.destination from destinations)
        and status not in ('running', 'locked', 'stopped')
    qualify row_number() over (partition by destination order by started_at desc, run_id desc) = 1

),

findings as (

    select
        'opt_outs_waiting' as finding,
        count(*) as items,
        min(event_timestamp) as since
    from waiting_opt_outs

    union all

    select
        'opt_outs_rejected' as finding,
        sum(items) as items,
        max(latest) as since
    from rejected_kinds
    where is_opt_out

    union all

    select
        'pushes_guarded' as finding,
        count(*) as items,
        min(started_at) as since
    from newest_runs
    where status = 'guarded'

    union all

    select
        'pushes_failed' as finding,
        count(*) as items,
        min(started_at) as since
    from newest_runs
    where status in ('failed', 'killed')

    union all

    select
        'failed' as finding,
        sum(items) as items,
        max(latest) as since
    from failed

    union all

    select
        'rejected' as finding,
        sum(items) as items,
        max(latest) as since
    from rejected_kinds
    where not is_opt_out

)

select
    finding,
    cast(items as {{ type_int64() }}) as items,
    since
from findings
where items > 0
