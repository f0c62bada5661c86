{{ config(materialized='view') }}

with

addresses as (

    select * from {{ ref('int_changed_addresses') }}

),

subscribes as (

    select
        channel,
        external_id,
        address,
        source,
        topic,
        last_at as effective_at,
        last_event_id as event_id,
        last_source_of_change as source_of_change
    from {{ ref('int_changed_events') }}
    where
        event_type = 'subscribe'
        and not is_own
        and not is_echo

),

reaching as (

    select
        addresses.contact_state_id,
        subscribes.effective_at,
        subscribes.event_id,
        subscribes.source,
        subscribes.source_of_change,
        subscribes.topic
    from subscribes
    inner join addresses
        on
            subscribes.channel = addresses.channel
            and subscribes.address = addresses.address
    where
        subscribes.external_id is null
        or subscribes.external_id = addresses.external_id

    union all

    select
        addresses.contact_state_id,
        subscribes.effective_at,
        subscribes.event_id,
        subscribes.source,
        subscribes.source_of_change,
        subscribes.topic
    from subscribes
    inner join addresses
        on
            subscribes.channel = addresses.channel
            and subscribes.external_id = addresses.external_id
    where not addresses.exceeds_address_limit

),

last_subscribes as (

    select
        contact_state_id,
        {{ last_of(['effective_at', 'event_id', 'source', 'source_of_change', 'topic']) }} as subscribe
    from reaching
    group by contact_state_id

)

select
    contact_state_id,
    subscribe.effective_at as subscribed_at,
    subscribe.event_id,
    subscribe.source,
    subscribe.source_of_change,
    subscribe.topic
from last_subscribes
