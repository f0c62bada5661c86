{{
    config(
        materialized='incremental',
        incremental_strategy=append_strategy(),
        on_schema_change='fail',
        meta={'fed_by': 'events', 'replaces': 'contact_id', 'changed_by': 'int_contacts_changed'},
    )
}}

with

identifiers as (

    select * from {{ ref('int_contact_identifiers') }}
    where
        last_at is not null
        and {{ is_changed('contact_id', 'int_contacts_changed') }}

),

changed_contacts as (

    select * from {{ ref('int_contacts_changed') }}

),

latest_events as (

    select
        channel,
        external_id,
        address,
        platform_id
    from {{ ref('int_events_latest') }}
    where
        last_at is not null
        and event_type <> 'other'

),

platform_ids as (

    select * from {{ ref('int_platform_ids') }}

),

links as (

    select
        contact_id,
        address_id,
        external_id,
        channel,
        address,
        first_at,
        last_at,
        count(*) over (partition by external_id, channel) > {{ var('max_addresses_per_contact') }} as exceeds_address_limit,
        row_number() over (partition by channel, address order by last_at desc, external_id desc) = 1 as is_current_owner
    from identifiers

),

-- A push token, unlike a mailbox, belongs to the contact that named it last.
current_links as (

    select * from links
    where channel <> 'push' or is_current_owner

),

-- By an event, or by a platform's own id that it names.
named_addresses as (

    select distinct
        latest_events.channel,
        latest_events.address
    from latest_events
    {% if not rebuilds_groups() -%}
    inner join changed_contacts
        on
            latest_events.channel = changed_contacts.channel
            and latest_events.address = changed_contacts.address
    {%- endif %}
    where latest_events.address is not null

    union distinct

    select
        platform_ids.channel,
        platform_ids.address
    from latest_events
    inner join platform_ids
        on
            latest_events.channel = platform_ids.channel
            and latest_events.platform_id = platform_ids.platform_id
    {% if not rebuilds_groups() -%}
    inner join changed_contacts
        on
            platform_ids.channel = changed_contacts.channel
            and platform_ids.address = changed_contacts.address
    {%- endif %}

),

unlinked_addresses as (

    select
        named_addresses.channel,
        named_addresses.address
    from named_addresses
    left join links
        on
            named_addresses.channel = links.channel
            and named_addresses.address = links.address
            and links.is_current_owner
    where links.address is null

),

named_contacts as (

    select distinct
        latest_events.channel,
        latest_events.external_id
    from latest_events
    {% if not rebuilds_groups() -%}
    inner join changed_contacts
        on latest_events.external_id = changed_contacts.external_id
    {%- endif %}
    where latest_events.external_id is not null

),

contacts_without_address as (

    select
        named_contacts.channel,
        named_contacts.external_id
    from named_contacts
    where
        not exists (
            select 1
            from current_links
            where
                current_links.channel = named_contacts.channel
                and current_links.external_id = named_contacts.external_id
        )

),

addresses as (

    select
        contact_id,
        address_id,
        external_id,
        channel,
        address,
        first_at,
        last_at,
        exceeds_address_limit,
        is_current_owner
    from current_links

    union all

    select
        {{ surrogate_key(['channel', 'address']) }} as contact_id,
        {{ surrogate_key(['channel', 'address']) }} as address_id,
        null as external_id,
        channel,
        address,
        null as first_at,
        null as last_at,
        false as exceeds_address_limit,
        true as is_current_owner
    from unlinked_addresses

    union all

    select
        {{ surrogate_key(["'external_id'", 'external_id']) }} as contact_id,
        null as address_id,
        external_id,
        channel,
        null as address,
        null as first_at,
        null as last_at,
        false as exceeds_address_limit,
        false as is_current_owner
    from contacts_without_address

)

select
    {{ surrogate_key(['contact_id', 'channel', 'address_id']) }} as contact_state_id,
    contact_id,
    address_id,
    external_id,
    channel,
    address,
    first_at,
    last_at,
    exceeds_address_limit,
    is_current_owner,
    row_number() over (partition by contact_id, channel order by last_at desc, address desc) = 1 as is_latest_address,
    {{ build_time() }} as computed_at
from addresses
