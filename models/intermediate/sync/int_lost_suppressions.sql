{{ config(materialized='view') }}

with

destinations as (

    select
        destination,
        channel,
        coalesce(scope, '') as scope
    from {{ ref('destinations') }}
    where
        enabled
        and mode = 'suppression'

),

-- Placed by us; of whom was forgotten the ledger keeps no event.
placed as (

    select * from {{ ref('int_synced_state') }}
    where
        action = 'suppress'
        and (run_id is not null or is_attempted)
        and event_id is not null

),

suppression_list as (

    select * from {{ ref('suppression_list') }}

),

states as (

    select
        channel,
        address,
        max(case when is_suppressed then 1 else 0 end) = 1 as is_suppressed
    from {{ ref('int_contact_state') }}
    where address is not null
    group by channel, address

),

recorded as (

    select * from {{ ref('int_recorded_events') }}

),

unlisted as (

    select placed.*
    from placed
    inner join destinations
        on
            placed.destination = destinations.destination
            and placed.channel = destinations.channel
            and placed.scope = destinations.scope
    left join suppression_list
        on
            placed.channel = suppression_list.channel
            and placed.subject = suppression_list.address
    where suppression_list.address is null

)

-- What a correction says of another address is no loss: the event is there. Silence is no event. A state that is free is a
-- release; it is a loss, too, where the ledger knows the event of the suppression and no table does.
select
    unlisted.destination,
    unlisted.channel,
    unlisted.scope,
    unlisted.subject as address,
    unlisted.list_name
from unlisted
left join states
    on
        unlisted.channel = states.channel
        and unlisted.subject = states.address
left join recorded
    on unlisted.event_id = recorded.event_id
where
    states.is_suppressed
    or (
        recorded.event_id is null
        and unlisted.reason <> 'unengaged'
        and (states.address is null or unlisted.event_timestamp is not null)
    )
