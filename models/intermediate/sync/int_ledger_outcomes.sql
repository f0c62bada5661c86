{{ config(materialized='view') }}

with

ledger as (

    select * from {{ source('raw', 'sync_ledger') }}

),

destinations as (

    select
        destination,
        channel,
        coalesce(scope, '') as scope,
        mode
    from {{ ref('destinations') }}

),

lists as (

    select * from {{ ref('int_destination_lists') }}

)

select
    ledger.run_id,
    ledger.delta_id,
    ledger.destination,
    ledger.channel,
    coalesce(ledger.scope, '') as scope,
    case when destinations.mode = 'profile' then ledger.contact_id else ledger.address end as subject,
    coalesce(lists.list_name, '') as list_name,
    ledger.action,
    ledger.reason,
    ledger.event_id,
    ledger.event_timestamp,
    ledger.outcome,
    {{ never_went_out('ledger') }} as is_unsent,
    ledger.pushed_at
from ledger
left join destinations
    on
        ledger.destination = destinations.destination
        and ledger.channel = destinations.channel
        and coalesce(ledger.scope, '') = destinations.scope
left join lists
    on
        ledger.destination = lists.destination
        and ledger.channel = lists.channel
        and coalesce(ledger.scope, '') = lists.scope
        and ledger.reason = lists.reason
where
    ledger.outcome in ('intended', 'confirmed', 'accepted', 'rejected', 'absent')
    or {{ never_went_out('ledger') }}
