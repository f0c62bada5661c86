{{
    config(
        materialized='incremental',
        incremental_strategy=append_strategy(),
        on_schema_change='fail',
        partition_by=by_day('loaded_at'),
        cluster_by=['loaded_at', 'source'],
        meta={'fed_by': 'landing'},
    )
}}

{#- Of all others nothing is computed. -#}
{%- set is_bounce = "case when quarantine_reason is null and event_type in ('bounce', 'soft_bounce')" %}
{%- set is_mail = is_bounce ~ " and channel = 'email'" %}
{%- set words = 'substr(judged.reason, 1, 1000)' %}
{%- set unprocessed = unprocessed_parts() if is_incremental() else {'sources': var('sources')} %}
{%- set sources = unprocessed.sources + ['unknown'] %}
{%- set columns = [
    'delivery_id', 'source', 'received_at', 'landing_part', 'position', 'element', 'shape_error',
    'provider_event', 'provider_subtype', 'event_key', 'channel', 'external_id_raw', 'email_raw',
    'phone_raw', 'push_token_raw', 'push_token_type', 'platform_id', 'has_recipient', 'topic', 'message_id_raw', 'sender_raw',
    'trait_value', 'reason', 'bounce_classification', 'bounce_code', 'source_of_change', 'is_machine', 'happened_at_raw',
] %}

with

{% for source in sources %}
{{ source }} as (

    select * from {{ ref('stg_' ~ source ~ '__events') }}
    {% if is_incremental() -%}
    where {{ unprocessed[source] or unprocessed.webhook_deliveries }}
    {%- endif %}

),

{% endfor %}

provider_events as (

    select * from {{ ref('provider_events') }}

),

elements as (

    {% for source in sources -%}
    select
        {{ columns | join(',\n        ') }},
        {{ sender_address('sender_raw') }} as sender_email_raw
    from {{ source }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

parsed as (

    select
        *,
        coalesce(delivery_id, {{ surrogate_key(["'unreadable line'", 'landing_part']) }}) as delivery_key,
        {{ normalize_external_id('external_id_raw') }} as external_id,
        {{ normalize_email('email_raw') }} as email,
        {{ normalize_phone('phone_raw') }} as phone,
        {{ normalize_push_token('push_token_raw') }} as push_token,
        {{ normalize_message_id('message_id_raw') }} as message_id,
        {{ normalize_email('sender_email_raw') }} as sender_email,
        {{ parse_time('happened_at_raw') }} as event_timestamp
    from elements

),

addressed as (

    select
        *,
        case channel when 'email' then email when 'sms' then phone when 'push' then push_token end as address,
        case channel when 'email' then email_raw when 'sms' then phone_raw when 'push' then push_token_raw
            else coalesce(email_raw, phone_raw, push_token_raw)
        end as address_raw
    from parsed

),

judged as (

    select
        addressed.*,
        exact.event_type is null and by_part.event_type is null and by_event.event_type is null as is_unmapped,
        coalesce(exact.event_type, by_part.event_type, by_event.event_type, 'other') as event_type,
        coalesce(exact.is_echo, by_part.is_echo, by_event.is_echo, false) as is_echo,
        coalesce(exact.is_list_entry, by_part.is_list_entry, by_event.is_list_entry, false) as is_list_entry,
        case
            when addressed.delivery_id is null then 'unreadable line'
            when addressed.shape_error is not null then addressed.shape_error
            when addressed.received_at is null then 'no received_at'
            when
                addressed.has_recipient
                and addressed.external_id is null
                and addressed.address is null
                and addressed.platform_id is null
                and not (
                    addressed.channel is null
                    and coalesce(addressed.email, addressed.phone, addressed.push_token) is not null
                )
                then case when trim(addressed.address_raw) <> '' then 'invalid address' else 'no recipient' end
            -- A row of the mapping gives it a meaning, and nothing says which channel it is about: it would reach nobody.
            when
                addressed.channel is null
                and coalesce(exact.event_type, by_part.event_type, by_event.event_type) in ('unsubscribe', 'complaint', 'bounce', 'block')
                then 'no channel'
        end as quarantine_reason
    from addressed
    {{ join_provider_events('addressed') }}

),

bounce_rules as (

    {{ bounce_rules() }}

),

-- What the receiver answered is read of a bounce alone.
answered as (

    select
        judged.*,
        bounce_rules.bounce_rules,
        coalesce(judged.provider_subtype, judged.provider_event) as bounce_word,
        {{ is_mail }} then {{ enhanced_code('judged.bounce_code') }} end as own_code,
        {{ is_mail }} then {{ enhanced_code(words) }} end as said_code,
        {{ is_mail }} then coalesce({{ basic_code('judged.bounce_code') }}, {{ basic_code(words) }}) end as basic_code,
        -- Without addresses, whose names are no words of the receiver.
        {{ is_mail }}
            then {{ regex_replace("lower(concat(coalesce(judged.bounce_code, ''), ' ', coalesce(" ~ words ~ ", '')))", '[^ <>]+@[^ <>]+') }}
        end as bounce_text
    from judged
    -- An equality: BigQuery takes no other condition of an outer join.
    left join bounce_rules
        on coalesce(judged.event_type in ('bounce', 'soft_bounce'), false) = bounce_rules.is_of_bounces

),

ruled as (

    select
        *,
        {{ is_bounce }} then {{ first_bounce_rule('answered') }} end as bounce_rule
    from answered

),

-- A class never makes permanent what the platform calls temporary; an echo has no answer of a receiver.
classed as (

    select
        *,
        {{ is_bounce }} then coalesce(bounce_rule.class, 'unknown') end as bounce_class,
        case
            when event_type = 'bounce' and not is_echo and not bounce_rule.is_permanent then 'soft_bounce'
            else event_type
        end as final_type
    from ruled

),

-- By the platform's own word: copies of one event may say why otherwise.
dated as (

    select
        *,
        case when quarantine_reason is null then {{ copy_day('event_type', 'event_timestamp') }} end as copy_day
    from classed

),

{% if is_incremental() -%}
loaded_earlier as (

    select distinct
        landing_part,
        delivery_id,
        received_at
    from {{ this }}
    where {{ unprocessed.loaded_earlier }}

),
{%- endif %}

-- A part that has grown is read again; what was loaded of it stays as it was.
unloaded as (

    select dated.*
    from dated
    {% if is_incremental() -%}
    left join loaded_earlier
        on
            dated.landing_part = loaded_earlier.landing_part
            and dated.delivery_key = loaded_earlier.delivery_id
            and dated.received_at = loaded_earlier.received_at
    where loaded_earlier.delivery_id is null
    {%- endif %}

)

select
    delivery_key as delivery_id,
    source,
    position,
    landing_part,
    received_at,
    -- What a clock ahead of ours stamped counts as loaded when its time comes.
    case
        when received_at > {{ as_of() }} and received_at > {{ build_time() }} then received_at
        else {{ build_time() }}
    end as loaded_at,
    coalesce(received_at > {{ as_of() }}, false) as was_hidden,
    quarantine_reason,
    case when quarantine_reason is not null then element end as element,
    is_unmapped,
    copy_day,
    {{ event_id(
        ['source', 'channel', 'event_key', 'provider_event', 'coalesce(address, external_id, platform_id)'], 'copy_day'
    ) }} as event_id,
    channel,
    final_type as event_type,
    case when provider_subtype is null then provider_event else provider_event || '/' || provider_subtype end as provider_event,
    address,
    external_id,
    email,
    phone,
    push_token,
    push_token_type,
    platform_id,
    topic,
    message_id,
    case when channel = 'email' then substr(sender_email, strpos(sender_email, '@') + 1) end as sender_domain,
    trait_value,
    reason,
    bounce_class,
    coalesce(event_type <> final_type, false) as is_softened,
    source_of_change,
    is_machine,
    is_echo,
    -- What says itself why it is there is judged by that; where only an id is named, no bounce of its address is known.
    is_list_entry and final_type = 'bounce' and address is not null as is_list_entry,
    event_timestamp,
    {{ to_second('case when event_timestamp < received_at then event_timestamp else received_at end') }} as effective_at
from unloaded
-- A positive trait that names nobody says nothing; an opt-out that names nobody is quarantined.
where not (coalesce(trait_value, false) and address is null and external_id is null)
