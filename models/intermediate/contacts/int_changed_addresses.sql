{{
    config(
        materialized='incremental',
        incremental_strategy=append_strategy(),
        on_schema_change='fail',
        meta={'fed_by': 'states', 'replaces': '*'},
    )
}}

with

addresses as (

    select * from {{ ref('int_contact_addresses') }}

),

states_changed as (

    select * from {{ ref('int_states_changed') }}

)

select
    addresses.contact_state_id,
    addresses.contact_id,
    addresses.address_id,
    addresses.external_id,
    addresses.channel,
    addresses.address,
    addresses.first_at,
    addresses.last_at,
    addresses.exceeds_address_limit,
    addresses.is_current_owner,
    addresses.is_latest_address
from addresses
inner join states_changed
    on addresses.contact_id = states_changed.contact_id
