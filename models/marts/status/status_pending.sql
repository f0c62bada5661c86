with

deltas as (

    select * from {{ ref('sync_deltas') }}

)

select
    destination,
    channel,
    scope,
    action,
    reason,
    count(*) as items,
    min(event_timestamp) as oldest,
    min(priority) as priority
from deltas
group by destination, channel, scope, action, reason
