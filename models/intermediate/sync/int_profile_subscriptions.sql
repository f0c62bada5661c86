{{ config(materialized='view') }}

with

profiles as (

    select * from {{ ref('int_profile_states') }}
    where
        not is_suppressed
        and (known_action is null or known_action = 'suppress')

),

-- The latest act of consent at the address, by a person and not by a trait.
acts as (

    select * from {{ ref('int_contact_state') }}
    where
        external_id is not null
        and is_subscribed
        and not is_suppressed
        and subscribed_at is not null

),

policy as (

    select * from {{ ref('suppression_policy') }}

),

recorded as (

    select * from {{ ref('int_recorded_events') }}

),

-- Consent to one list is not consent to all. An act is told once, however often it is repeated. One that is not younger than the
-- opt-out that the profile was told of, or whose opt-out is on record no more, does not answer it. A token's permission is that
-- device's alone: the latest device may have said yes before another said no.
answered as (

    select
        profiles.*,
        acts.subscribed_event_id,
        acts.subscribed_at,
        coalesce(
            policy.attribute = 'consent'
            and profiles.channel <> 'push'
            and profiles.known_event_timestamp is not null
            and (acts.subscribed_at <= profiles.known_event_timestamp or recorded.event_id is null),
            false
        ) as is_no_answer
    from profiles
    inner join acts
        on
            profiles.contact_id = acts.contact_id
            and profiles.channel = acts.channel
            and profiles.address is not distinct from acts.address
    left join policy
        on
            profiles.known_action = 'suppress'
            and profiles.known_reason = policy.reason
    left join recorded
        on profiles.known_event_id = recorded.event_id
    where
        profiles.scope = ''
        or profiles.scope = acts.subscribed_topic

)

-- What is no answer waits for a person. Sent without its own time, it would count as an act of the day of the push.
select
    destination,
    channel,
    scope,
    contact_id,
    external_id,
    address,
    is_subscribed,
    opt_in_at,
    case
        when is_no_answer then 'policy'
        when known_action = 'suppress' then known_reason
        else 'subscribe'
    end as reason,
    subscribed_event_id as event_id,
    subscribed_at as event_timestamp,
    case when is_no_answer then 101 else 100 end as priority,
    known_run_id,
    known_delta_id
from answered
