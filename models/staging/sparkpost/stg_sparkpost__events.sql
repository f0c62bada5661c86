with

deliveries as (

    select
        delivery_id,
        source,
        received_at,
        {{ landing_part('webhook_deliveries', 'received_at') }},
        payload
    from {{ source('raw', 'webhook_deliveries') }}
    where source = 'sparkpost'

),

elements as (

    {{ json_elements('deliveries', 'payload', shape='array') }}

),

{% set classes = ['message_event', 'track_event', 'gen_event', 'unsubscribe_event'] -%}
{%- set names = {
    'type': 'type', 'event_id': 'event_id', 'time': 'timestamp', 'recipient': 'rcpt_to', 'bounce_class': 'bounce_class',
    'error_code': 'error_code', 'raw_reason': 'raw_reason',
    'reason': 'reason', 'message_id': 'message_id', 'sender': 'friendly_from', 'sending_domain': 'sending_domain',
    'link': 'target_link_url',
    'custom_id': 'rcpt_meta."' ~ var('external_id_keys')['sparkpost'] ~ '"',
} -%}
{%- set paths = {'inbound_to': '$.msys.relay_message.rcpt_to'} -%}
{%- for class in classes -%}
    {%- for name, field in names.items() -%}{%- do paths.update({class ~ '_' ~ name: '$.msys.' ~ class ~ '.' ~ field}) -%}{%- endfor -%}
{%- endfor -%}

fields as (

    {{ json_fields('elements', 'element', paths) }}

),

events as (

    select
        *,
        {% for name in names -%}
        coalesce(
            {% for class in classes -%}
            {{ class }}_{{ name }}{{ ',' if not loop.last }}
            {% endfor -%}
        ) as event_{{ name }},
        {% endfor -%}
        {{ regex_is('element', '\\s*{\\s*"msys"\\s*:\\s*{\\s*}\\s*}\\s*') }} as is_ping
    from fields

),

named as (

    select
        *,
        case
            when is_ping then 'ping'
            -- An inbound message: its recipient is ours.
            when inbound_to is not null then 'relay'
            else lower(trim(event_type))
        end as provider_event
    from events

)

select
    delivery_id,
    source,
    received_at,
    landing_part,
    position,
    element,
    case
        when shape_error is not null then shape_error
        when {{ is_word('provider_event') }} then null
        else 'wrong shape'
    end as shape_error,
    provider_event,
    -- Every kind of failure is a bounce here: its class decides.
    case when provider_event in ('bounce', 'out_of_band') then {{ word_of('event_bounce_class') }} end as provider_subtype,
    case
        when event_event_id <> '' then event_event_id
        else {{ key_of([
            'provider_event', 'lower(trim(event_recipient))', 'event_bounce_class', 'event_link', 'event_message_id', event_instant('event_time'),
        ]) }}
    end as event_key,
    case when provider_event not in ('ping', 'relay') then 'email' end as channel,
    event_custom_id as external_id_raw,
    event_recipient as email_raw,
    cast(null as {{ dbt.type_string() }}) as phone_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_type,
    cast(null as {{ dbt.type_string() }}) as platform_id,
    coalesce(provider_event not in ('ping', 'relay'), true) as has_recipient,
    cast(null as {{ dbt.type_string() }}) as topic,
    event_message_id as message_id_raw,
    coalesce(event_sender, event_sending_domain) as sender_raw,
    cast(null as boolean) as trait_value,
    coalesce(nullif(event_raw_reason, ''), event_reason) as reason,
    cast(null as {{ dbt.type_string() }}) as bounce_classification,
    event_error_code as bounce_code,
    cast(null as {{ dbt.type_string() }}) as source_of_change,
    false as is_machine,
    event_time as happened_at_raw
from named
