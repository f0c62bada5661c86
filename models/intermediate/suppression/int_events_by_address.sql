{{ config(materialized='view') }}

with

links as (

    select * from {{ ref('int_contact_identifiers') }}
    where
        address is not null
        and last_at is not null

),

listed_bounces as (

    select * from {{ ref('int_listed_bounces') }}
    where not is_echo

),

-- What was said and done, without what only repeats it.
events as (

    select * from {{ ref('events') }}
    where
        channel is not null
        and not is_echo
        and not is_own
        and not is_list_entry
        and event_type in ('complaint', 'unsubscribe', 'bounce', 'block', 'delivered', 'subscribe', 'reactivate')

)

select
    channel,
    address,
    event_type,
    effective_at,
    event_id
from events
where address is not null

union all

select
    channel,
    address,
    'bounce' as event_type,
    effective_at,
    event_id
from listed_bounces

union all

-- A person's word by name is about each of their addresses, from its link on.
select
    events.channel,
    links.address,
    events.event_type,
    greatest(events.effective_at, links.first_at) as effective_at,
    events.event_id
from events
inner join links
    on
        events.channel = links.channel
        and events.external_id = links.external_id
where
    events.event_type in ('complaint', 'unsubscribe', 'subscribe')
    and (events.address is null or (events.channel <> 'push' and events.address <> links.address))
