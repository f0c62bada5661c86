{{
    config(
        materialized='incremental',
        incremental_strategy=replace_strategy(),
        unique_key='platform_link_id',
        on_schema_change='fail',
        cluster_by=['channel', 'platform_id'],
        meta={'fed_by': 'events'},
    )
}}

{%- set channels = {'email': 'email', 'sms': 'phone', 'push': 'push_token'} %}

with

-- Of all copies: one that came with its id after one that came without it says whose id that is, too.
copies as (

    select * from {{ ref('int_events_unioned') }}
    where
        platform_id is not null
        and quarantine_reason is null
        and received_at <= {{ as_of() }}
        {%- if is_incremental() %}
        and {{ newly_loaded(watermark('loaded_at')) }}
        {%- endif %}

),

named as (

    {% for channel, address in channels.items() -%}
    select
        platform_id,
        '{{ channel }}' as channel,
        {{ address }} as address,
        effective_at
    from copies
    where {{ address }} is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

links as (

    select
        {{ surrogate_key(['platform_id', 'channel', 'address']) }} as platform_link_id,
        platform_id,
        {{ surrogate_key(['channel', 'address']) }} as address_id,
        channel,
        address,
        min(effective_at) as first_at
    from named
    group by platform_id, channel, address

)

select
    links.platform_link_id,
    links.platform_id,
    links.address_id,
    links.channel,
    links.address,
    links.first_at,
    {{ build_time() }} as loaded_at
from links
{% if is_incremental() -%}
-- Repeated millions of times, by opens and clicks: what is known is no news.
left join {{ this }} as stored
    on links.platform_link_id = stored.platform_link_id
where
    stored.platform_link_id is null
    or links.first_at < stored.first_at
{%- endif %}
