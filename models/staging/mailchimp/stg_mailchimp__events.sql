with

deliveries as (

    select
        delivery_id,
        source,
        received_at,
        {{ landing_part('webhook_deliveries', 'received_at') }},
        payload
    from {{ source('raw', 'webhook_deliveries') }}
    where source = 'mailchimp'

),

elements as (

    {{ json_elements('deliveries', 'payload', shape='object') }}

),

-- A form keeps its bracketed names, or a collector has nested them.
fields as (

    {{ json_fields('elements', 'element', {
        'event_text': '$.type',
        'fired_at': '$.fired_at',
        'form_email': '$."data[email]"',
        'form_merged_email': '$."data[merges][EMAIL]"',
        'form_new_email': '$."data[new_email]"',
        'form_old_email': '$."data[old_email]"',
        'form_list': '$."data[list_id]"',
        'form_id': '$."data[id]"',
        'form_reason': '$."data[reason]"',
        'form_action': '$."data[action]"',
        'form_status': '$."data[status]"',
        'form_custom_id': '$."data[merges][' ~ var('external_id_keys')['mailchimp'] ~ ']"',
        'nested_email': '$.data.email',
        'nested_merged_email': '$.data.merges.EMAIL',
        'nested_new_email': '$.data.new_email',
        'nested_old_email': '$.data.old_email',
        'nested_list': '$.data.list_id',
        'nested_id': '$.data.id',
        'nested_reason': '$.data.reason',
        'nested_action': '$.data.action',
        'nested_status': '$.data.status',
        'nested_custom_id': '$.data.merges."' ~ var('external_id_keys')['mailchimp'] ~ '"',
    }) }}

),

events as (

    select
        *,
        lower(trim(event_text)) as provider_event,
        coalesce(
            nullif(trim(form_new_email), ''), nullif(trim(nested_new_email), ''),
            nullif(trim(form_email), ''), nullif(trim(nested_email), ''),
            nullif(trim(form_merged_email), ''), nullif(trim(nested_merged_email), '')
        ) as email,
        coalesce(form_old_email, nested_old_email) as old_email,
        coalesce(form_list, nested_list) as list_id,
        -- The member, or of a campaign event the campaign.
        coalesce(form_id, nested_id) as subject_id,
        nullif(trim(coalesce(form_reason, nested_reason)), '') as reason_text,
        {{ word_of('coalesce(form_action, nested_action)') }} as action_word,
        coalesce(form_status, nested_status) as campaign_status,
        coalesce(form_custom_id, nested_custom_id) as custom_id,
        -- Days of zeros stand for no time: two acts must not be one for them.
        case when {{ parse_time('fired_at') }} is not null then fired_at end as event_time
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
        when 'unsubscribe' then coalesce({{ word_of('reason_text') }} || '/' || action_word, {{ word_of('reason_text') }}, action_word)
        when 'cleaned' then {{ word_of('reason_text') }}
    end as provider_subtype,
    -- There is no id; an unsubscribe by hand and one for abuse may come in one second.
    {{ key_of([
        'provider_event', 'list_id', 'lower(email)', 'lower(trim(old_email))', "case when provider_event = 'campaign' then subject_id end",
        "case when provider_event = 'campaign' then campaign_status end", 'lower(reason_text)', event_instant('event_time'),
    ]) }} as event_key,
    case when provider_event <> 'campaign' then 'email' end as channel,
    custom_id as external_id_raw,
    email as email_raw,
    cast(null as {{ dbt.type_string() }}) as phone_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_type,
    cast(null as {{ dbt.type_string() }}) as platform_id,
    coalesce(provider_event <> 'campaign', true) as has_recipient,
    list_id as topic,
    cast(null as {{ dbt.type_string() }}) as message_id_raw,
    cast(null as {{ dbt.type_string() }}) as sender_raw,
    cast(null as boolean) as trait_value,
    case when provider_event in ('unsubscribe', 'cleaned') then reason_text end as reason,
    cast(null as {{ dbt.type_string() }}) as bounce_classification,
    cast(null as {{ dbt.type_string() }}) as bounce_code,
    cast(null as {{ dbt.type_string() }}) as source_of_change,
    false as is_machine,
    event_time as happened_at_raw
from events
