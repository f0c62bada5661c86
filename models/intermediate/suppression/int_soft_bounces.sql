{{
    config(
        materialized='incremental',
        incremental_strategy=replace_strategy(),
        unique_key='event_id',
        on_schema_change='fail',
        cluster_by=['channel', 'address'],
        meta={'fed_by': 'events'},
    )
}}

{%- set since = watermark('loaded_at') if is_incremental() %}

with

corrections as (

    select event_id from {{ ref('int_events_corrected') }}
    {% if is_incremental() and replaced_since() -%}
    where
        {{ in_copy_days(newly_loaded(since)) }}
        and loaded_at > {{ since }}
    {%- else -%}
    where false
    {%- endif %}

),

-- Nothing happens after it was loaded: what followed the oldest of the new soft bounces was loaded after it happened.
events as (

    select * from {{ ref('events') }}
    where
        address is not null
        and (
            event_type in ('soft_bounce', 'delivered', 'open', 'click', 'subscribe', 'reactivate')
            or is_list_entry
            or event_id in (select corrections.event_id from corrections)
        )
        {%- if is_incremental() %}
        and loaded_at > {{ soft_bounces_from(since) }}
        {%- endif %}

),

soft_bounces as (

    select
        channel,
        address
    from events
    where
        {{ is_followed_bounce('events') }}
        {%- if is_incremental() %}
        and loaded_at > {{ since }}
        {%- endif %}

),

followed_addresses as (

    select
        channel,
        address
    from soft_bounces
    {% if is_incremental() -%}
    union distinct

    select
        channel,
        address
    from {{ this }} as known
    where {{ is_followed_bounce('known') }}
    {%- else -%}
    group by channel, address
    {%- endif %}

)

select
    events.event_id,
    events.channel,
    events.address,
    events.event_type,
    events.provider_event,
    events.bounce_class,
    events.is_softened,
    events.source,
    events.is_machine,
    events.is_echo,
    events.is_list_entry,
    events.is_own,
    events.effective_at,
    events.received_at,
    events.source_of_change,
    {{ build_time() }} as loaded_at
from events
left join followed_addresses
    on
        events.channel = followed_addresses.channel
        and events.address = followed_addresses.address
where
    events.event_id in (select corrections.event_id from corrections)
    or (
        (
            events.is_softened
            or events.is_list_entry
            or (followed_addresses.address is not null and (events.event_type <> 'soft_bounce' or {{ is_mailbox_bounce('events') }}))
        )
        {%- if is_incremental() %}
        -- Read again for the sake of others.
        and (events.loaded_at > {{ since }} or events.event_id not in (select known.event_id from {{ this }} as known))
        {%- endif %}
    )
