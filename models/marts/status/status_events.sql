with

events as (

    select * from {{ ref('events') }}

)

select
    source,
    event_type,
    count(*) as events
from events
group by source, event_type
