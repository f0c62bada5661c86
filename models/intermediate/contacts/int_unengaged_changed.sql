{{
    config(
        materialized='incremental',
        incremental_strategy=append_strategy(),
        on_schema_change='fail',
        tags=['weekly'],
    )
}}

with recursive

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

edges as (

    select
        contact_id as from_id,
        address_id as to_id
    from addresses
    where address_id is not null

    union all

    select
        address_id as from_id,
        contact_id as to_id
    from addresses
    where address_id is not null

),

-- The whole group that is linked with the address: a policy may carry the silence to every channel, and state is computed by group.
reached_ids as (

    select distinct
        addresses.address_id as contact_id,
        changes.address as silent_address,
        changes.event_id,
        changes.unengaged_at
    from changes
    inner join addresses
        on
            changes.address = addresses.address
            and addresses.channel = 'email'

    union distinct

    select
        edges.to_id as contact_id,
        reached_ids.silent_address,
        reached_ids.event_id,
        reached_ids.unengaged_at
    from reached_ids
    inner join edges
        on reached_ids.contact_id = edges.from_id

),

named as (

    select distinct
        reached_ids.contact_id,
        addresses.external_id,
        cast(null as {{ dbt.type_string() }}) as channel,
        cast(null as {{ dbt.type_string() }}) as address,
        reached_ids.silent_address,
        reached_ids.event_id,
        reached_ids.unengaged_at
    from reached_ids
    inner join addresses
        on reached_ids.contact_id = addresses.contact_id
    where addresses.external_id is not null

    union distinct

    select
        reached_ids.contact_id,
        cast(null as {{ dbt.type_string() }}) as external_id,
        addresses.channel,
        addresses.address,
        reached_ids.silent_address,
        reached_ids.event_id,
        reached_ids.unengaged_at
    from reached_ids
    inner join addresses
        on reached_ids.contact_id = addresses.address_id

)

select
    contact_id,
    external_id,
    channel,
    address,
    silent_address,
    event_id,
    unengaged_at,
    {{ build_time() }} as changed_at
from named
