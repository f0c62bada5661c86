{{ config(materialized='view') }}

with

addresses as (

    select * from {{ ref('int_changed_addresses') }}

),

traits as (

    select distinct
        channel,
        external_id,
        address
    from {{ ref('int_changed_events') }}
    where
        event_type = 'identify'
        and not is_own

)

select addresses.contact_state_id
from traits
inner join addresses
    on
        traits.channel = addresses.channel
        and traits.external_id = addresses.external_id

union distinct

select addresses.contact_state_id
from traits
inner join addresses
    on
        traits.channel = addresses.channel
        and traits.address = addresses.address
where traits.external_id is null
