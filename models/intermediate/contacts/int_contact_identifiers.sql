{{
    config(
        materialized='incremental',
        incremental_strategy=replace_strategy(),
        unique_key='contact_identifier_key',
        on_schema_change='fail',
        cluster_by=['channel', 'address'],
        meta={'fed_by': 'events'},
    )
}}

{%- set since = watermark('loaded_at') if is_incremental() %}
{%- set names = ['external_id', 'channel', 'address'] %}
{%- set channels = {'email': 'email', 'sms': 'phone', 'push': 'push_token'} %}

with

superseded_events as (

    select * from {{ ref('int_events_superseded') }}
    where
        external_id is not null
        and event_type <> 'other'
        {%- if is_incremental() %}
        and loaded_at > {{ since }}
        {%- endif %}

),

naming_events as (

    select * from {{ ref('events') }}
    where
        external_id is not null
        and event_type <> 'other'

),

new_events as (

    select * from naming_events
    {% if is_incremental() -%}
    where loaded_at > {{ since }}
    {%- endif %}

),

new_links as (

    {% for channel, address in channels.items() -%}
    select
        external_id,
        '{{ channel }}' as channel,
        {{ address }} as address,
        effective_at,
        loaded_at
    from new_events
    where {{ address }} is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

{% if is_incremental() -%}
superseded_links as (

    {% for channel, address in channels.items() -%}
    select
        external_id,
        '{{ channel }}' as channel,
        {{ address }} as address
    from superseded_events
    where {{ address }} is not null
    {{ 'union distinct' if not loop.last }}
    {% endfor %}

),

{% if has_superseded(since) -%}
-- What a superseded copy had linked is read anew from the events that stand.
reread_links as (

    {% for channel, address in channels.items() -%}
    select
        superseded_links.external_id,
        superseded_links.channel,
        superseded_links.address,
        naming_events.effective_at,
        naming_events.loaded_at
    from superseded_links
    inner join naming_events
        on
            superseded_links.external_id = naming_events.external_id
            and superseded_links.address = naming_events.{{ address }}
    where superseded_links.channel = '{{ channel }}'
    {{ 'union all' if not loop.last }}
    {% endfor %}

),
{%- endif %}

known_links as (

    select *
    from {{ this }}
    where
        contact_identifier_key in (select {{ surrogate_key(names) }} from new_links)
        and contact_identifier_key not in (select {{ surrogate_key(names) }} from superseded_links)
        and last_at is not null

),
{%- endif %}

-- The first and the last that are known stand for all before them.
occurrences as (

    select * from new_links

    {% if is_incremental() -%}
    {% if has_superseded(since) -%}
    union all

    select * from reread_links
    {%- endif %}

    union all

    select
        external_id,
        channel,
        address,
        first_at,
        loaded_at
    from known_links

    union all

    select
        external_id,
        channel,
        address,
        last_at,
        loaded_at
    from known_links
    {%- endif %}

),

links as (

    select
        {{ surrogate_key(names) }} as contact_identifier_key,
        {{ surrogate_key(["'external_id'", 'external_id']) }} as contact_id,
        {{ surrogate_key(['channel', 'address']) }} as address_id,
        external_id,
        channel,
        address,
        min(effective_at) as first_at,
        max(effective_at) as last_at,
        max(loaded_at) as loaded_at
    from occurrences
    group by external_id, channel, address

)

select
    contact_identifier_key,
    contact_id,
    address_id,
    external_id,
    channel,
    address,
    first_at,
    last_at,
    loaded_at
from links

{% if is_incremental() -%}
union all

-- Linked by a superseded copy only: nothing links them any more.
select
    {{ surrogate_key(names) }} as contact_identifier_key,
    {{ surrogate_key(["'external_id'", 'external_id']) }} as contact_id,
    {{ surrogate_key(['channel', 'address']) }} as address_id,
    external_id,
    channel,
    address,
    null as first_at,
    null as last_at,
    {{ build_time() }} as loaded_at
from superseded_links
where {{ surrogate_key(names) }} not in (select links.contact_identifier_key from links)
{%- endif %}
