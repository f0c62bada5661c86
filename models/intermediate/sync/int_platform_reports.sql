{{ config(materialized='view') }}

with

trusting as (

    select
        destination,
        channel,
        coalesce(scope, '') as scope
    from {{ ref('destinations') }}
    where trusts_own

),

destination_reasons as (

    select
        destination,
        channel,
        coalesce(scope, '') as scope,
        reason
    from {{ ref('destination_reasons') }}

),

lists as (

    select * from {{ ref('int_destination_lists') }}

),

latest_events as (

    select * from {{ ref('int_events_latest') }}
    where
        last_at is not null
        and address is not null
        and not is_own

),

reports as (

    select
        trusting.destination,
        trusting.channel,
        trusting.scope,
        latest_events.address as subject,
        case when latest_events.event_type in ('subscribe', 'topic_subscribe', 'reactivate') then 'release' else 'suppress' end as action,
        case when latest_events.event_type = 'topic_unsubscribe' then 'unsubscribe' else latest_events.event_type end as reason,
        latest_events.last_event_id as event_id,
        latest_events.last_at as event_timestamp
    from trusting
    inner join latest_events
        on
            trusting.destination = latest_events.source
            and trusting.channel = latest_events.channel
    where
        latest_events.event_type in ('complaint', 'unsubscribe', 'bounce', 'block')
        or (latest_events.event_type in ('subscribe', 'reactivate') and coalesce(latest_events.topic, '') = trusting.scope)
        or (latest_events.event_type in ('topic_unsubscribe', 'topic_subscribe') and latest_events.topic = trusting.scope)

)

-- What the row does not take puts nobody on the list: a bounce is no opt-out there.
select
    reports.destination,
    reports.channel,
    reports.scope,
    reports.subject,
    coalesce(lists.list_name, '') as list_name,
    reports.action,
    reports.reason,
    reports.event_id,
    reports.event_timestamp
from reports
left join destination_reasons
    on
        reports.destination = destination_reasons.destination
        and reports.channel = destination_reasons.channel
        and reports.scope = destination_reasons.scope
        and reports.reason = destination_reasons.reason
left join lists
    on
        reports.destination = lists.destination
        and reports.channel = lists.channel
        and reports.scope = lists.scope
        and reports.reason = lists.reason
where
    reports.action = 'release'
    or destination_reasons.reason is not null
