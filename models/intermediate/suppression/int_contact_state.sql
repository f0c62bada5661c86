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

reasons as (

    select * from {{ ref('int_suppression_reasons') }}
    where {{ is_changed('contact_id') }}

),

engagement as (

    select * from {{ ref('int_engagement') }}

),

subscribes as (

    select * from {{ ref('int_subscribes_by_contact') }}

),

contacts_with_traits as (

    select * from {{ ref('int_contacts_with_traits') }}

),

summaries as (

    select
        contact_state_id,
        max(case when holds and is_suppressing then 1 else 0 end) = 1 as is_suppressed,
        min(case when holds and is_suppressing then precedence end) as first_precedence,
        string_agg(case when holds then reason end, ',' order by precedence) as reasons,
        max(case when holds and attribute = 'consent' then 1 else 0 end) = 1 as is_refused,
        max(case when attribute = 'consent' then 1 else 0 end) = 1 as was_refused,
        max(case when holds and attribute = 'deliverability' then 1 else 0 end) = 0 as is_deliverable,
        max(case when holds and attribute = 'engagement' then 1 else 0 end) = 0 as is_engaged
    from reasons
    group by contact_state_id

),

first_reasons as (

    select reasons.*
    from reasons
    inner join summaries
        on
            reasons.contact_state_id = summaries.contact_state_id
            and reasons.precedence = summaries.first_precedence

),

-- What ended the reason that ended last; of several that one event ended, the first by precedence.
last_releases as (

    select
        contact_state_id,
        reason,
        ended_at,
        ended_event_id
    from reasons
    where not holds
    qualify
        row_number() over (
            partition by contact_state_id order by ended_at desc, ended_event_id desc, precedence
        ) = 1

)

select
    addresses.contact_state_id,
    addresses.contact_id,
    addresses.address_id,
    addresses.external_id,
    addresses.channel,
    addresses.address,
    coalesce(summaries.is_suppressed, false) as is_suppressed,
    first_reasons.reason,
    summaries.reasons,
    first_reasons.reason_event_id,
    first_reasons.reason_at,
    first_reasons.reason_received_at,
    last_releases.reason as released_reason,
    last_releases.ended_event_id as released_event_id,
    last_releases.ended_at as released_at,
    case
        when summaries.is_refused then false
        when subscribes.contact_state_id is not null then true
        when not coalesce(summaries.was_refused, false) and contacts_with_traits.contact_state_id is not null then true
    end as is_subscribed,
    coalesce(summaries.is_deliverable, true) as is_deliverable,
    coalesce(summaries.is_engaged, true) as is_engaged,
    coalesce(first_reasons.source, subscribes.source) as source,
    case
        when first_reasons.reason is not null then first_reasons.source_of_change
        else subscribes.source_of_change
    end as source_of_change,
    subscribes.subscribed_at,
    subscribes.event_id as subscribed_event_id,
    subscribes.topic as subscribed_topic,
    engagement.engaged_event_id,
    engagement.engaged_at,
    addresses.is_current_owner,
    addresses.is_latest_address,
    {{ build_time() }} as computed_at
from addresses
left join summaries
    on addresses.contact_state_id = summaries.contact_state_id
left join first_reasons
    on addresses.contact_state_id = first_reasons.contact_state_id
left join last_releases
    on addresses.contact_state_id = last_releases.contact_state_id
left join subscribes
    on addresses.contact_state_id = subscribes.contact_state_id
left join contacts_with_traits
    on addresses.contact_state_id = contacts_with_traits.contact_state_id
left join engagement
    on
        addresses.channel = 'email'
        and addresses.address = engagement.address
