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

suppressed_addresses as (

    select distinct
        channel,
        address
    from {{ ref('int_contact_state') }}
    where
        is_suppressed
        and address is not null

),

latest_events as (

    select * from {{ ref('int_latest_events') }}
    where last_at is not null

),

policy as (

    select * from {{ ref('suppression_policy') }}

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

-- Judged by the reasons themselves: an empty or broken list must not look like a release.
refused as (

    select distinct
        destination_reasons.destination,
        destination_reasons.channel,
        destination_reasons.scope,
        reasons.address
    from reasons
    inner join destination_reasons
        on
            reasons.channel = destination_reasons.channel
            and reasons.reason = destination_reasons.reason
    where
        reasons.holds
        and reasons.is_suppressing

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
    left join refused
        on
            known.destination = refused.destination
            and known.channel = refused.channel
            and known.scope = refused.scope
            and known.address = refused.address
    where
        known.action = 'suppress'
        and refused.address is null

),

held_addresses as (

    select distinct
        channel,
        address
    from reasons
    where holds

),

-- The reason that put it there has ended, and no other holds; since when it had held.
ended_reasons as (

    select
        placed.destination,
        placed.channel,
        placed.scope,
        placed.address,
        min(reasons.reason_at) as held_since
    from placed
    inner join reasons
        on
            placed.channel = reasons.channel
            and placed.address = reasons.address
            and placed.reason = reasons.reason
    left join held_addresses
        on
            placed.channel = held_addresses.channel
            and placed.address = held_addresses.address
    where held_addresses.address is null
    group by placed.destination, placed.channel, placed.scope, placed.address

),

-- What ended last, and the first by precedence of all that ended since.
endings as (

    select
        ended_reasons.destination,
        ended_reasons.channel,
        ended_reasons.scope,
        ended_reasons.address,
        min(reasons.precedence) as precedence,
        {{ last_of(['ended_at', 'ended_event_id']) }} as ending
    from ended_reasons
    inner join reasons
        on
            ended_reasons.channel = reasons.channel
            and ended_reasons.address = reasons.address
    where reasons.ended_at >= ended_reasons.held_since
    group by ended_reasons.destination, ended_reasons.channel, ended_reasons.scope, ended_reasons.address

),

last_endings as (

    select
        endings.destination,
        endings.channel,
        endings.scope,
        endings.address,
        policy.reason,
        endings.ending.ended_at,
        endings.ending.ended_event_id
    from endings
    inner join policy
        on endings.precedence = policy.precedence

),

-- Absence is never a release: only an explicit row of state releases, and by itself only where no
-- reason holds at all. What a changed seed or var freed waits for a person, as `policy`.
releases as (

    select
        placed.destination,
        placed.channel,
        placed.scope,
        placed.address,
        'release' as action,
        case
            when held_addresses.address is not null then 'policy'
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
    left join held_addresses
        on
            placed.channel = held_addresses.channel
            and placed.address = held_addresses.address
    left join suppressed_addresses
        on
            placed.channel = suppressed_addresses.channel
            and placed.address = suppressed_addresses.address
    left join last_endings
        on
            placed.destination = last_endings.destination
            and placed.scope = last_endings.scope
            and placed.channel = last_endings.channel
            and placed.address = last_endings.address
    -- Suppressed without a reason on record: a broken build, not a release.
    where
        suppressed_addresses.address is null
        or held_addresses.address is not null

),

topic_refusals as (

    select
        source,
        channel,
        address,
        topic,
        max(case when event_type = 'topic_unsubscribe' then last_at end) as refused_at,
        max(case when event_type = 'topic_subscribe' and not is_own then last_at end) as granted_at
    from latest_events
    where
        event_type in ('topic_unsubscribe', 'topic_subscribe')
        and address is not null
        and topic is not null
    group by source, channel, address, topic

),

grants_of_lists as (

    select last_event_id as event_id
    from latest_events
    where
        event_type = 'subscribe'
        and topic is not null

),

-- Topics that the person still refuses there: consent to one list is not consent to all.
kept_topics as (

    select
        releases.destination,
        releases.channel,
        releases.scope,
        releases.address,
        string_agg(topic_refusals.topic, ',' order by topic_refusals.topic) as topics
    from releases
    inner join topic_refusals
        on
            releases.destination = topic_refusals.source
            and releases.channel = topic_refusals.channel
            and releases.address = topic_refusals.address
    left join grants_of_lists
        on releases.ended_event_id = grants_of_lists.event_id
    where
        (topic_refusals.granted_at is null or topic_refusals.refused_at >= topic_refusals.granted_at)
        and (
            grants_of_lists.event_id is not null
            or releases.ended_at is null
            or topic_refusals.refused_at >= releases.ended_at
        )
    group by releases.destination, releases.channel, releases.scope, releases.address

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
    cast(identified.priority as {{ type_int64() }}) as priority,
    case when identified.action = 'release' then kept_topics.topics end as kept_topics
from identified
left join states
    on
        identified.channel = states.channel
        and identified.address = states.address
left join profiles
    on states.contact_id = profiles.contact_id
left join kept_topics
    on
        identified.destination = kept_topics.destination
        and identified.channel = kept_topics.channel
        and identified.scope = kept_topics.scope
        and identified.address = kept_topics.address
left join settled
    on identified.delta_id = settled.delta_id
where settled.delta_id is null
