{{ config(materialized='view') }}

with

last_build as (

    select * from {{ ref('int_last_build') }}

),

contacts_changed as (

    select contacts_changed.*
    from {{ ref('int_contacts_changed') }} as contacts_changed
    inner join last_build
        on contacts_changed.changed_at > last_build.seen_until

),

unengaged_changed as (

    select unengaged_changed.*
    from {{ ref('int_unengaged_changed') }} as unengaged_changed
    inner join last_build
        on unengaged_changed.changed_at > last_build.seen_until

)

select
    contact_id,
    external_id,
    channel,
    address
from contacts_changed

union distinct

select
    contact_id,
    external_id,
    channel,
    address
from unengaged_changed
