with

reasons as (

    select * from {{ ref('int_suppression_reasons') }}

),

policy as (

    select * from {{ ref('suppression_policy') }}

),

releases as (

    select * from {{ ref('suppression_releases') }}

),

endings as (

    select
        reason,
        string_agg(event_type, ',' order by event_type) as event_types
    from releases
    group by reason

),

over_limit as (

    select contact_state_id from {{ ref('int_contact_addresses') }}
    where exceeds_address_limit

)

select
    reasons.suppression_reason_id,
    reasons.contact_state_id,
    reasons.contact_id,
    reasons.external_id,
    reasons.channel,
    reasons.address,
    reasons.reason,
    reasons.attribute,
    reasons.precedence,
    policy.suppresses,
    reasons.is_suppressing,
    reasons.holds,
    reasons.reason_at,
    reasons.reason_event_id,
    reasons.reason_received_at,
    reasons.source,
    reasons.source_of_change,
    reasons.matched_on,
    reasons.topic,
    reasons.is_topic,
    endings.event_types as ended_by,
    case
        -- An opt-in that names the contact ends an opt-out for all of its addresses, unless it has too many, or a device was switched off.
        when reasons.attribute <> 'consent' then 'address'
        when reasons.channel = 'push' and reasons.matched_on in ('address', 'platform_id') then 'address'
        when reasons.external_id is null or over_limit.contact_state_id is not null then 'address'
        when reasons.address is null then 'contact'
        else 'address or contact'
    end as ending_names,
    reasons.ended_at,
    reasons.ended_event_id,
    reasons.computed_at
from reasons
inner join policy
    on reasons.reason = policy.reason
left join endings
    on reasons.reason = endings.reason
left join over_limit
    on reasons.contact_state_id = over_limit.contact_state_id
