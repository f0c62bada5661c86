{#- The customer writes the body: objects within objects, or the flat names of OneSignal's own sample. Empty text is nothing. -#}
{%- set paths = {
    'kind': 'event.kind',
    'event_uuid': 'event.id',
    'epoch': 'event.timestamp',
    'instant': 'event.datetime',
    'subscription_id': 'event.subscription_id',
    'device_type': 'event.subscription_device_type',
    'external_id': 'event.external_id',
    'failure_reason': 'event.data.failure_reason',
    'message_id': 'message.id',
    'token': 'user.subscription.subscription_token',
} -%}
{%- set both_forms = {} -%}
{%- for name, path in paths.items() -%}
    {%- do both_forms.update({'nested_' ~ name: '$.' ~ path, 'flat_' ~ name: '$."' ~ path ~ '"'}) -%}
{%- endfor -%}

with

deliveries as (

    select
        delivery_id,
        source,
        received_at,
        {{ landing_part('webhook_deliveries', 'received_at') }},
        payload
    from {{ source('raw', 'webhook_deliveries') }}
    where source = 'onesignal'

),

elements as (

    {{ json_elements('deliveries', 'payload', shape='object') }}

),

fields as (

    {{ json_fields('elements', 'element', both_forms) }}

),

read as (

    select
        delivery_id,
        source,
        received_at,
        landing_part,
        position,
        element,
        shape_error,
        {% for name in paths -%}
        coalesce(nullif(trim(nested_{{ name }}), ''), nullif(trim(flat_{{ name }}), '')) as {{ name }}{{ "," if not loop.last }}
        {% endfor %}
    from fields

),

events as (

    select
        *,
        -- One channel: MMS and RCS go to the same number.
        {{ regex_replace('lower(kind)', '^message[.](mms|rcs)[.]', 'message.sms.') }} as provider_event,
        -- Live activities and in-app messages have opt-outs and clicks of their own, which are no channel's.
        case
            when starts_with(lower(kind), 'message.push.') then 'push'
            when starts_with(lower(kind), 'message.email.') then 'email'
            when {{ regex_is('lower(kind)', 'message[.](sms|mms|rcs)[.].*') }} then 'sms'
        end as channel,
        {{ first_time(['epoch', 'instant']) }} as event_time
    from read

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
    -- The reason is prose: a row of the mapping may say that one means a dead token.
    case when provider_event = 'message.push.failed' then {{ word_of('failure_reason') }} end as provider_subtype,
    coalesce(event_uuid, {{ key_of([
        'provider_event', 'subscription_id', 'token', 'external_id', 'message_id', event_instant('event_time'),
    ]) }}) as event_key,
    channel,
    -- A permission is one device's: where its token is not said, its subscription is named, and not the owner of them all.
    case when channel = 'push' and token is null and subscription_id is not null then null else external_id end as external_id_raw,
    case when channel = 'email' then token end as email_raw,
    case when channel = 'sms' then token end as phone_raw,
    case when channel = 'push' then token end as push_token_raw,
    case when channel = 'push' and token is not null then device_type end as push_token_type,
    {{ platform_id('subscription_id', "'onesignal'") }} as platform_id,
    channel is not null as has_recipient,
    cast(null as {{ dbt.type_string() }}) as topic,
    message_id as message_id_raw,
    cast(null as {{ dbt.type_string() }}) as sender_raw,
    cast(null as boolean) as trait_value,
    failure_reason as reason,
    cast(null as {{ dbt.type_string() }}) as bounce_classification,
    cast(null as {{ dbt.type_string() }}) as bounce_code,
    cast(null as {{ dbt.type_string() }}) as source_of_change,
    false as is_machine,
    event_time as happened_at_raw
from events
