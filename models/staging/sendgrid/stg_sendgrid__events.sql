with

deliveries as (

    select
        delivery_id,
        source,
        received_at,
        {{ landing_part('webhook_deliveries', 'received_at') }},
        payload
    from {{ source('raw', 'webhook_deliveries') }}
    where source = 'sendgrid'

),

elements as (

    {{ json_elements('deliveries', 'payload', shape='array') }}

),

fields as (

    {{ json_fields('elements', 'element', {
        'event_text': '$.event',
        'email': '$.email',
        'event_time': '$.timestamp',
        'sg_event_id': '$.sg_event_id',
        'sg_message_id': '$.sg_message_id',
        'type_text': '$.type',
        'reason_text': '$.reason',
        'response_text': '$.response',
        'classification_text': '$.bounce_classification',
        'status_text': '$.status',
        'group_id': '$.asm_group_id',
        'url': '$.url',
        'machine_open': '$.sg_machine_open',
        'custom_id': '$."' ~ var('external_id_keys')['sendgrid'] ~ '"',
    }) }}

),

events as (

    select
        *,
        lower(trim(event_text)) as provider_event
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
        else 'wrong shape'
    end as shape_error,
    provider_event,
    -- Custom arguments stand beside the event's own fields: a type or reason is read for the events that have one.
    case provider_event
        when 'bounce' then {{ word_of('type_text') }}
        when 'dropped' then {{ word_of('reason_text') }}
    end as provider_subtype,
    case
        when sg_event_id <> '' then sg_event_id
        else {{ key_of([
            'provider_event', 'lower(trim(email))', 'type_text', 'reason_text', 'group_id', 'url', 'sg_message_id',
            event_instant('event_time'),
        ]) }}
    end as event_key,
    case when provider_event <> 'account_status_change' then 'email' end as channel,
    custom_id as external_id_raw,
    email as email_raw,
    cast(null as {{ dbt.type_string() }}) as phone_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_type,
    cast(null as {{ dbt.type_string() }}) as platform_id,
    coalesce(provider_event <> 'account_status_change', true) as has_recipient,
    case when provider_event in ('group_unsubscribe', 'group_resubscribe') then group_id end as topic,
    sg_message_id as message_id_raw,
    cast(null as {{ dbt.type_string() }}) as sender_raw,
    cast(null as boolean) as trait_value,
    case
        when provider_event in ('bounce', 'dropped') then reason_text
        when provider_event in ('deferred', 'delivered') then response_text
    end as reason,
    case when provider_event = 'bounce' then {{ word_of('classification_text') }} end as bounce_classification,
    case when provider_event = 'bounce' then status_text end as bounce_code,
    cast(null as {{ dbt.type_string() }}) as source_of_change,
    coalesce(provider_event = 'open' and {{ parse_boolean('machine_open') }}, false) as is_machine,
    event_time as happened_at_raw
from events
