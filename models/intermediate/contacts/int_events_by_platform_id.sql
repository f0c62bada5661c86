{{ config(materialized='view') }}

{%- set names = [
    'channel', 'external_id', 'address', 'platform_id', 'event_type', 'source', 'topic', 'is_echo', 'is_list_entry', 'is_machine',
    'is_own',
] %}
{%- set facts = ['effective_at', 'event_id', 'received_at', 'source_of_change'] %}

with

latest_events as (

    select * from {{ ref('int_events_latest') }}
    where
        platform_id is not null
        and last_at is not null

),

platform_ids as (

    select * from {{ ref('int_platform_ids') }}

),

states_changed as (

    select * from {{ ref('int_states_changed') }}

),

pushed as (

    select * from {{ ref('int_pushed_addresses') }}

),

policy as (

    select * from {{ ref('suppression_policy') }}

),

opt_out_types as (

    select reason as event_type from policy
    where attribute = 'consent'
    union distinct
    select 'topic_unsubscribe' as event_type

),

changed_ids as (

    select distinct
        platform_ids.channel,
        platform_ids.platform_id
    from platform_ids
    inner join states_changed
        on
            platform_ids.channel = states_changed.channel
            and platform_ids.address = states_changed.address

),

-- An id may come to stand for another address of its channel: from then on until the next.
links as (

    select
        platform_ids.channel,
        platform_ids.platform_id,
        platform_ids.address,
        platform_ids.first_at,
        row_number() over (
            partition by platform_ids.channel, platform_ids.platform_id order by platform_ids.first_at, platform_ids.address
        ) as place,
        lead(platform_ids.first_at) over (
            partition by platform_ids.channel, platform_ids.platform_id order by platform_ids.first_at, platform_ids.address
        ) as next_at
    from platform_ids
    inner join changed_ids
        on
            platform_ids.channel = changed_ids.channel
            and platform_ids.platform_id = changed_ids.platform_id

),

-- Of each the first and the latest: what is our own of it may be one of them.
named as (

    {% for which in ['last', 'first'] -%}
    select
        latest_events.channel,
        latest_events.external_id,
        latest_events.platform_id,
        latest_events.event_type,
        latest_events.source,
        latest_events.topic,
        latest_events.is_echo,
        latest_events.is_list_entry,
        latest_events.is_machine,
        latest_events.is_own as is_marked_own,
        latest_events.{{ which }}_at as effective_at,
        latest_events.{{ which }}_event_id as event_id,
        latest_events.{{ which }}_received_at as received_at,
        latest_events.{{ which }}_source_of_change as source_of_change,
        opt_out_types.event_type is not null as is_opt_out
    from latest_events
    inner join changed_ids
        on
            latest_events.channel = changed_ids.channel
            and latest_events.platform_id = changed_ids.platform_id
    left join opt_out_types
        on latest_events.event_type = opt_out_types.event_type
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- An opt-out is of every address that the id ever stood for. All else is of the one that it stood for then: before the first link, of
-- the first. An opt-in is that address's own only where the id had stood for no other.
resolved as (

    select
        named.*,
        '' as provider_event,
        links.address
    from named
    inner join links
        on
            named.channel = links.channel
            and named.platform_id = links.platform_id
    where
        named.is_opt_out
        or (
            (links.place = 1 or links.first_at <= named.effective_at)
            and (links.next_at is null or named.effective_at < links.next_at)
            and (links.place = 1 or named.event_type not in ('subscribe', 'topic_subscribe'))
        )

),

{{ own_events('resolved') }},

judged as (

    select
        resolved.channel,
        -- An opt-out reaches whoever has the address.
        case when not resolved.is_opt_out then resolved.external_id end as external_id,
        resolved.address,
        resolved.platform_id,
        resolved.event_type,
        resolved.source,
        resolved.topic,
        resolved.is_echo,
        resolved.is_list_entry,
        resolved.is_machine,
        resolved.is_marked_own or own_events.event_id is not null as is_own,
        resolved.effective_at,
        resolved.event_id,
        resolved.received_at,
        resolved.source_of_change
    from resolved
    left join own_events
        on
            resolved.event_id = own_events.event_id
            and resolved.address = own_events.address

    union all

    -- What the id itself opted out of, its opt-in ends, whatever it stands for.
    select
        channel,
        cast(null as {{ dbt.type_string() }}) as external_id,
        cast(null as {{ dbt.type_string() }}) as address,
        platform_id,
        event_type,
        source,
        topic,
        is_echo,
        is_list_entry,
        is_machine,
        is_marked_own or event_id in (select own_events.event_id from own_events) as is_own,
        effective_at,
        event_id,
        received_at,
        source_of_change
    from named
    where event_type in ('subscribe', 'topic_subscribe')

),

aggregated as (

    select
        {{ names | join(',\n        ') }},
        {{ first_of(facts) }} as first_event,
        {{ last_of(facts) }} as last_event
    from judged
    group by {{ names | join(', ') }}

)

select
    {{ names | join(',\n    ') }},
    first_event.effective_at as first_at,
    first_event.event_id as first_event_id,
    first_event.received_at as first_received_at,
    first_event.source_of_change as first_source_of_change,
    last_event.effective_at as last_at,
    last_event.event_id as last_event_id,
    last_event.received_at as last_received_at,
    last_event.source_of_change as last_source_of_change
from aggregated
