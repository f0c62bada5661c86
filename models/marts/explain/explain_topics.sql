with

acts as (

    select * from {{ ref('int_events_latest') }}
    where
        event_type in ('topic_unsubscribe', 'topic_subscribe')
        and last_at is not null
        and not is_own

),

latest_acts as (

    select * from acts
    where true
    qualify
        row_number() over (
            partition by channel, source, topic, external_id, address, platform_id
            order by last_at desc, case when event_type = 'topic_unsubscribe' then 0 else 1 end
        ) = 1

)

select
    channel,
    source,
    topic,
    external_id,
    address,
    platform_id,
    last_at,
    last_event_id
from latest_acts
where event_type = 'topic_unsubscribe'
