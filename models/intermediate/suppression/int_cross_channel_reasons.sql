{{ config(materialized='view') }}

with

addresses as (

    select * from {{ ref('int_changed_addresses') }}

),

consent_reasons as (

    select * from {{ ref('int_consent_reasons') }}

),

address_reasons as (

    select * from {{ ref('int_address_reasons') }}

),

opt_ins as (

    select * from {{ ref('int_opt_ins') }}

),

events as (

    select * from {{ ref('int_changed_events') }}
    where
        address is not null
        and not is_own

),

policy as (

    select * from {{ ref('suppression_policy') }}
    where suppresses not in ('same', 'none')

),

releases as (

    select * from {{ ref('suppression_releases') }}

),

reasons as (

    select * from consent_reasons
    union all
    select * from address_reasons

),

-- All rows of an event say the same of it. It has ended on its own channel when it has ended on every row there.
carried as (

    select
        reasons.contact_id,
        reasons.reason,
        reasons.event_id,
        any_value(policy.attribute) as attribute,
        any_value(policy.suppresses) as suppresses,
        any_value(reasons.channel) as channel,
        any_value(reasons.named_external_id) as named_external_id,
        any_value(reasons.source) as source,
        any_value(reasons.topic) as topic,
        any_value(reasons.is_topic) as is_topic,
        any_value(reasons.effective_at) as effective_at,
        any_value(reasons.received_at) as received_at,
        any_value(reasons.source_of_change) as source_of_change,
        min(reasons.linked_at) as linked_at,
        max(case when reasons.ended_event_id is null then 1 else 0 end) = 0 as has_ended,
        {{ last_of(['ended_at', 'ended_event_id']) }} as ending
    from reasons
    inner join policy
        on reasons.reason = policy.reason
    -- An external_id beyond the address limit passes along no opt-out that names only an address.
    where not (reasons.exceeds_address_limit and reasons.named_external_id is null)
    group by reasons.contact_id, reasons.reason, reasons.event_id

),

arrived as (

    select
        addresses.contact_state_id,
        addresses.channel as other_channel,
        addresses.external_id,
        addresses.address,
        addresses.exceeds_address_limit,
        carried.*
    from carried
    inner join addresses
        on
            carried.contact_id = addresses.contact_id
            and carried.channel <> addresses.channel
            and (carried.suppresses = 'all' or ' ' || carried.suppresses || ' ' like '% ' || addresses.channel || ' %')

),

endings as (

    select
        arrived.contact_state_id,
        arrived.event_id as reason_event_id,
        opt_ins.effective_at,
        opt_ins.event_id
    from arrived
    inner join releases
        on arrived.reason = releases.reason
    inner join opt_ins
        on
            releases.event_type = opt_ins.event_type
            and arrived.other_channel = opt_ins.channel
    where
        arrived.attribute = 'consent'
        and {{ opt_in_follows('arrived', 'opt_ins') }}
        and (
            (
                arrived.address = opt_ins.address
                and (
                    opt_ins.external_id is null
                    or arrived.named_external_id is null
                    or opt_ins.external_id = arrived.named_external_id
                )
            )
            or (
                arrived.external_id = opt_ins.external_id
                and not arrived.exceeds_address_limit
                and (arrived.named_external_id is not null or arrived.linked_at <= opt_ins.effective_at)
            )
        )

    union all

    select
        arrived.contact_state_id,
        arrived.event_id as reason_event_id,
        events.last_at as effective_at,
        events.last_event_id as event_id
    from arrived
    inner join releases
        on arrived.reason = releases.reason
    inner join events
        on
            releases.event_type = events.event_type
            and arrived.other_channel = events.channel
            and arrived.address = events.address
    where
        arrived.attribute <> 'consent'
        and events.last_at > arrived.effective_at
        and {{ may_end_at_address('events') }}

),

last_endings as (

    select
        contact_state_id,
        reason_event_id,
        {{ last_of(['effective_at', 'event_id']) }} as ending
    from endings
    group by contact_state_id, reason_event_id

)

select
    arrived.contact_state_id,
    'channel' as matched_on,
    arrived.reason,
    arrived.source,
    arrived.topic,
    arrived.is_topic,
    arrived.effective_at,
    arrived.event_id,
    arrived.received_at,
    arrived.source_of_change,
    case when arrived.has_ended then arrived.ending.ended_at else last_endings.ending.effective_at end as ended_at,
    case when arrived.has_ended then arrived.ending.ended_event_id else last_endings.ending.event_id end as ended_event_id
from arrived
left join last_endings
    on
        arrived.contact_state_id = last_endings.contact_state_id
        and arrived.event_id = last_endings.reason_event_id
