{{
    config(
        materialized='incremental',
        incremental_strategy=append_strategy(),
        on_schema_change='fail',
        meta={'fed_by': 'states', 'replaces': 'contact_id'},
    )
}}

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

cross_channel_reasons as (

    select * from {{ ref('int_cross_channel_reasons') }}

),

policy as (

    select * from {{ ref('suppression_policy') }}

),

reasons as (

    select
        contact_state_id,
        matched_on,
        reason,
        source,
        topic,
        is_topic,
        effective_at,
        event_id,
        received_at,
        source_of_change,
        ended_at,
        ended_event_id
    from consent_reasons

    union all

    select
        contact_state_id,
        matched_on,
        reason,
        source,
        topic,
        is_topic,
        effective_at,
        event_id,
        received_at,
        source_of_change,
        ended_at,
        ended_event_id
    from address_reasons

    union all

    select
        contact_state_id,
        matched_on,
        reason,
        source,
        topic,
        is_topic,
        effective_at,
        event_id,
        received_at,
        source_of_change,
        ended_at,
        ended_event_id
    from cross_channel_reasons

),

-- One decides: one that holds before one that has ended, then the latest.
deciding_reasons as (

    select
        *,
        ended_event_id is null as holds
    from reasons
    where true
    qualify
        row_number() over (
            partition by contact_state_id, reason
            order by case when ended_event_id is null then 0 else 1 end, effective_at desc, event_id desc, matched_on
        ) = 1

)

select
    {{ surrogate_key(['deciding_reasons.contact_state_id', 'deciding_reasons.reason']) }} as suppression_reason_id,
    deciding_reasons.contact_state_id,
    addresses.contact_id,
    addresses.external_id,
    addresses.channel,
    addresses.address,
    deciding_reasons.reason,
    policy.attribute,
    policy.precedence,
    policy.suppresses <> 'none' as is_suppressing,
    deciding_reasons.holds,
    deciding_reasons.effective_at as reason_at,
    deciding_reasons.event_id as reason_event_id,
    deciding_reasons.received_at as reason_received_at,
    deciding_reasons.source,
    deciding_reasons.source_of_change,
    deciding_reasons.matched_on,
    deciding_reasons.topic,
    deciding_reasons.is_topic,
    deciding_reasons.ended_at,
    deciding_reasons.ended_event_id,
    {{ build_time() }} as computed_at
from deciding_reasons
inner join addresses
    on deciding_reasons.contact_state_id = addresses.contact_state_id
inner join policy
    on deciding_reasons.reason = policy.reason
