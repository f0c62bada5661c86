{{ config(materialized='view') }}

{%- set key = ['destination', 'channel', 'scope', 'address'] %}

with

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

destination_reasons as (

    select
        destination,
        channel,
        coalesce(scope, '') as scope,
        reason
    from {{ ref('destination_reasons') }}

),

suppression_list as (

    select * from {{ ref('suppression_list') }}

),

reasons as (

    select * from {{ ref('int_suppression_reasons') }}
    where address is not null

),

states as (

    select * from {{ ref('int_contact_state') }}
    where
        address is not null
        and is_last_namer

),

profiles as (

    select * from {{ ref('contact_profiles') }}

),

ledger as (

    select * from {{ source('raw', 'sync_ledger') }}

),

-- What each platform is known to have: the latest answer that settled the matter.
known as (

    select
        destination,
        channel,
        scope,
        address,
        action,
        reason,
        event_id,
        run_id,
        delta_id
    from ledger
    where outcome in ('confirmed', 'accepted')
    qualify
        row_number() over (
            partition by {{ key | join(', ') }}
            order by pushed_at desc, run_id desc, delta_id desc
        ) = 1

),

-- Of the reasons that hold, the first that the destination takes.
desired as (

    select
        destinations.destination,
        destinations.channel,
        destinations.scope,
        suppression_list.address,
        reasons.reason,
        reasons.reason_event_id as event_id,
        reasons.reason_at as event_timestamp,
        reasons.precedence as priority
    from suppression_list
    inner join reasons
        on
            suppression_list.channel = reasons.channel
            and suppression_list.address = reasons.address
    inner join destinations
        on suppression_list.channel = destinations.channel
    inner join destination_reasons
        on
            destinations.destination = destination_reasons.destination
            and destinations.channel = destination_reasons.channel
            and destinations.scope = destination_reasons.scope
            and reasons.reason = destination_reasons.reason
    where
        reasons.holds
        and reasons.is_suppressing
    qualify
        row_number() over (
            partition by destinations.destination, destinations.channel, destinations.scope, suppression_list.address
            order by reasons.precedence, reasons.reason_at desc, reasons.reason_event_id desc
        ) = 1

),

suppressions as (

    select
        desired.destination,
        desired.channel,
        desired.scope,
        desired.address,
        'suppress' as action,
        desired.reason,
        desired.event_id,
        desired.event_timestamp,
        desired.priority,
        known.run_id as known_run_id,
        known.delta_id as known_delta_id
    from desired
    left join known
        on
            desired.destination = known.destination
            and desired.channel = known.channel
            and desired.scope = known.scope
            and desired.address = known.address
    where
        known.action is null
        or known.action <> 'suppress'

),

-- Placed there by us, and no reason that the destination takes holds any more.
placed as (

    select known.*
    from known
    inner join destinations
        on
            known.destination = destinations.destination
            and known.channel = destinations.channel
            and known.scope = destinations.scope
    left join desired
        on
            known.destination = desired.destination
            and known.channel = desired.channel
            and known.scope = desired.scope
            and known.address = desired.address
    where
        known.action = 'suppress'
        and desired.address is null

),

reasons_of_placed as (

    select
        placed.destination,
        placed.scope,
        reasons.channel,
        reasons.address,
        reasons.reason,
        reasons.holds,
        reasons.precedence,
        reasons.ended_at,
        reasons.ended_event_id,
        reasons.reason = placed.reason as is_known_reason
    from placed
    inner join reasons
        on
            placed.channel = reasons.channel
            and placed.address = reasons.address

),

-- The reason that put it there ended by an event on every row of the address.
ended_reasons as (

    select
        destination,
        scope,
        channel,
        address
    from reasons_of_placed
    group by destination, scope, channel, address
    having
        max(case when is_known_reason then 1 else 0 end) = 1
        and max(case when is_known_reason and holds then 1 else 0 end) = 0

),

last_endings as (

    select
        reasons_of_placed.destination,
        reasons_of_placed.scope,
        reasons_of_placed.channel,
        reasons_of_placed.address,
        reasons_of_placed.reason,
        reasons_of_placed.ended_at,
        reasons_of_placed.ended_event_id
    from reasons_of_placed
    inner join ended_reasons
        on
            reasons_of_placed.destination = ended_reasons.destination
            and reasons_of_placed.scope = ended_reasons.scope
            and reasons_of_placed.channel = ended_reasons.channel
            and reasons_of_placed.address = ended_reasons.address
    where not reasons_of_placed.holds
    qualify
        row_number() over (
            partition by
                reasons_of_placed.destination,
                reasons_of_placed.scope,
                reasons_of_placed.channel,
                reasons_of_placed.address
            order by reasons_of_placed.ended_at desc, reasons_of_placed.ended_event_id desc, reasons_of_placed.precedence
        ) = 1

),

-- Absence is never a release: only an explicit row of state releases.
releases as (

    select
        placed.destination,
        placed.channel,
        placed.scope,
        placed.address,
        'release' as action,
        case
            when last_endings.address is not null then last_endings.reason
            when
                placed.reason = 'unengaged'
                and states.engaged_event_id is not null
                and placed.event_id <> {{ unengaged_event_id('placed.address', 'states.engaged_event_id') }}
                then 'unengaged'
            else 'policy'
        end as reason,
        coalesce(last_endings.ended_event_id, states.engaged_event_id) as ended_event_id,
        coalesce(last_endings.ended_at, states.engaged_at) as ended_at,
        placed.run_id as known_run_id,
        placed.delta_id as known_delta_id
    from placed
    inner join states
        on
            placed.channel = states.channel
            and placed.address = states.address
    left join last_endings
        on
            placed.destination = last_endings.destination
            and placed.scope = last_endings.scope
            and placed.channel = last_endings.channel
            and placed.address = last_endings.address

),

changes as (

    select
        destination,
        channel,
        scope,
        address,
        action,
        reason,
        event_id,
        event_timestamp,
        priority,
        known_run_id,
        known_delta_id
    from suppressions

    union all

    -- Positive verbs come after every suppression; those without an event last.
    select
        destination,
        channel,
        scope,
        address,
        action,
        reason,
        case when reason <> 'policy' then ended_event_id end as event_id,
        case when reason <> 'policy' then ended_at end as event_timestamp,
        case when reason <> 'policy' then 100 else 101 end as priority,
        known_run_id,
        known_delta_id
    from releases

),

identified as (

    select
        *,
        {{ surrogate_key(key + ['action', 'reason', 'event_id', 'known_run_id', 'known_delta_id']) }} as delta_id
    from changes

),

-- What a platform will never take, and what it did not have when asked within the last seven days.
settled as (

    select distinct delta_id
    from ledger
    where
        outcome = 'rejected'
        or (outcome = 'absent' and pushed_at > {{ timestamp_plus(utc_now(), -7, 'day') }})

)

select
    identified.delta_id,
    identified.destination,
    identified.channel,
    identified.scope,
    identified.address,
    states.contact_id,
    states.external_id,
    profiles.email,
    profiles.phone,
    cast(null as {{ dbt.type_string() }}) as push_token_type,
    identified.action,
    identified.reason,
    identified.event_id,
    identified.event_timestamp,
    cast(identified.priority as {{ type_int64() }}) as priority
from identified
left join states
    on
        identified.channel = states.channel
        and identified.address = states.address
left join profiles
    on states.contact_id = profiles.contact_id
left join settled
    on identified.delta_id = settled.delta_id
where settled.delta_id is null
