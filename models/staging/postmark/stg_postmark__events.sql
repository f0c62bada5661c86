with

deliveries as (

    select
        delivery_id,
        source,
        received_at,
        {{ landing_part('webhook_deliveries', 'received_at') }},
        payload
    from {{ source('raw', 'webhook_deliveries') }}
    where source = 'postmark'

),

elements as (

    {{ json_elements('deliveries', 'payload', shape='object') }}

),

fields as (

    {{ json_fields('elements', 'element', {
        'record_type': '$.RecordType',
        'bounce_type': '$.Type',
        'record_id': '$.ID',
        'message_id': '$.MessageID',
        'stream': '$.MessageStream',
        'bounced_email': '$.Email',
        'recipient': '$.Recipient',
        'sender': '$.From',
        'bounced_at': '$.BouncedAt',
        'changed_at': '$.ChangedAt',
        'delivered_at': '$.DeliveredAt',
        'seen_at': '$.ReceivedAt',
        'details': '$.Details',
        'description': '$.Description',
        'bounce_name': '$.Name',
        'suppress_sending': '$.SuppressSending',
        'suppression_reason': '$.SuppressionReason',
        'origin': '$.Origin',
        'link': '$.OriginalLink',
        'custom_id': '$.Metadata."' ~ var('external_id_keys')['postmark'] ~ '"',
    }) }}

),

events as (

    select
        *,
        lower(trim(record_type)) as provider_event,
        coalesce(bounced_email, recipient) as email,
        case lower(trim(record_type))
            when 'subscriptionchange' then changed_at
            when 'delivery' then delivered_at
            when 'open' then seen_at
            when 'click' then seen_at
            else bounced_at
        end as event_time,
        {{ parse_boolean('suppress_sending') }} as is_suppressed,
        {{ word_of('suppression_reason') }} as suppression_word,
        {{ word_of('origin') }} as origin_word
    from fields

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
        -- Inbound mail posted to the wrong address has no record type.
        else 'wrong shape'
    end as shape_error,
    provider_event,
    case
        when provider_event = 'bounce' then {{ word_of('bounce_type') }}
        when provider_event <> 'subscriptionchange' then null
        -- Who lifted it decides, whatever it had been set for.
        when not is_suppressed then coalesce('reactivated/' || origin_word, 'reactivated')
        else coalesce(suppression_word || '/' || origin_word, suppression_word, 'manualsuppression/' || origin_word)
    end as provider_subtype,
    case
        when provider_event in ('bounce', 'spamcomplaint') and record_id not in ('', '0') then {{ key_of(['provider_event', 'record_id']) }}
        -- A suppression and its lift may both have no message id.
        else {{ key_of([
            'provider_event', 'message_id', 'lower(trim(email))', 'bounce_type', 'suppress_sending', 'suppression_word',
            'origin_word', 'stream', 'link', event_instant('event_time'),
        ]) }}
    end as event_key,
    'email' as channel,
    custom_id as external_id_raw,
    email as email_raw,
    cast(null as {{ dbt.type_string() }}) as phone_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_type,
    cast(null as {{ dbt.type_string() }}) as platform_id,
    true as has_recipient,
    stream as topic,
    message_id as message_id_raw,
    sender as sender_raw,
    cast(null as boolean) as trait_value,
    coalesce(nullif(details, ''), nullif(description, ''), nullif(bounce_name, ''), suppression_reason) as reason,
    cast(null as {{ dbt.type_string() }}) as bounce_classification,
    cast(null as {{ dbt.type_string() }}) as bounce_code,
    origin as source_of_change,
    false as is_machine,
    event_time as happened_at_raw
from events
