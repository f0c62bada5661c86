with

events as (

    select * from {{ ref('int_events_unioned') }}
    where
        is_unmapped
        and provider_event is not null

)

select
    source,
    provider_event,
    count(*) as events
from events
group by source, provider_event
