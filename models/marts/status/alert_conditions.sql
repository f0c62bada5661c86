with

rules as (

    select * from {{ ref('alert_rules') }}
    where enabled

),

builds as (

    select * from {{ source('raw', 'builds') }}

),

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
        received_at
    from {{ ref('quarantined_deliveries') }}
    where received_at > {{ hours_ago(24) }}

),

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

rejected as (

    select * from {{ ref('status_rejected') }}

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

replies as (

    select * from {{ ref('status_possible_opt_outs') }}

),

last_ok as (

    select max(ended_at) as ended_at
    from builds
    where ok

),

failed_builds as (

    select
        count(*) as builds,
        min(builds.ended_at) as since
    from builds
    cross join last_ok
    where
        not builds.ok
        and (last_ok.ended_at is null or builds.ended_at > last_ok.ended_at)

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

pending_opt_outs as (

    select
        deltas.destination,
        deltas.event_timestamp,
        deltas.event_timestamp < {{ hours_ago(48) }} as is_over_48_hours,
        {{ ten_business_days_after('deltas.event_timestamp') }} < {{ utc_now() }} as is_over_10_business_days
    from deltas
    inner join policy
        on deltas.reason = policy.reason
    where deltas.action = 'suppress'

),

obedience as (

    select
        destination,
        min(event_timestamp) as since,
        sum(case when is_over_48_hours then 1 else 0 end) as over_48_hours,
        sum(case when is_over_10_business_days then 1 else 0 end) as over_10_business_days
    from pending_opt_outs
    group by destination

),

rejected_opt_outs as (

    select
        rejected.destination,
        sum(rejected.items) as items,
        max(rejected.latest) as since
    from rejected
    inner join policy
        on rejected.reason = policy.reason
    where rejected.action = 'suppress'
    group by rejected.destination

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

waiting_replies as (

    select
        source,
        min(oldest) as since
    from replies
    group by source

),

-- factor: what a rule's threshold is a multiple of. volume: what its minimum is of.
measures as (

    select
        'no_build' as rule,
        '' as subject,
        case when count(*) = 0 then 1 else 0 end as value,
        1 as factor,
        null as volume,
        max(ended_at) as since
    from builds

    union all

    select
        'build_failed' as rule,
        '' as subject,
        builds as value,
        1 as factor,
        null as volume,
        since
    from failed_builds

    union all

    select
        'build_old' as rule,
        '' as subject,
        floor({{ seconds_between('max(ended_at)', utc_now()) }} / 3600) as value,
        1 as factor,
        null as volume,
        max(ended_at) as since
    from builds

    union all

    select
        'source_silent' as rule,
        source as subject,
        floor({{ seconds_between('latest_at', utc_now()) }} / 3600) as value,
        greatest(longest_pause, 3600) / 3600 as factor,
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

    union all

    select
        'opt_outs_pending' as rule,
        destination as subject,
        floor({{ seconds_between('since', utc_now()) }} / 3600) as value,
        1 as factor,
        null as volume,
        since
    from obedience

    union all

    select
        'opt_outs_over_48_hours' as rule,
        destination as subject,
        over_48_hours as value,
        1 as factor,
        null as volume,
        since
    from obedience

    union all

    select
        'opt_outs_over_10_business_days' as rule,
        destination as subject,
        over_10_business_days as value,
        1 as factor,
        null as volume,
        since
    from obedience

    union all

    select
        'opt_outs_rejected' as rule,
        destination as subject,
        items as value,
        1 as factor,
        null as volume,
        since
    from rejected_opt_outs

    union all

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

    union all

    select
        'possible_opt_outs' as rule,
        source as subject,
        floor({{ seconds_between('since', utc_now()) }} / 3600) as value,
        1 as factor,
        null as volume,
        since
    from waiting_replies

)

select
    measures.rule,
    coalesce(measures.subject, '') as subject,
    cast(measures.value as {{ type_int64() }}) as value,
    cast(ceil(rules.threshold * measures.factor) as {{ type_int64() }}) as threshold,
    measures.since
from measures
inner join rules
    on measures.rule = rules.rule
where
    measures.value >= ceil(rules.threshold * measures.factor)
    and (measures.volume is null or measures.volume >= rules.minimum)
    and (measures.since is null or {{ timestamp_plus('measures.since', 'rules.minutes', 'minute') }} <= {{ utc_now() }})
