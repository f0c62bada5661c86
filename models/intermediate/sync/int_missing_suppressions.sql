{{ config(materialized='view') }}

with

{{ import_deltas_changed() }}

suppression_list as (

    select entries.*
    from {{ ref('suppression_list') }} as entries
    {{ join_changed_addresses('entries', 'address') }}

),

reasons as (

    select reasons_of_lists.*
    from {{ ref('int_reasons_by_destination') }} as reasons_of_lists
    {{ join_changed_addresses('reasons_of_lists', 'address') }}
    where reasons_of_lists.mode = 'suppression'

),

synced as (

    select states.*
    from {{ ref('int_synced_state') }} as states
    {{ join_changed_addresses('states', 'subject') }}

),

seen as (

    select distinct
        contacts.destination,
        contacts.channel,
        contacts.address
    from {{ ref('int_seen_contacts') }} as contacts
    {{ join_changed_addresses('contacts', 'address') }}

)

select
    reasons.destination,
    reasons.channel,
    reasons.scope,
    reasons.list_name,
    reasons.address,
    suppression_list.contact_id,
    suppression_list.external_id,
    reasons.reason,
    reasons.reason_event_id as event_id,
    reasons.reason_at as event_timestamp,
    reasons.precedence as priority,
    synced.run_id as known_run_id,
    synced.delta_id as known_delta_id
from suppression_list
inner join reasons
    on
        suppression_list.channel = reasons.channel
        and suppression_list.address = reasons.address
left join synced
    on
        reasons.destination = synced.destination
        and reasons.channel = synced.channel
        and reasons.scope = synced.scope
        and reasons.list_name = synced.list_name
        and reasons.address = synced.subject
left join seen
    on
        reasons.destination = seen.destination
        and reasons.channel = seen.channel
        and reasons.address = seen.address
where
    (reasons.audience <> 'seen' or seen.address is not null)
    and (synced.action is null or synced.action <> 'suppress' or synced.is_unknown)
qualify {{ is_first_reason('reasons', ['reasons.list_name', 'reasons.address']) }}
