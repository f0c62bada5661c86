{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
    )
}}

with

unengaged as (

    {{ built_or_empty('unengaged', ['event_id', 'address', 'unengaged_at']) }}

),

addresses as (

    select * from {{ ref('int_contact_addresses') }}
    where channel = 'email'

),

{% if is_incremental() -%}
last_changes as (

    select
        address,
        event_id,
        unengaged_at
    from {{ this }}
    where not is_everything
    qualify row_number() over (partition by address order by touched_at desc) = 1

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

touched as (

    select
        addresses.contact_id,
        changes.address,
        changes.event_id,
        changes.unengaged_at
    from changes
    inner join addresses
        on changes.address = addresses.address

    union all

    select distinct
        addresses.address_id as contact_id,
        changes.address,
        changes.event_id,
        changes.unengaged_at
    from changes
    inner join addresses
        on changes.address = addresses.address
    where addresses.external_id is not null

)

select
    contact_id,
    address,
    event_id,
    unengaged_at,
    false as is_everything,
    {{ taken_now() }} as touched_at
from touched
