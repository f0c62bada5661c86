with

deliveries as (

    select
        delivery_id,
        source,
        received_at,
        {{ landing_part('webhook_deliveries', 'received_at') }},
        payload
    from {{ source('raw', 'webhook_deliveries') }}
    where source = 'fcm'

),

elements as (

    {{ json_elements('deliveries', 'payload', shape='any') }}

),

{% set paths = {
    'token': '$.token',
    'user_id': '$.user_id',
    'sent_at': '$.sent_at',
    'message_name': '$.name',
    'error_text': '$.error',
    'error_status': '$.error.status',
    'error_word': '$.error.code',
    'error_message': '$.error.message',
} -%}
{%- for number in range(3) -%}
    {%- do paths.update({
        'detail_' ~ number: '$.error.details[' ~ number ~ '].errorCode',
        'field_' ~ number: '$.error.details[' ~ number ~ '].fieldViolations[0].field',
    }) -%}
{%- endfor -%}

fields as (

    {{ json_fields('elements', 'element', paths) }}

),

answers as (

    select
        *,
        lower(coalesce(detail_0, detail_1, detail_2)) as fcm_code,
        lower(coalesce(field_0, field_1, field_2)) as wrong_field,
        -- The Admin SDKs write messaging/registration-token-not-registered.
        {{ regex_replace(
            "lower(coalesce(case when " ~ regex_is('error_text', '[^<>{\\[]{1,100}') ~ " then trim(error_text) end, error_word))",
            '^messaging/'
        ) }} as sdk_word,
        coalesce(error_status, error_word, error_message, error_text) is not null as is_refused
    from fields

),

judged as (

    select
        *,
        case
            when not is_refused then null
            when coalesce(fcm_code, lower(error_status)) = 'invalid_argument' then case
                -- Only what is said of the token is the token's.
                when wrong_field = 'message.token' then 'invalid_argument/token'
                when wrong_field is not null then 'invalid_argument/payload'
                when fcm_code is not null then 'invalid_argument/token'
                when lower(error_message) like '%not a valid fcm registration token%' then 'invalid_argument/token'
                else 'invalid_argument/payload'
            end
            else coalesce(
                fcm_code, {{ word_of('error_status') }},
                case when not {{ regex_is('sdk_word', '[0-9]*') }} then substr(sdk_word, 1, 100) end, 'unreadable'
            )
        end as refusal
    from answers

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
        when is_refused or {{ is_word('message_name') }} then null
        else 'wrong shape'
    end as shape_error,
    case when is_refused then 'error' else 'accepted' end as provider_event,
    refusal as provider_subtype,
    case
        when not is_refused and message_name <> '' then message_name
        else {{ key_of(['token', 'refusal', event_instant('sent_at')]) }}
    end as event_key,
    'push' as channel,
    user_id as external_id_raw,
    cast(null as {{ dbt.type_string() }}) as email_raw,
    cast(null as {{ dbt.type_string() }}) as phone_raw,
    token as push_token_raw,
    'fcm' as push_token_type,
    cast(null as {{ dbt.type_string() }}) as platform_id,
    true as has_recipient,
    cast(null as {{ dbt.type_string() }}) as topic,
    message_name as message_id_raw,
    cast(null as {{ dbt.type_string() }}) as sender_raw,
    cast(null as boolean) as trait_value,
    error_message as reason,
    cast(null as {{ dbt.type_string() }}) as bounce_classification,
    cast(null as {{ dbt.type_string() }}) as bounce_code,
    cast(null as {{ dbt.type_string() }}) as source_of_change,
    false as is_machine,
    sent_at as happened_at_raw
from judged
