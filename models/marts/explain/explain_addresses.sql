with

addresses as (

    select * from {{ ref('int_contact_addresses') }}

)

select
    contact_state_id,
    contact_id,
    external_id,
    channel,
    address
from addresses
