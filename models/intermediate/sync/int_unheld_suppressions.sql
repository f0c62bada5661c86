{{ config(materialized='view') }}

{%- set of_key = 'partition by {0}.destination, {0}.channel, {0}.scope, {0}.address, {0}.list_name' %}

with

{{ import_deltas_changed() }}

destinations as (

    select
        destination,
        channel,
        coalesce(scope, '') as scope
    from {{ ref('destinations') }}
    where
        enabled
        and mode = 'suppression'

),

lists as (

    select * from {{ ref('int_destination_lists') }}

),

reasons as (

    select reasons_at.*
    from {{ ref('int_suppression_reasons') }} as reasons_at
    {{ join_changed_addresses('reasons_at', 'address') }}
    where reasons_at.address is not null

),

-- Judged by the reasons themselves: an empty or broken list must not look like a release.
taken_reasons as (

    select reasons_of_lists.*
    from {{ ref('int_reasons_by_destination') }} as reasons_of_lists
    {{ join_changed_addresses('reasons_of_lists', 'address') }}

),

synced as (

    select states.*
    from {{ ref('int_synced_state') }} as states
    {{ join_changed_addresses('states', 'subject') }}
    where states.action = 'suppress'

),

unheld as (

    select
        synced.destination,
        synced.channel,
        synced.scope,
        synced.list_name,
        synced.subject as address,
        synced.reason,
        synced.event_id,
        synced.run_id,
        synced.delta_id,
        synced.known_at as suppressed_at,
        -- Silence began a window before it counted: engagement since then ends it.
        case
            when synced.reason = 'unengaged' then {{ timestamp_plus('synced.event_timestamp', -var('unengaged_window_days'), 'day') }}
            else synced.event_timestamp
        end as undone_from
    from synced
    inner join destinations
        on
            synced.destination = destinations.destination
            and synced.channel = destinations.channel
            and synced.scope = destinations.scope
    left join taken_reasons
        on
            synced.destination = taken_reasons.destination
            and synced.channel = taken_reasons.channel
            and synced.scope = taken_reasons.scope
            and synced.list_name = taken_reasons.list_name
            and synced.subject = taken_reasons.address
    where taken_reasons.address is null

),

-- Whether any reason of the list holds, or of the address, and since when the one had held that put it there.
held as (

    select
        unheld.*,
        reasons.precedence,
        reasons.ended_at,
        reasons.ended_event_id,
        coalesce(lists.list_name, '') = unheld.list_name as is_of_list,
        max(case when reasons.holds and coalesce(lists.list_name, '') = unheld.list_name then 1 else 0 end)
            over ({{ of_key.format('unheld') }}) = 1 as is_held,
        max(case when reasons.holds then 1 else 0 end) over ({{ of_key.format('unheld') }}) = 1 as is_held_elsewhere,
        min(case when unheld.reason = reasons.reason then reasons.reason_at end) over ({{ of_key.format('unheld') }}) as held_since
    from unheld
    left join reasons
        on
            unheld.channel = reasons.channel
            and unheld.address = reasons.address
    left join lists
        on
            unheld.destination = lists.destination
            and unheld.channel = lists.channel
            and unheld.scope = lists.scope
            and reasons.reason = lists.reason

),

-- What is not younger than undone_from undoes nothing, whatever the reasons say by now (null: the ledger does not know).
ended as (

    select
        *,
        coalesce(
            not is_held
            and is_of_list
            and ended_at >= held_since
            and (undone_from is null or ended_at > undone_from),
            false
        ) as is_ending
    from held

)

-- Of what ended since, the first reason and what ended that one: what was delivered since a consent dates no consent.
select
    destination,
    channel,
    scope,
    list_name,
    address,
    reason,
    event_id,
    run_id,
    delta_id,
    suppressed_at,
    undone_from,
    is_held,
    is_held_elsewhere,
    case when is_ending then precedence end as ended_precedence,
    case when is_ending then ended_event_id end as ended_event_id,
    case when is_ending then ended_at end as ended_at
from ended
where true
qualify
    row_number() over (
        {{ of_key.format('ended') }}
        order by case when is_ending then 0 else 1 end, ended.precedence, ended.ended_at desc, ended.ended_event_id desc
    ) = 1
