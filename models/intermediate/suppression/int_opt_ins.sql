{{ config(materialized='view') }}

with

latest_acts as (

    select
        channel,
        external_id,
        address,
        platform_id,
        event_type,
        source,
        topic,
        last_at as effective_at,
        last_event_id as event_id
    from {{ ref('int_changed_events') }}
    where
        not is_own
        and not is_echo

),

policy as (

    select * from {{ ref('suppression_policy') }}

),

releases as (

    select * from {{ ref('suppression_releases') }}

),

topics as (

    select * from {{ ref('topics') }}

),

topic_acts as (

    select * from latest_acts
    where event_type = 'topic_subscribe'

),

opt_in_types as (

    select distinct releases.event_type
    from releases
    inner join policy
        on releases.reason = policy.reason
    where policy.attribute = 'consent'

)

select
    latest_acts.channel,
    latest_acts.external_id,
    latest_acts.address,
    latest_acts.platform_id,
    latest_acts.event_type,
    latest_acts.source,
    latest_acts.topic,
    false as is_topic,
    latest_acts.effective_at,
    latest_acts.event_id
from latest_acts
inner join opt_in_types
    on latest_acts.event_type = opt_in_types.event_type

union all

-- A topic that counts as an opt-out of the channel has an opt-in of its own.
select
    topic_acts.channel,
    topic_acts.external_id,
    topic_acts.address,
    topic_acts.platform_id,
    'subscribe' as event_type,
    topic_acts.source,
    topic_acts.topic,
    true as is_topic,
    topic_acts.effective_at,
    topic_acts.event_id
from topic_acts
{{ join_topics('topic_acts') }}
where {{ topic_counts() }}
