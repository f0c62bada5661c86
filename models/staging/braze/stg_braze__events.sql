with

deliveries as (

    select
        delivery_id,
        source,
        received_at,
        {{ landing_part('webhook_deliveries', 'received_at') }},
        payload
    from {{ source('raw', 'webhook_deliveries') }}
    where source = 'braze'

),

elements as (

    {{ json_elements('deliveries', 'payload', shape='any', list='events') }}

),

{# Over HTTP an event's own fields stand in `properties`; in storage exports all stand side by side. -#}
{% set names = [
    'email_address', 'to_phone_number', 'user_phone_number', 'phone_number', 'channel_identifier', 'push_token', 'platform', 'channel',
    'subscription_status', 'state_change_source', 'subscription_group_id', 'action', 'provider_error_code', 'is_drop', 'machine_open',
    'is_suspected_bot_click', 'bounce_reason', 'deferral_reason', 'error', 'message_body', 'dispatch_id', 'from_domain',
] -%}
{%- set paths = {
    'event_text': '$.event_type', 'braze_id': '$.id', 'event_time': '$.time', 'user_external_id': '$.user.external_user_id',
    'flat_external_id': '$.external_user_id',
} -%}
{%- for name in names -%}{%- do paths.update({'own_' ~ name: '$.properties.' ~ name, 'flat_' ~ name: '$.' ~ name}) -%}{%- endfor -%}

fields as (

    {{ json_fields('elements', 'element', paths) }}

),

events as (

    select
        *,
        {% for name in names -%}
        nullif(coalesce(own_{{ name }}, flat_{{ name }}), '') as {{ name }},
        {% endfor -%}
        -- One channel: MMS and RCS go to the same number.
        {{ regex_replace(
            regex_replace('lower(trim(event_text))', '^users[.]'), '^messages[.](mms|rcs)[.]', 'messages.sms.'
        ) }} as provider_event
    from fields

),

changes as (

    select
        *,
        provider_event in ('behaviors.subscription.globalstatechange', 'behaviors.subscriptiongroup.statechange') as is_state_change,
        {{ regex_replace(word_of('subscription_status'), '[ -]+', '_') }} as state_word,
        -- The prompt of a device is the person's; the app's own code sets the other channels.
        case
            when lower(trim(state_change_source)) = 'sdk' and lower(trim(channel)) = 'push' then 'prompt of the device'
            else {{ regex_replace(word_of('state_change_source'), '[ -]+', '_') }}
        end as changed_by,
        lower(trim(channel)) as state_channel,
        case when provider_event = 'messages.sms.inboundreceive' then {{ folded_words('message_body') }} end as words
    from events

),

channels as (

    select
        *,
        case
            when is_state_change and state_channel in ('email', 'push') then state_channel
            when is_state_change then case when state_channel in ('sms', 'mms', 'rcs') then 'sms' end
            when starts_with(provider_event, 'messages.email.') then 'email'
            when starts_with(provider_event, 'messages.sms.') then 'sms'
            when
                starts_with(provider_event, 'messages.pushnotification.')
                or provider_event = 'behaviors.pushnotification.tokenstatechange'
                then 'push'
        end as event_channel
    from changes

),

keywords as (

    {{ keyword_patterns() }}

),

worded as (

    select
        channels.*,
        case when channels.words is not null then {{ keyword_meaning('channels.words') }} end as keyword
    from channels
    cross join keywords

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
    case
        when is_state_change and event_channel is null then 'another channel'
        when is_state_change then state_word || '/' || coalesce(changed_by, 'nobody named')
        when provider_event = 'messages.email.bounce' and {{ parse_boolean('is_drop') }} then 'drop'
        when provider_event = 'messages.sms.inboundreceive' and {{ word_of('action') }} in ('subscribed', 'unsubscribed')
            then {{ word_of('action') }}
        -- Braze knows the keywords of its list alone; people use their own words.
        when provider_event = 'messages.sms.inboundreceive' then 'text/' || coalesce(keyword, 'message')
        when provider_event in ('messages.sms.deliveryfailure', 'messages.sms.rejection') then {{ word_of('provider_error_code') }}
    end as provider_subtype,
    case
        when braze_id <> '' then braze_id
        else {{ key_of([
            'provider_event', 'coalesce(user_external_id, flat_external_id)', 'lower(trim(email_address))', 'channel_identifier',
            'coalesce(user_phone_number, to_phone_number, phone_number)', 'push_token', 'state_word', 'subscription_group_id', 'action',
            event_instant('event_time'),
        ]) }}
    end as event_key,
    event_channel as channel,
    coalesce(user_external_id, flat_external_id) as external_id_raw,
    coalesce(email_address, case when event_channel = 'email' then channel_identifier end) as email_raw,
    -- On a reply the person's number is user_phone_number, the other is ours.
    coalesce(user_phone_number, to_phone_number, phone_number, case when event_channel = 'sms' then channel_identifier end) as phone_raw,
    push_token as push_token_raw,
    case when push_token is not null then platform end as push_token_type,
    cast(null as {{ dbt.type_string() }}) as platform_id,
    coalesce(event_channel is not null, true) as has_recipient,
    subscription_group_id as topic,
    dispatch_id as message_id_raw,
    from_domain as sender_raw,
    cast(null as boolean) as trait_value,
    coalesce(bounce_reason, deferral_reason, error, provider_error_code) as reason,
    cast(null as {{ dbt.type_string() }}) as bounce_classification,
    cast(null as {{ dbt.type_string() }}) as bounce_code,
    state_change_source as source_of_change,
    coalesce({{ parse_boolean('machine_open') }} or {{ parse_boolean('is_suspected_bot_click') }}, false) as is_machine,
    event_time as happened_at_raw
from worded
