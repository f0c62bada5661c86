with

deliveries as (

    select
        delivery_id,
        source,
        received_at,
        {{ landing_part('webhook_deliveries', 'received_at') }},
        payload
    from {{ source('raw', 'webhook_deliveries') }}
    where source = 'twilio'

),

elements as (

    {{ json_elements('deliveries', 'payload', shape='object') }}

),

fields as (

    {{ json_fields('elements', 'element', {
        'message_sid': '$.MessageSid',
        'sms_message_sid': '$.SmsMessageSid',
        'sms_sid': '$.SmsSid',
        'message_status': '$.MessageStatus',
        'sms_status': '$.SmsStatus',
        'from_address': '$.From',
        'to_address': '$.To',
        'body': '$.Body',
        'opt_out_type': '$.OptOutType',
        'error_code': '$.ErrorCode',
        'error_message': '$.ErrorMessage',
        'service_sid': '$.MessagingServiceSid',
        'operator_time': '$.RawDlrDoneDate',
        'sent_at': '$.sent_at',
    }) }}

),

requests as (

    select
        *,
        coalesce(message_sid, sms_message_sid, sms_sid) as sid,
        {{ word_of('coalesce(message_status, sms_status)') }} as status
    from fields

),

directed as (

    select
        *,
        coalesce(status in ('received', 'receiving'), body is not null or opt_out_type is not null) as is_incoming
    from requests

),

texts as (

    select
        *,
        case when is_incoming then {{ folded_words('body') }} end as words
    from directed

),

keywords as (

    {{ keyword_patterns() }}

),

events as (

    select
        texts.*,
        lower(texts.from_address) like 'whatsapp:%' as is_whatsapp,
        case
            when trim(texts.opt_out_type) <> '' then {{ word_of('texts.opt_out_type') }}
            else {{ keyword_meaning('texts.words') }}
        end as keyword,
        case when {{ regex_is('trim(texts.error_code)', '[1-9][0-9]{2,6}') }} then trim(texts.error_code) else 'none' end as error_word
    from texts
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
        when is_incoming or {{ is_word('status') }} then null
        else 'wrong shape'
    end as shape_error,
    case
        when is_incoming and is_whatsapp then 'incoming_whatsapp'
        when is_incoming then 'incoming'
        when is_whatsapp then status || '_whatsapp'
        else status
    end as provider_event,
    case
        when is_incoming then keyword
        when status in ('undelivered', 'failed') then error_word
    end as provider_subtype,
    case
        when sid is null
            then {{ key_of(['status', 'from_address', 'to_address', 'error_code', event_instant('coalesce(sent_at, operator_time)')]) }}
        when is_incoming then sid
        else {{ key_of(['sid', 'status', 'error_code', 'operator_time']) }}
    end as event_key,
    'sms' as channel,
    cast(null as {{ dbt.type_string() }}) as external_id_raw,
    cast(null as {{ dbt.type_string() }}) as email_raw,
    -- The customer's number changes sides. A blank before the digits is a plus that careless decoding lost.
    {{ regex_replace(
        'case when is_incoming then from_address else to_address end', '^((?:whatsapp|rcs):)? ([1-9][0-9]{6,14})$', '+\\2'
    ) }} as phone_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_type,
    cast(null as {{ dbt.type_string() }}) as platform_id,
    coalesce(not (is_incoming and keyword in ('help', 'message')), true) as has_recipient,
    coalesce(nullif(service_sid, ''), case when is_incoming then to_address else from_address end) as topic,
    sid as message_id_raw,
    cast(null as {{ dbt.type_string() }}) as sender_raw,
    cast(null as boolean) as trait_value,
    coalesce(nullif(error_message, ''), nullif(error_code, '')) as reason,
    cast(null as {{ dbt.type_string() }}) as bounce_classification,
    cast(null as {{ dbt.type_string() }}) as bounce_code,
    cast(null as {{ dbt.type_string() }}) as source_of_change,
    false as is_machine,
    -- The operator's time has no zone and no seconds: the arrival is the better clock. A refused send has its sender's.
    sent_at as happened_at_raw
from events
