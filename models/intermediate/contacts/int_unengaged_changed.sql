{{
    config(
        materialized='incremental',
        incremental_strategy=append_strategy(),
        on_schema_change='fail',
        tags=['weekly'],
    )
}}

with

unengaged as (

    select * from {{ ref('unengaged') }}

),

addresses as (

    select * from {{ ref('int_contact_addresses') }}

),

{% if is_incremental() -%}
last_changes as (

    select
        silent_address as address,
        event_id,
        unengaged_at
    from {{ this }}
    where true
    qualify row_number() over (partition by silent_address order by changed_at desc) = 1

),
{%- endif %}

changes as (

    {% if is_incremental() -%}
    select
        coalesce(unengaged.address, last_changes.address) as address,
        unengaged.event_id,
        unengaged.unengaged_at
    from unengaged
    full outer join last_changes
        on unengaged.address = last_changes.address
    where
        unengaged.event_id is distinct from last_changes.event_id
        or unengaged.unengaged_at is distinct from last_changes.unengaged_at
    {%- else -%}
    select
        address,
        event_id,
        unengaged_at
    from unengaged
    {%- endif %}

),

-- The contacts behind the address, all of their addresses, and who shares these: a policy may carry
-- the silence to every channel.
silent_contacts as (

    select distinct
        addresses.contact_id,
        changes.address as silent_address,
        changes.event_id,
        changes.unengaged_at
    from changes
    inner join addresses
        on
            changes.address = addresses.address
            and addresses.channel = 'email'

),

their_addresses as (

    select distinct
        addresses.address_id,
        addresses.channel,
        addresses.address,
        silent_contacts.silent_address,
        silent_contacts.event_id,
        silent_contacts.unengaged_at
    from silent_contacts
    inner join addresses
        on silent_contacts.contact_id = addresses.contact_id
    where addresses.address_id is not null

)

select
    address_id as contact_id,
    cast(null as {{ dbt.type_string() }}) as external_id,
    channel,
    address,
    silent_address,
    event_id,
    unengaged_at,
    {{ build_time() }} as changed_at
from their_addresses

union distinct

select
    addresses.contact_id,
    addresses.external_id,
    cast(null as {{ dbt.type_string() }}) as channel,
    cast(null as {{ dbt.type_string() }}) as address,
    their_addresses.silent_address,
    their_addresses.event_id,
    their_addresses.unengaged_at,
    {{ build_time() }} as changed_at
from their_addresses
inner join addresses
    on their_addresses.address_id = addresses.address_id
where addresses.external_id is not null
