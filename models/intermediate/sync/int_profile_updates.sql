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
        synced.event_timestamp as known_at,
        coalesce(policy.attribute = 'consent', false) as is_known_opt_out,
        coalesce(policy.attribute <> 'consent', false) as is_known_fault,
        -- Silence is no event.
        synced.reason = 'unengaged' or recorded.event_id is not null as is_known_on_record,
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
            desired.action in ('subscribe', 'release')
            and synced.event_id = recorded.event_id

),

-- A fault that ended without consent is taken back alone, by what came after it: an event that ended it, a sign of life after
-- silence, or another address that the contact has since. Consent that is older than the fault was told before, or never.
ended as (

    select
        *,
        case
            when action <> 'release' then event_id
            when reason = known_reason and event_timestamp > known_at then event_id
            when known_reason = 'unengaged' and engaged_at > known_at then engaged_event_id
        end as ended_event_id,
        case
            when action <> 'release' then event_timestamp
            when reason = known_reason and event_timestamp > known_at then event_timestamp
            when known_reason = 'unengaged' and engaged_at > known_at then engaged_at
            when linked_at > known_at then linked_at
        end as ended_at
    from known
    where
        (action = 'suppress' and (known_action is null or known_action <> 'suppress'))
        -- What was told is told again where a subscribe was left unanswered, or where a fault of the address has become the person's will.
        or (action = 'suppress' and (is_unknown or (attribute = 'consent' and not is_known_opt_out)))
        or (action = 'subscribe' and known_action is null)
        or (action = 'subscribe' and known_action = 'suppress' and not is_known_fault)
        or (action = 'subscribe' and known_action in ('suppress', 'release') and (known_at is null or event_timestamp > known_at))
        or (action = 'release' and known_action = 'suppress' and is_known_fault)

),

-- An act that is not younger than the opt-out that the profile was told of, or whose opt-out is on record no more, is no answer to
-- it and waits for a person. Sent without its own time, it would count as an act of the day of the push. So does a fault that no
-- event ended: a changed seed or var may have.
judged as (

    select
        *,
        is_no_answer or (action = 'release' and (ended_at is null or not is_known_on_record)) as is_waiting
    from ended

)

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
        when is_waiting then 'policy'
        when action = 'release' or (action = 'subscribe' and known_action = 'suppress' and not is_known_fault) then known_reason
        else reason
    end as reason,
    ended_event_id as event_id,
    ended_at as event_timestamp,
    case when is_waiting then 101 else priority end as priority,
    known_run_id,
    known_delta_id
from judged
where true
-- Of consent and what merely ended, consent.
qualify
    row_number() over (
        partition by destination, channel, scope, contact_id
        order by case action when 'suppress' then 1 when 'subscribe' then 2 else 3 end
    ) = 1
