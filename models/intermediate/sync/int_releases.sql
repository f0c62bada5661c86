{{ config(materialized='view') }}

{%- set key = ['destination', 'channel', 'scope', 'address', 'list_name'] %}

with

{{ import_deltas_changed() }}

freed as (

    select * from {{ ref('int_freed_suppressions') }}

),

latest_events as (

    select happened.*
    from {{ ref('int_events_latest') }} as happened
    {{ join_changed_addresses('happened', 'address') }}
    where
        happened.last_at is not null
        and happened.topic is not null

),

lists as (

    select * from {{ ref('int_destination_lists') }}

),

topics as (

    select
        source,
        channel,
        address,
        topic,
        max(case when event_type = 'topic_unsubscribe' then last_at end) as opted_out_at,
        max(case when event_type = 'topic_subscribe' and not is_own then last_at end) as opted_in_at
    from latest_events
    where
        event_type in ('topic_unsubscribe', 'topic_subscribe')
        and address is not null
    group by source, channel, address, topic

),

opt_ins_to_lists as (

    select last_event_id as event_id
    from latest_events
    where event_type = 'subscribe'

),

-- Topics that the person still refuses there: consent to one list is not consent to all.
kept_topics as (

    select
        {% for name in key -%}
        freed.{{ name }},
        {% endfor -%}
        string_agg(topics.topic, ',' order by topics.topic) as topics
    from freed
    inner join topics
        on
            freed.destination = topics.source
            and freed.channel = topics.channel
            and freed.address = topics.address
    left join opt_ins_to_lists
        on freed.ended_event_id = opt_ins_to_lists.event_id
    where
        (topics.opted_in_at is null or topics.opted_out_at >= topics.opted_in_at)
        and (
            opt_ins_to_lists.event_id is not null
            or freed.ended_at is null
            or topics.opted_out_at >= freed.ended_at
        )
    group by
        {% for name in key -%}
        freed.{{ name }}{{ ',' if not loop.last }}
        {% endfor %}
),

other_lists as (

    select
        own.destination,
        own.channel,
        own.scope,
        own.list_name,
        string_agg(distinct others.list_name, ',') as list_names
    from lists as own
    inner join lists as others
        on
            own.destination = others.destination
            and own.channel = others.channel
            and own.scope = others.scope
            and own.list_name <> others.list_name
    group by own.destination, own.channel, own.scope, own.list_name

)

-- Of a platform with a list per reason, one list is freed at a time.
select
    freed.destination,
    freed.channel,
    freed.scope,
    freed.list_name,
    freed.address,
    freed.contact_id,
    freed.external_id,
    freed.reason,
    case when freed.reason <> 'policy' then freed.ended_event_id end as event_id,
    case when freed.reason <> 'policy' then freed.ended_at end as event_timestamp,
    case when freed.reason <> 'policy' then 100 else 101 end as priority,
    freed.run_id as known_run_id,
    -- Of what was attempted alone no answer is on record, and each list is freed by a delta of its own.
    coalesce(freed.delta_id, nullif(freed.list_name, '')) as known_delta_id,
    freed.suppressed_at,
    case when freed.list_name = '' then kept_topics.topics else other_lists.list_names end as kept_topics
from freed
left join kept_topics
    on
        {% for name in key -%}
        freed.{{ name }} = kept_topics.{{ name }}
        {{ 'and' if not loop.last }}
        {% endfor %}
left join other_lists
    on
        freed.destination = other_lists.destination
        and freed.channel = other_lists.channel
        and freed.scope = other_lists.scope
        and freed.list_name = other_lists.list_name
