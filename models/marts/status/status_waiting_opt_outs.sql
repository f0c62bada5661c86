with

latest_events as (

    select * from {{ ref('int_events_latest') }}
    where
        platform_id is not null
        and last_at is not null
        and not is_own

),

platform_ids as (

    select distinct
        channel,
        platform_id
    from {{ ref('int_platform_ids') }}

),

policy as (

    select * from {{ ref('suppression_policy') }}

),

-- What names a contact of yours besides has reached it.
acts as (

    select
        latest_events.source,
        latest_events.channel,
        latest_events.platform_id,
        min(latest_events.first_received_at) as first_received_at,
        max(latest_events.last_at) as last_at
    from latest_events
    inner join policy
        on latest_events.event_type = policy.reason
    where
        policy.attribute = 'consent'
        and latest_events.external_id is null
    group by latest_events.source, latest_events.channel, latest_events.platform_id

),

opt_ins as (

    select
        channel,
        platform_id,
        max(last_at) as last_at
    from latest_events
    where event_type = 'subscribe'
    group by channel, platform_id

)

select
    acts.source,
    acts.channel,
    count(*) as opt_outs,
    min(acts.first_received_at) as oldest
from acts
left join platform_ids
    on
        acts.channel = platform_ids.channel
        and acts.platform_id = platform_ids.platform_id
left join opt_ins
    on
        acts.channel = opt_ins.channel
        and acts.platform_id = opt_ins.platform_id
        and acts.last_at < opt_ins.last_at
where
    platform_ids.platform_id is null
    and opt_ins.platform_id is null
group by acts.source, acts.channel
