{{ config(materialized='view') }}

with

addresses as (

    select * from {{ ref('int_changed_addresses') }}

),

events as (

    select * from {{ ref('int_changed_events') }}
    where not is_own

),

unengaged as (

    select * from {{ ref('unengaged') }}

),

policy as (

    select * from {{ ref('suppression_policy') }}

),

releases as (

    select * from {{ ref('suppression_releases') }}

),

repeated_bounces as (

    select * from {{ ref('int_repeated_bounces') }}

),

reported as (

    select * from {{ ref('int_reported_reasons') }}

),

reasons as (

    select
        channel,
        address,
        'address' as matched_on,
        reason,
        source,
        effective_at,
        event_id,
        received_at,
        source_of_change
    from reported

    union all

    select
        channel,
        address,
        'address' as matched_on,
        'soft_bounces' as reason,
        source,
        effective_at,
        event_id,
        received_at,
        source_of_change
    from repeated_bounces

    union all

    select
        'email' as channel,
        address,
        'derived' as matched_on,
        'unengaged' as reason,
        'contact_sync' as source,
        unengaged_at as effective_at,
        event_id,
        unengaged_at as received_at,
        null as source_of_change
    from unengaged

),

endings as (

    select
        reasons.channel,
        reasons.address,
        reasons.reason,
        events.last_at as effective_at,
        events.last_event_id as event_id
    from reasons
    inner join releases
        on reasons.reason = releases.reason
    inner join events
        on
            releases.event_type = events.event_type
            and reasons.channel = events.channel
            and reasons.address = events.address
    where
        events.last_at > reasons.effective_at
        and {{ may_end_at_address('events') }}

    union all

    -- A subscribe that names only a contact ends `unengaged` for its addresses.
    select
        reasons.channel,
        reasons.address,
        reasons.reason,
        events.last_at as effective_at,
        events.last_event_id as event_id
    from reasons
    inner join policy
        on
            reasons.reason = policy.reason
            and policy.attribute = 'engagement'
    inner join releases
        on
            reasons.reason = releases.reason
            and releases.event_type = 'subscribe'
    inner join addresses
        on
            reasons.channel = addresses.channel
            and reasons.address = addresses.address
    inner join events
        on
            releases.event_type = events.event_type
            and addresses.channel = events.channel
            and addresses.external_id = events.external_id
    where
        events.address is null
        and not events.is_echo
        and not addresses.exceeds_address_limit
        and events.last_at > reasons.effective_at

),

last_endings as (

    select
        channel,
        address,
        reason,
        {{ last_of(['effective_at', 'event_id']) }} as ending
    from endings
    group by channel, address, reason

)

select
    addresses.contact_state_id,
    addresses.contact_id,
    addresses.channel,
    addresses.exceeds_address_limit,
    addresses.first_at as linked_at,
    reasons.matched_on,
    cast(null as {{ dbt.type_string() }}) as named_external_id,
    reasons.reason,
    reasons.source,
    cast(null as {{ dbt.type_string() }}) as topic,
    false as is_topic,
    reasons.effective_at,
    reasons.event_id,
    reasons.received_at,
    reasons.source_of_change,
    last_endings.ending.effective_at as ended_at,
    last_endings.ending.event_id as ended_event_id
from reasons
inner join addresses
    on
        reasons.channel = addresses.channel
        and reasons.address = addresses.address
left join last_endings
    on
        reasons.channel = last_endings.channel
        and reasons.address = last_endings.address
        and reasons.reason = last_endings.reason
