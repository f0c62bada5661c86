{{
    config(
        materialized='incremental',
        incremental_strategy=append_strategy(),
        on_schema_change='fail',
        meta={'fed_by': 'states', 'replaces': '*'},
    )
}}

with

latest_events as (

    select * from {{ ref('int_events_latest') }}
    where last_at is not null

),

states_changed as (

    select * from {{ ref('int_states_changed') }}

)

select
    latest_events.channel,
    latest_events.external_id,
    latest_events.address,
    latest_events.event_type,
    latest_events.source,
    latest_events.topic,
    latest_events.is_echo,
    latest_events.is_machine,
    latest_events.is_own,
    latest_events.first_at,
    latest_events.first_event_id,
    latest_events.first_received_at,
    latest_events.first_source_of_change,
    latest_events.last_at,
    latest_events.last_event_id,
    latest_events.last_received_at,
    latest_events.last_source_of_change
from latest_events
inner join states_changed
    on latest_events.external_id = states_changed.external_id

union all

-- Whoever else is linked with the address is among the changed, too.
select
    latest_events.channel,
    latest_events.external_id,
    latest_events.address,
    latest_events.event_type,
    latest_events.source,
    latest_events.topic,
    latest_events.is_echo,
    latest_events.is_machine,
    latest_events.is_own,
    latest_events.first_at,
    latest_events.first_event_id,
    latest_events.first_received_at,
    latest_events.first_source_of_change,
    latest_events.last_at,
    latest_events.last_event_id,
    latest_events.last_received_at,
    latest_events.last_source_of_change
from latest_events
inner join states_changed
    on
        latest_events.channel = states_changed.channel
        and latest_events.address = states_changed.address
where latest_events.external_id is null
