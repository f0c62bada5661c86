with

deliveries as (

    select
        delivery_id,
        source,
        received_at,
        {{ landing_part('webhook_deliveries', 'received_at') }},
        payload
    from {{ source('raw', 'webhook_deliveries') }}
    where source = 'mailgun'

),

elements as (

    {{ json_elements('deliveries', 'payload', shape='object') }}

),

-- v3 puts the event into event-data; the legacy form is flat; the simplified shape names the event beside event-data.
fields as (

    {{ json_fields('elements', 'element', {
        'v3_event': '$."event-data".event',
        'v3_id': '$."event-data".id',
        'v3_recipient': '$."event-data".recipient',
        'v3_timestamp': '$."event-data".timestamp',
        'v3_severity': '$."event-data".severity',
        'v3_reason': '$."event-data".reason',
        'v3_code': '$."event-data"."delivery-status".code',
        'v3_enhanced_code': '$."event-data"."delivery-status"."enhanced-code"',
        'v3_message': '$."event-data"."delivery-status".message',
        'v3_description': '$."event-data"."delivery-status".description',
        'v3_reject_reason': '$."event-data".reject.reason',
        'v3_message_id': '$."event-data".message.headers."message-id"',
        'v3_to': '$."event-data".message.headers.to',
        'v3_from': '$."event-data".message.headers.from',
        'v3_domain': '$."event-data".domain.name',
        'v3_sender': '$."event-data".envelope.sender',
        'v3_bot': '$."event-data"."client-info".bot',
        'v3_list': '$."event-data"."mailing-list".address',
        'v3_custom_id': '$."event-data"."user-variables"."' ~ var('external_id_keys')['mailgun'] ~ '"',
        'signature_timestamp': '$.signature.timestamp',
        'signature_token': '$.signature.token',
        'form_event': '$.event',
        'form_recipient': '$.recipient',
        'form_timestamp': '$.timestamp',
        'form_severity': '$.severity',
        'form_reason': '$.reason',
        'form_code': '$.code',
        'form_error': '$.error',
        'form_description': '$.description',
        'form_message_id': '$."Message-Id"',
        'form_header_id': '$."message-id"',
        'form_domain': '$.domain',
        'form_list': '$."mailing-list"',
        'form_token': '$.token',
        'form_custom_id': '$."' ~ var('external_id_keys')['mailgun'] ~ '"',
    }) }}

),

events as (

    select
        *,
        lower(trim(coalesce(v3_event, form_event))) as provider_event,
        coalesce(v3_recipient, form_recipient) as recipient,
        {{ first_time(['v3_timestamp', 'signature_timestamp', 'form_timestamp']) }} as event_time,
        coalesce(signature_token, form_token) as token,
        coalesce(v3_message_id, form_message_id) as message_id,
        {{ word_of('coalesce(v3_severity, form_severity)') }} as severity,
        -- 605 to 607 say that Mailgun did not even try, also where the reason does not.
        case coalesce(v3_code, form_code)
            when '605' then 'suppress-bounce'
            when '606' then 'suppress-unsubscribe'
            when '607' then 'suppress-complaint'
            else {{ word_of('coalesce(v3_reason, form_reason)') }}
        end as failure_reason
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
    case provider_event
        when 'failed' then coalesce(severity || '/' || failure_reason, severity, failure_reason)
        when 'permanent_fail' then 'permanent/' || failure_reason
        when 'dropped' then failure_reason
    end as provider_subtype,
    case
        -- The id is unique within a day only. One signature block may stand on several bodies, so the token is never enough.
        when v3_id <> '' then {{ key_of([
            'provider_event', 'v3_id', 'cast(' ~ to_date(parse_time('event_time')) ~ ' as ' ~ dbt.type_string() ~ ')',
        ]) }}
        when token <> '' then {{ key_of(['provider_event', 'lower(trim(recipient))', 'message_id', 'token']) }}
        else {{ key_of([
            'provider_event', 'lower(trim(recipient))', 'message_id', 'severity', 'failure_reason', event_instant('event_time'),
        ]) }}
    end as event_key,
    'email' as channel,
    coalesce(v3_custom_id, form_custom_id) as external_id_raw,
    case
        -- An inbound message names our own address, a list upload none.
        when provider_event = 'stored' or starts_with(provider_event, 'list_') then null
        -- A rejected message has only its header, perhaps with a display name.
        when provider_event = 'rejected' and recipient is null then {{ regex_replace('v3_to', '^[^<>]*<([^<>]*)>\\s*$', '\\1') }}
        else recipient
    end as email_raw,
    cast(null as {{ dbt.type_string() }}) as phone_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_type,
    cast(null as {{ dbt.type_string() }}) as platform_id,
    coalesce(not (provider_event in ('stored', 'rejected') or starts_with(provider_event, 'list_')), true) as has_recipient,
    case when provider_event in ('unsubscribed', 'complained') then coalesce(v3_list, form_list) end as topic,
    -- Mailgun has no other id of a message than its header.
    coalesce(message_id, form_header_id) as message_id_raw,
    coalesce(v3_domain, v3_sender, v3_from, form_domain) as sender_raw,
    cast(null as boolean) as trait_value,
    -- Variables of the customer may bear these names in the legacy form: they are read for the events that have them.
    case when provider_event in ('failed', 'permanent_fail', 'temporary_fail', 'bounced', 'dropped', 'rejected') then coalesce(
        nullif(v3_message, ''), nullif(v3_description, ''), v3_reject_reason,
        nullif(form_error, ''), nullif(form_description, ''), v3_reason, form_reason
    ) end as reason,
    cast(null as {{ dbt.type_string() }}) as bounce_classification,
    case when provider_event in ('failed', 'permanent_fail', 'temporary_fail', 'bounced', 'dropped') then coalesce(
        v3_code || ' ' || v3_enhanced_code, v3_code, v3_enhanced_code, form_code
    ) end as bounce_code,
    cast(null as {{ dbt.type_string() }}) as source_of_change,
    coalesce(provider_event in ('opened', 'clicked') and v3_bot not in ('', 'false', 'null', 'none'), false) as is_machine,
    event_time as happened_at_raw
from events
