{{ config(tags=['full_scan']) }}

-- No address is listed without an event that holds: fails with list rows whose event is not on record
-- with the reason's type and time.
with

suppression_list as (

    select * from {{ ref('suppression_list') }}

),

events as (

    select
        event_id,
        event_type,
        effective_at
    from {{ ref('events') }}
    where event_id in (select listed.event_id from {{ ref('suppression_list') }} as listed)

)

select suppression_list.*
from suppression_list
left join events
    on
        suppression_list.event_id = events.event_id
        and suppression_list.event_timestamp = events.effective_at
        and (
            suppression_list.event_type = events.event_type
            or (suppression_list.event_type = 'soft_bounces' and events.event_type = 'soft_bounce')
            or (suppression_list.event_type = 'unsubscribe' and events.event_type in ('identify', 'topic_unsubscribe'))
        )
where
    events.event_id is null
    and suppression_list.event_type <> 'unengaged'
