with

deliveries as (

    select
        delivery_id,
        source,
        received_at,
        {{ landing_part('webhook_deliveries', 'received_at') }},
        payload
    from {{ source('raw', 'webhook_deliveries') }}
    where source = 'attentive'

),

elements as (

    {{ json_elements('deliveries', 'payload', shape='object') }}

),

fields as (

    {{ json_fields('elements', 'element', {
        'event_text': '$.type',
        'event_time': '$.timestamp',
        'subscriber_id': '$.subscriber.external_id',
        'phone': '$.subscriber.phone',
        'email': '$.subscriber.email',
        'client_user_id': '$.subscriber.external_identifiers.client_user_id[0]',
        'subscription_type': '$.subscription.type',
        'message_id': '$.message.id',
        'message_text': '$.message.text',
        'link': '$.link.url',
        'property_id': '$.user_property.id',
    }) }}

),

named as (

    select
        *,
        -- One channel: MMS and RCS go to the same number.
        {{ regex_replace('lower(trim(event_text))', '^(mms|rcs)[.]', 'sms.') }} as provider_event
    from fields

),

events as (

    select
        *,
        -- Both addresses may be there: the type says which of them it is about.
        case
            when starts_with(provider_event, 'sms.') or starts_with(provider_event, 'phone.') then 'sms'
            when starts_with(provider_event, 'email.') then 'email'
        end as channel,
        provider_event in (
            'sms.subscribed', 'sms.unsubscribed', 'phone.subscribed', 'phone.unsubscribed', 'email.subscribed', 'email.unsubscribed'
        ) as is_consent,
        case when provider_event = 'sms.inbound_message' then {{ folded_words('message_text') }} end as words
    from named

),

keywords as (

    {{ keyword_patterns() }}

),

worded as (

    select
        events.*,
        case when events.words is not null then {{ keyword_meaning('events.words') }} end as keyword
    from events
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
    -- Who leaves transactional messages keeps the marketing, and the other way round.
    case when is_consent then coalesce({{ word_of('subscription_type') }}, 'none') else keyword end as provider_subtype,
    -- There is no id; one act may end two subscriptions in one millisecond.
    {{ key_of([
        'provider_event', 'coalesce(subscriber_id, phone, lower(trim(email)))', 'message_id', 'link', 'property_id',
        "case when is_consent then subscription_type end", event_instant('event_time'),
    ]) }} as event_key,
    channel,
    -- The subscriber's own external_id is Attentive's number.
    client_user_id as external_id_raw,
    email as email_raw,
    phone as phone_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_type,
    cast(null as {{ dbt.type_string() }}) as platform_id,
    channel is not null as has_recipient,
    case when is_consent then subscription_type end as topic,
    -- Its id is that of a template, the same for everybody and every time.
    cast(null as {{ dbt.type_string() }}) as message_id_raw,
    cast(null as {{ dbt.type_string() }}) as sender_raw,
    cast(null as boolean) as trait_value,
    cast(null as {{ dbt.type_string() }}) as reason,
    cast(null as {{ dbt.type_string() }}) as bounce_classification,
    cast(null as {{ dbt.type_string() }}) as bounce_code,
    cast(null as {{ dbt.type_string() }}) as source_of_change,
    false as is_machine,
    event_time as happened_at_raw
from worded
