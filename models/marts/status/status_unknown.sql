with

synced as (

    select * from {{ ref('int_synced_state') }}
    where is_unknown

)

select
    destination,
    channel,
    scope,
    count(*) as items
from synced
group by destination, channel, scope
