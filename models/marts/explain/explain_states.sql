with

states as (

    select * from {{ ref('int_contact_state') }}

),

over_limit as (

    select contact_state_id from {{ ref('int_contact_addresses') }}
    where exceeds_address_limit

),

listed as (

    select * from {{ ref('suppression_list') }}

)

select
    states.contact_state_id,
    states.contact_id,
    states.address_id,
    states.external_id,
    states.channel,
    states.address,
    states.is_suppressed,
    states.reason,
    states.reasons,
    states.reason_event_id,
    states.reason_at,
    states.reason_received_at,
    states.released_reason,
    states.released_event_id,
    states.released_at,
    states.is_subscribed,
    states.is_deliverable,
    states.is_engaged,
    states.source,
    states.source_of_change,
    states.subscribed_at,
    states.subscribed_event_id,
    states.subscribed_topic,
    states.engaged_event_id,
    states.engaged_at,
    states.is_current_owner,
    states.is_latest_address,
    states.computed_at,
    over_limit.contact_state_id is not null as exceeds_address_limit,
    listed.address is not null as is_listed
from states
left join over_limit
    on states.contact_state_id = over_limit.contact_state_id
left join listed
    on
        states.channel = listed.channel
        and states.address = listed.address
