with

addresses as (

    select * from {{ ref('int_contact_addresses') }}
    where exceeds_address_limit

)

select
    channel,
    external_id,
    count(*) as addresses
from addresses
group by channel, external_id
