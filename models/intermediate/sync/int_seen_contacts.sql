{{ config(materialized='view') }}

with

destinations as (

    select distinct
        destination,
        channel
    from {{ ref('destinations') }}
    where
        enabled
        and audience = 'seen'

),

latest_events as (

    select * from {{ ref('int_events_latest') }}
    where last_at is not null

)

select
    destinations.destination,
    destinations.channel,
    latest_events.external_id,
    latest_events.address
from latest_events
inner join destinations
    on
        latest_events.source = destinations.destination
        and latest_events.channel = destinations.channel
