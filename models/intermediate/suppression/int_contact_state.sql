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

latest_events as (

    select
        channel,
        -- A push event that names a token is that token's alone, as if it named no contact.
        case when channel = 'push' and address is not null and event_type <> 'identify' then null else external_id end as external_id,
        case when channel = 'push' and external_id is not null and event_type = 'identify' then null else address end as address,
        event_type,
        is_machine,
        is_own,
        is_echo,
        source,
        topic,
        last_at as effective_at,
        last_event_id as event_id,
        last_source_of_change as source_of_change
    from {{ ref('int_changed_events') }}

),

opt_ins as (

    select * from latest_events
    where
        event_type = 'subscribe'
        and not is_own
        and not is_echo

),

opt_ins_by_contact as (

    select
        addresses.contact_state_id,
        opt_ins.effective_at,
        opt_ins.event_id,
        opt_ins.source,
        opt_ins.source_of_change,
        opt_ins.topic
    from opt_ins
    inner join addresses
        on
            opt_ins.channel = addresses.channel
            and opt_ins.address = addresses.address
    where
        opt_ins.external_id is null
        or opt_ins.external_id = addresses.external_id

    union all

    select
        addresses.contact_state_id,
        opt_ins.effective_at,
        opt_ins.event_id,
        opt_ins.source,
        opt_ins.source_of_change,
        opt_ins.topic
    from opt_ins
    inner join addresses
        on
            opt_ins.channel = addresses.channel
            and opt_ins.external_id = addresses.external_id
    where not addresses.exceeds_address_limit

),

last_opt_ins as (

    select
        contact_state_id,
        {{ last_of(['effective_at', 'event_id', 'source', 'source_of_change', 'topic']) }} as opted_in
    from opt_ins_by_contact
    group by contact_state_id

),

traits as (

    select distinct
        channel,
        external_id,
        case when external_id is null then address end as address
    from latest_events
    where
        event_type = 'identify'
        and not is_own

),

-- Where no opt-out ever reached a contact, all traits that are known of it are positive.
rows_with_traits as (

    select addresses.contact_state_id
    from traits
    inner join addresses
        on
            traits.channel = addresses.channel
            and traits.external_id = addresses.external_id

    union distinct

    select addresses.contact_state_id
    from traits
    inner join addresses
        on
            traits.channel = addresses.channel
            and traits.address = addresses.address

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

),

states as (

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
            when last_opt_ins.contact_state_id is not null then true
            when not coalesce(summaries.was_refused, false) and rows_with_traits.contact_state_id is not null then true
        end as is_subscribed,
        coalesce(summaries.is_deliverable, true) as is_deliverable,
        coalesce(summaries.is_engaged, true) as is_engaged,
        coalesce(first_reasons.source, last_opt_ins.opted_in.source) as source,
        case
            when first_reasons.reason is not null then first_reasons.source_of_change
            else last_opt_ins.opted_in.source_of_change
        end as source_of_change,
        last_opt_ins.opted_in.effective_at as subscribed_at,
        last_opt_ins.opted_in.event_id as subscribed_event_id,
        last_opt_ins.opted_in.topic as subscribed_topic,
        engagement.engaged_event_id,
        engagement.engaged_at,
        addresses.last_at,
        addresses.is_current_owner,
        addresses.is_latest_address
    from addresses
    left join summaries
        on addresses.contact_state_id = summaries.contact_state_id
    left join first_reasons
        on addresses.contact_state_id = first_reasons.contact_state_id
    left join last_releases
        on addresses.contact_state_id = last_releases.contact_state_id
    left join last_opt_ins
        on addresses.contact_state_id = last_opt_ins.contact_state_id
    left join rows_with_traits
        on addresses.contact_state_id = rows_with_traits.contact_state_id
    left join engagement
        on
            addresses.channel = 'email'
            and addresses.address = engagement.address

)

select
    contact_state_id,
    contact_id,
    address_id,
    external_id,
    channel,
    address,
    is_suppressed,
    reason,
    reasons,
    reason_event_id,
    reason_at,
    reason_received_at,
    released_reason,
    released_event_id,
    released_at,
    is_subscribed,
    is_deliverable,
    is_engaged,
    source,
    source_of_change,
    subscribed_at,
    subscribed_event_id,
    subscribed_topic,
    engaged_event_id,
    engaged_at,
    is_current_owner,
    is_latest_address,
    {{ build_time() }} as computed_at
from states
