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

opt_ins as (

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

last_opt_ins as (

    select
        contact_state_id,
        {{ last_of(['effective_at', 'event_id', 'source', 'source_of_change', 'topic']) }} as opt_in
    from opt_ins
    group by contact_state_id

)

select
    contact_state_id,
    opt_in.effective_at as opted_in_at,
    opt_in.event_id,
    opt_in.source,
    opt_in.source_of_change,
    opt_in.topic
from last_opt_ins
