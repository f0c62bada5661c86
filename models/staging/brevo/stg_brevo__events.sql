with

deliveries as (

    select
        delivery_id,
        source,
        received_at,
        {{ landing_part('webhook_deliveries', 'received_at') }},
        payload
    from {{ source('raw', 'webhook_deliveries') }}
    where source = 'brevo'

),

elements as (

    {{ json_elements('deliveries', 'payload', shape='any') }}

),

fields as (

    {{ json_fields('elements', 'element', {
        'event_text': '$.event',
        'email': '$.email',
        'emails': '$.email',
        'message_id': '$."message-id"',
        'campaign_id': '$.camp_id',
        'epoch_time': '$.ts_epoch',
        'event_time': '$.ts_event',
        'local_time': '$.ts',
        'local_date': '$.date',
        'first_list': '$.list_id[0]',
        'only_list': '$.list_id',
        'reason_text': '$.reason',
        'link': '$.link',
        'custom': '$."X-Mailin-custom"',
    }, arrays=['emails']) }}

),

events as (

    select
        *,
        lower(trim(event_text)) as provider_event,
        -- The other times are those of the account's own zone, which is not said: good for a key only.
        {{ first_time(['epoch_time', 'event_time']) }} as utc_time,
        case
            when {{ is_word('lower(trim(event_text))') }} then coalesce({{ json_array('emails') }}, ['null'])
            else ['null']
        end as addresses
    from fields

),

-- Contacts that were added to a list may come several in one event.
exploded as (

    {{ explode('events', "case when array_length(addresses) > 0 then addresses else ['null'] end", 'facet') }}

),

recipients as (

    select
        *,
        case when facet = 'null' then email else {{ json_text('facet', '$') }} end as recipient
    from exploded

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
    cast(null as {{ dbt.type_string() }}) as provider_subtype,
    -- There is no id of the event: `id` is the webhook's.
    {{ key_of([
        'coalesce(message_id, campaign_id)', 'provider_event', 'lower(trim(recipient))', 'link', event_instant('coalesce(utc_time, local_time, local_date)'),
    ]) }} as event_key,
    'email' as channel,
    {{ json_text('custom', '$."' ~ var('external_id_keys')['brevo'] ~ '"') }} as external_id_raw,
    recipient as email_raw,
    cast(null as {{ dbt.type_string() }}) as phone_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_type,
    cast(null as {{ dbt.type_string() }}) as platform_id,
    true as has_recipient,
    coalesce(first_list, only_list) as topic,
    message_id as message_id_raw,
    cast(null as {{ dbt.type_string() }}) as sender_raw,
    cast(null as boolean) as trait_value,
    reason_text as reason,
    cast(null as {{ dbt.type_string() }}) as bounce_classification,
    cast(null as {{ dbt.type_string() }}) as bounce_code,
    cast(null as {{ dbt.type_string() }}) as source_of_change,
    coalesce(provider_event in ('proxy_open', 'unique_proxy_open'), false) as is_machine,
    utc_time as happened_at_raw
from recipients
