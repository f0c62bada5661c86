{{ config(materialized='view') }}

with

latest_events as (

    select * from {{ ref('int_changed_events') }}
    where not is_own

),

trait_opt_outs as (

    select * from {{ ref('int_trait_opt_outs') }}

),

policy as (

    select * from {{ ref('suppression_policy') }}

),

topics as (

    select * from {{ ref('topics') }}

),

topic_events as (

    select * from latest_events
    where event_type = 'topic_unsubscribe'

),

opt_out_events as (

    select
        latest_events.*,
        policy.reason,
        false as is_topic
    from latest_events
    inner join policy
        on latest_events.event_type = policy.reason
    where policy.attribute = 'consent'

    union all

    select
        topic_events.*,
        'unsubscribe' as reason,
        true as is_topic
    from topic_events
    {{ join_topics('topic_events') }}
    where {{ topic_counts() }}

),

-- Only the first echo can be the trace of a missed act.
first_echoes as (

    select * from opt_out_events
    where is_echo
    qualify
        row_number() over (
            partition by channel, reason, address, case when address is null then external_id end
            order by first_at, first_event_id
        ) = 1

)

select
    channel,
    external_id,
    address,
    platform_id,
    reason,
    source,
    topic,
    is_topic,
    is_echo,
    first_at,
    last_at as effective_at,
    last_event_id as event_id,
    last_received_at as received_at,
    last_source_of_change as source_of_change
from opt_out_events
where not is_echo

union all

select
    channel,
    external_id,
    address,
    cast(null as {{ dbt.type_string() }}) as platform_id,
    'unsubscribe' as reason,
    source,
    null as topic,
    false as is_topic,
    false as is_echo,
    first_at,
    last_at as effective_at,
    last_event_id as event_id,
    last_received_at as received_at,
    last_source_of_change as source_of_change
from trait_opt_outs

union all

-- An echo counts at its own time.
select
    channel,
    external_id,
    address,
    platform_id,
    reason,
    source,
    topic,
    is_topic,
    is_echo,
    first_at,
    first_at as effective_at,
    first_event_id as event_id,
    first_received_at as received_at,
    first_source_of_change as source_of_change
from first_echoes
