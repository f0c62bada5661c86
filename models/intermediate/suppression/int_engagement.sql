{{
    config(
        materialized='incremental',
        incremental_strategy=append_strategy(),
        on_schema_change='fail',
        meta={'fed_by': 'events', 'replaces': 'address_id', 'changed_by': 'int_contacts_changed'},
    )
}}

with

latest_events as (

    select * from {{ ref('int_events_latest') }}
    where
        channel = 'email'
        and last_at is not null
        and not is_own
        and (
            event_type = 'subscribe'
            or (
                event_type in ('open', 'click')
                {%- if not var('count_machine_opens') %}
                and not is_machine
                {%- endif %}
            )
        )

),

platform_ids as (

    select * from {{ ref('int_platform_ids') }}
    where channel = 'email'

),

addresses as (

    select * from {{ ref('int_contact_addresses') }}
    where
        channel = 'email'
        and address is not null
        and {{ is_changed('address_id', 'int_contacts_changed') }}

),

signs as (

    select
        addresses.address_id,
        addresses.address,
        addresses.computed_at,
        latest_events.last_at as effective_at,
        latest_events.last_event_id as event_id
    from latest_events
    inner join addresses
        on
            latest_events.address = addresses.address
            and addresses.is_current_owner

    union all

    -- A person who subscribes by name is alive behind all of their addresses.
    select
        addresses.address_id,
        addresses.address,
        addresses.computed_at,
        latest_events.last_at,
        latest_events.last_event_id
    from latest_events
    inner join addresses
        on latest_events.external_id = addresses.external_id
    where
        latest_events.address is null
        and latest_events.event_type = 'subscribe'
        and not addresses.exceeds_address_limit

    union all

    -- So is one who opens, named by a platform's own id.
    select
        addresses.address_id,
        addresses.address,
        addresses.computed_at,
        latest_events.last_at,
        latest_events.last_event_id
    from latest_events
    inner join platform_ids
        on latest_events.platform_id = platform_ids.platform_id
    inner join addresses
        on
            platform_ids.address = addresses.address
            and addresses.is_current_owner

),

last_signs as (

    select
        address_id,
        address,
        {{ last_of(['effective_at', 'event_id']) }} as sign,
        max(computed_at) as computed_at
    from signs
    group by address_id, address

)

select
    address_id,
    address,
    sign.effective_at as engaged_at,
    sign.event_id as engaged_event_id,
    computed_at
from last_signs
