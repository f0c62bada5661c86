{{ config(materialized='view') }}

with

events as (

    select * from {{ ref('events') }}

),

suppression_list as (

    select * from {{ ref('suppression_list') }}
    where event_type in ('complaint', 'unsubscribe')

),

doubtful as (

    select * from events
    where
        channel = 'sms'
        and event_type = 'other'
        and provider_event like '%/possible_opt_out'

),

dismissed as (

    select
        channel,
        address,
        max(effective_at) as read_until
    from events
    where
        source = 'operator'
        and provider_event like 'dismiss%'
    group by
        channel,
        address

)

select
    doubtful.event_id,
    doubtful.source,
    doubtful.channel,
    doubtful.address,
    doubtful.external_id,
    doubtful.provider_event,
    doubtful.effective_at,
    doubtful.received_at,
    doubtful.delivery_id
from doubtful
left join suppression_list
    on
        doubtful.channel = suppression_list.channel
        and doubtful.address = suppression_list.address
left join dismissed
    on
        doubtful.channel = dismissed.channel
        and doubtful.address = dismissed.address
        and {{ to_second('doubtful.received_at') }} <= dismissed.read_until
where
    suppression_list.suppression_id is null
    and dismissed.address is null
