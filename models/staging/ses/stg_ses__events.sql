with

deliveries as (

    select
        delivery_id,
        source,
        received_at,
        {{ landing_part('webhook_deliveries', 'received_at') }},
        payload
    from {{ source('raw', 'webhook_deliveries') }}
    where source = 'ses'

),

envelopes as (

    {{ json_elements('deliveries', 'payload', shape='object') }}

),

-- SNS puts the event as text into Message; with raw delivery it comes alone.
opened as (

    {{ json_fields('envelopes', 'element', {
        'envelope_type': '$.Type',
        'message': '$.Message',
        'envelope_time': '$.Timestamp',
    }) }}

),

messages as (

    select
        *,
        coalesce(starts_with(ltrim(message), '{'), false) as is_wrapped,
        case when starts_with(ltrim(message), '{') then message else element end as inner_event
    from opened

),

fields as (

    {{ json_fields('messages', 'inner_event', {
        'event_type': '$.eventType',
        'notification_type': '$.notificationType',
        'mail_id': '$.mail.messageId',
        'from_domain': '$.mail.tags."ses:from-domain"[0]',
        'from_header': '$.mail.commonHeaders.from[0]',
        'envelope_sender': '$.mail.source',
        'destination': '$.mail.destination',
        'first_destination': '$.mail.destination[0]',
        'bounce_type': '$.bounce.bounceType',
        'bounce_subtype': '$.bounce.bounceSubType',
        'bounced': '$.bounce.bouncedRecipients',
        'bounce_id': '$.bounce.feedbackId',
        'bounce_time': '$.bounce.timestamp',
        'complaint_type': '$.complaint.complaintFeedbackType',
        'complaint_subtype': '$.complaint.complaintSubType',
        'complained': '$.complaint.complainedRecipients',
        'complaint_id': '$.complaint.feedbackId',
        'complaint_time': '$.complaint.timestamp',
        'delivered': '$.delivery.recipients',
        'delivery_time': '$.delivery.timestamp',
        'delayed': '$.deliveryDelay.delayedRecipients',
        'delay_type': '$.deliveryDelay.delayType',
        'delay_time': '$.deliveryDelay.timestamp',
        'open_time': '$.open.timestamp',
        'click_time': '$.click.timestamp',
        'click_link': '$.click.link',
        'subscription_time': '$.subscription.timestamp',
        'subscription_source': '$.subscription.source',
        'unsubscribes_all': '$.subscription.newTopicPreferences.unsubscribeAll',
        'unsubscribed_all': '$.subscription.oldTopicPreferences.unsubscribeAll',
        'topics': '$.subscription.newTopicPreferences.topicSubscriptionStatus',
        'reject_reason': '$.reject.reason',
        'failure_reason': '$.failure.errorMessage',
        'custom_id': '$.mail.tags."' ~ var('external_id_keys')['ses'] ~ '"[0]',
    }, arrays=['destination', 'bounced', 'complained', 'delivered', 'delayed', 'topics']) }}

),

events as (

    select
        *,
        -- What is no event of SES is control traffic of SNS.
        coalesce(
            lower(trim(coalesce(event_type, notification_type))),
            case when not is_wrapped then lower(trim(envelope_type)) end
        ) as kind,
        coalesce(event_type, notification_type) is null as is_control,
        coalesce({{ parse_boolean('unsubscribes_all') }}, false) as is_out_of_all,
        coalesce({{ parse_boolean('unsubscribed_all') }}, false) as was_out_of_all
    from fields

),

-- One row per recipient, and per topic whose state a person set.
facets as (

    select
        *,
        case
            when kind = 'subscription' and is_out_of_all then ['"all"']
            when kind = 'subscription' and was_out_of_all then array_concat(['"all"'], coalesce({{ json_array('topics') }}, []))
            when kind = 'subscription' then coalesce({{ json_array('topics') }}, ['null'])
            when kind = 'bounce' then coalesce({{ json_array('bounced') }}, ['null'])
            when kind = 'complaint' then coalesce({{ json_array('complained') }}, ['null'])
            when kind = 'delivery' then coalesce({{ json_array('delivered') }}, ['null'])
            when kind = 'deliverydelay' then coalesce({{ json_array('delayed') }}, ['null'])
            else coalesce({{ json_array('destination') }}, ['null'])
        end as event_facets
    from events

),

exploded as (

    {{ explode('facets', "case when array_length(event_facets) > 0 then event_facets else ['null'] end", 'facet') }}

),

recipients as (

    select
        *,
        {{ json_text('facet', '$.topicName') }} as topic_name,
        {{ word_of(json_text('facet', '$.subscriptionStatus')) }} as topic_status,
        {{ json_text('facet', '$.diagnosticCode') }} as diagnosis,
        case
            when kind = 'subscription' then first_destination
            when starts_with(facet, '{') then {{ json_text('facet', '$.emailAddress') }}
            when starts_with(facet, '"') then {{ json_text('facet', '$') }}
        end as recipient,
        case kind
            when 'bounce' then bounce_time
            when 'complaint' then complaint_time
            when 'delivery' then delivery_time
            when 'deliverydelay' then delay_time
            when 'open' then open_time
            when 'click' then click_time
            when 'subscription' then subscription_time
        end as inner_time
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
        when {{ is_word('kind') }} then null
        else 'wrong shape'
    end as shape_error,
    kind as provider_event,
    case kind
        when 'bounce' then coalesce({{ word_of('bounce_type') }} || '/' || {{ word_of('bounce_subtype') }}, {{ word_of('bounce_type') }})
        when 'complaint' then coalesce({{ word_of('complaint_subtype') }}, {{ word_of('complaint_type') }})
        when 'deliverydelay' then {{ word_of('delay_type') }}
        when 'subscription' then case
            when facet = '"all"' and is_out_of_all then 'unsubscribeall'
            when facet = '"all"' then 'resubscribeall'
            else topic_status
        end
    end as provider_subtype,
    {{ key_of([
        'kind', 'coalesce(bounce_id, complaint_id, mail_id)', 'lower(trim(recipient))', 'topic_name', 'facet', 'click_link',
        event_instant('coalesce(inner_time, envelope_time)'),
    ]) }} as event_key,
    case when not is_control then 'email' end as channel,
    custom_id as external_id_raw,
    recipient as email_raw,
    cast(null as {{ dbt.type_string() }}) as phone_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_type,
    cast(null as {{ dbt.type_string() }}) as platform_id,
    coalesce(not is_control, true) as has_recipient,
    topic_name as topic,
    mail_id as message_id_raw,
    coalesce(from_domain, from_header, envelope_sender) as sender_raw,
    cast(null as boolean) as trait_value,
    coalesce(diagnosis, reject_reason, failure_reason) as reason,
    cast(null as {{ dbt.type_string() }}) as bounce_classification,
    case when kind in ('bounce', 'deliverydelay') then {{ json_text('facet', '$.status') }} end as bounce_code,
    subscription_source as source_of_change,
    false as is_machine,
    -- The mail's own timestamp is that of sending.
    {{ first_time(['inner_time', 'envelope_time']) }} as happened_at_raw
from recipients
