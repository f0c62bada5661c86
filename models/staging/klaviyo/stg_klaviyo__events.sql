with

deliveries as (

    select
        delivery_id,
        source,
        received_at,
        {{ landing_part('webhook_deliveries', 'received_at') }},
        payload
    from {{ source('raw', 'webhook_deliveries') }}
    where source = 'klaviyo'

),

elements as (

    {{ json_elements('deliveries', 'payload', shape='any', list='data') }}

),

fields as (

    {{ json_fields('elements', 'element', {
        'event_id': '$.external_id',
        'topic_text': '$.topic',
        'iso_time': '$.payload.data.attributes.datetime',
        'epoch_time': '$.payload.data.attributes.timestamp',
        'bounce_type': '$.payload.data.attributes.event_properties."Bounce Type"',
        'list_id': '$.payload.data.attributes.event_properties."List ID"',
        'first_email': '$.payload.included[0].attributes.email',
        'second_email': '$.payload.included[1].attributes.email',
        'first_phone': '$.payload.included[0].attributes.phone_number',
        'second_phone': '$.payload.included[1].attributes.phone_number',
        'first_external_id': '$.payload.included[0].attributes.external_id',
        'second_external_id': '$.payload.included[1].attributes.external_id',
        'profile_id': '$.payload.data.relationships.profile.data.id',
    }) }}

),

events as (

    select
        *,
        -- One channel: MMS and RCS go to the same number.
        {{ regex_replace(regex_replace('lower(trim(topic_text))', '^event:klaviyo[.]'), '_(mms|rcs)(_|$)', '_sms\\2') }} as provider_event,
        coalesce(nullif(first_email, ''), second_email) as email,
        coalesce(nullif(first_phone, ''), second_phone) as phone
    from fields

),

channels as (

    select
        *,
        case
            when {{ regex_is('provider_event', '.*_sms(_.*)?') }} then 'sms'
            when {{ regex_is('provider_event', '.*_push(_.*)?') }} then 'push'
            when {{ regex_is('provider_event', '.*_email(_.*)?') }} and provider_event <> 'updated_email_preferences' then 'email'
        end as event_channel
    from events

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
    case when provider_event = 'bounced_email' then {{ word_of('bounce_type') }} end as provider_subtype,
    -- What Klaviyo calls external_id is the event's.
    case
        when event_id <> '' then event_id
        else {{ key_of(['provider_event', 'profile_id', 'lower(trim(email))', event_instant('coalesce(iso_time, epoch_time)')]) }}
    end as event_key,
    event_channel as channel,
    coalesce(nullif(first_external_id, ''), second_external_id) as external_id_raw,
    email as email_raw,
    phone as phone_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_type,
    {{ platform_id('profile_id', "'klaviyo'") }} as platform_id,
    -- The documented payload names nobody but Klaviyo's own profile: what cannot be told whose it is must be seen.
    coalesce(event_channel is not null, true) as has_recipient,
    list_id as topic,
    cast(null as {{ dbt.type_string() }}) as message_id_raw,
    cast(null as {{ dbt.type_string() }}) as sender_raw,
    cast(null as boolean) as trait_value,
    bounce_type as reason,
    cast(null as {{ dbt.type_string() }}) as bounce_classification,
    cast(null as {{ dbt.type_string() }}) as bounce_code,
    cast(null as {{ dbt.type_string() }}) as source_of_change,
    false as is_machine,
    {{ first_time(['iso_time', 'epoch_time']) }} as happened_at_raw
from channels
