{{ config(materialized='view') }}

with

unheld as (

    select * from {{ ref('int_unheld_suppressions') }}

),

states as {{ inlined() }} (

    select * from {{ ref('int_contact_state') }}
    where address is not null

),

suppressed_owners as (

    select * from {{ ref('int_suppressed_owners') }}

),

recorded as (

    select * from {{ ref('int_recorded_events') }}

),

policy as (

    select * from {{ ref('suppression_policy') }}

),

-- A contact that is suppressed without a reason on record is a broken build. Where the event of the suppression is gone, nobody
-- knows what would have ended it. Silence is no event.
judged as (

    select
        unheld.*,
        states.address is not null as is_suppressed,
        unheld.undone_from is not null
        and unheld.reason <> 'unengaged'
        and recorded.event_id is null as has_vanished
    from unheld
    left join recorded
        on unheld.event_id = recorded.event_id
    left join states
        on
            unheld.channel = states.channel
            and unheld.address = states.address
            and states.is_suppressed
    where true
    qualify
        row_number() over (
            partition by unheld.destination, unheld.channel, unheld.scope, unheld.address, unheld.list_name
            order by states.contact_id
        ) = 1

)

-- Only an explicit row of state releases, and by itself only where no reason holds at all. What a changed seed or var freed
-- waits for a person, as `policy`.
select
    judged.destination,
    judged.channel,
    judged.scope,
    judged.list_name,
    judged.address,
    states.contact_id,
    states.external_id,
    case
        when judged.is_held or judged.has_vanished then 'policy'
        when policy.reason is not null then policy.reason
        when
            judged.reason = 'unengaged'
            and states.engaged_event_id is not null
            and (judged.undone_from is null or states.engaged_at > judged.undone_from)
            and judged.event_id <> {{ unengaged_event_id('judged.address', 'states.engaged_event_id') }}
            then 'unengaged'
        else 'policy'
    end as reason,
    coalesce(judged.ended_event_id, states.engaged_event_id) as ended_event_id,
    coalesce(judged.ended_at, states.engaged_at) as ended_at,
    judged.run_id,
    judged.delta_id,
    judged.suppressed_at
from judged
inner join states
    on
        judged.channel = states.channel
        and judged.address = states.address
        and states.is_current_owner
left join policy
    on judged.ended_precedence = policy.precedence
left join suppressed_owners
    on
        judged.destination = suppressed_owners.destination
        and judged.channel = suppressed_owners.channel
        and judged.scope = suppressed_owners.scope
        and states.external_id = suppressed_owners.external_id
where
    suppressed_owners.external_id is null
    and (
        judged.is_held
        or not judged.is_suppressed
        -- What another reason says is in another list.
        or (judged.list_name <> '' and judged.is_held_elsewhere)
    )
