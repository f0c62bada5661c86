{{ config(materialized='view') }}

with

desired as (

    select * from {{ ref('int_desired_profiles') }}

),

synced as (

    select * from {{ ref('int_synced_state') }}

),

policy as (

    select * from {{ ref('suppression_policy') }}

),

recorded as (

    select * from {{ ref('int_recorded_events') }}

),

known as (

    select
        desired.*,
        synced.action as known_action,
        synced.reason as known_reason,
        synced.run_id as known_run_id,
        synced.delta_id as known_delta_id,
        synced.is_unknown,
        coalesce(policy.attribute = 'consent', false) as is_known_opt_out,
        coalesce(
            desired.action = 'subscribe'
            and policy.attribute = 'consent'
            -- A token's permission is that device's alone: the latest device may have said yes before another said no.
            and desired.channel <> 'push'
            and synced.event_timestamp is not null
            and (desired.event_timestamp <= synced.event_timestamp or recorded.event_id is null),
            false
        ) as is_no_answer
    from desired
    left join synced
        on
            desired.destination = synced.destination
            and desired.channel = synced.channel
            and desired.scope = synced.scope
            and desired.contact_id = synced.subject
    left join policy
        on synced.reason = policy.reason
    left join recorded
        on
            desired.action = 'subscribe'
            and synced.event_id = recorded.event_id

)

-- An act that is not younger than the opt-out that the profile was told of, or whose opt-out is on record no more, is no answer to
-- it and waits for a person. Sent without its own time, it would count as an act of the day of the push.
select
    destination,
    channel,
    scope,
    contact_id,
    external_id,
    address,
    is_subscribed,
    opt_in_at,
    action,
    case
        when is_no_answer then 'policy'
        when action = 'subscribe' and known_action = 'suppress' then known_reason
        else reason
    end as reason,
    event_id,
    event_timestamp,
    case when is_no_answer then 101 else priority end as priority,
    known_run_id,
    known_delta_id
from known
where
    known_action is null
    or (action = 'subscribe' and known_action = 'suppress')
    or (action = 'suppress' and known_action <> 'suppress')
    -- What was told is told again where a subscribe was left unanswered, or where a fault of the address has become the person's will.
    or (action = 'suppress' and (is_unknown or (attribute = 'consent' and not is_known_opt_out)))
