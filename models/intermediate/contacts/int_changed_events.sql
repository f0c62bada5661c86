{{
    config(
        materialized='incremental',
        incremental_strategy=append_strategy(),
        on_schema_change='fail',
        meta={'fed_by': 'states', 'replaces': '*'},
    )
}}

{%- set columns = [
    'channel', 'external_id', 'address', 'platform_id', 'event_type', 'source', 'topic', 'is_echo', 'is_list_entry', 'is_machine',
    'is_own', 'first_at', 'first_event_id', 'first_received_at', 'first_source_of_change', 'last_at', 'last_event_id', 'last_received_at',
    'last_source_of_change',
] %}

with

latest_events as (

    select
        {{ columns | join(',\n        ') }}
    from {{ ref('int_events_latest') }}
    where last_at is not null

),

states_changed as (

    select * from {{ ref('int_states_changed') }}

),

events_by_platform_id as (

    select
        {{ columns | join(',\n        ') }}
    from {{ ref('int_events_by_platform_id') }}

),

changed_events as (

    select latest_events.*
    from latest_events
    inner join states_changed
        on latest_events.external_id = states_changed.external_id

    union all

    -- Whoever else is linked with the address is among the changed, too.
    select latest_events.*
    from latest_events
    inner join states_changed
        on
            latest_events.channel = states_changed.channel
            and latest_events.address = states_changed.address
    where latest_events.external_id is null

    union all

    select * from events_by_platform_id

)

select
    channel,
    -- An event of push that names a token is that token's alone; a trait is the contact's, even beside a token.
    case when channel = 'push' and address is not null and event_type <> 'identify' then null else external_id end as external_id,
    address,
    platform_id,
    event_type,
    source,
    topic,
    is_echo,
    is_list_entry,
    is_machine,
    is_own,
    first_at,
    first_event_id,
    first_received_at,
    first_source_of_change,
    last_at,
    last_event_id,
    last_received_at,
    last_source_of_change
from changed_events
