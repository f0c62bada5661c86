{#-
    What our own commands land: `backfill`, `adopt` and an operator's act write deliveries of one shape,
    {"statements": [{"event", "detail", "platform", "channel", "external_id", "email", "phone", "push_token",
    "push_token_type", "platform_id", "topic", "is_positive", "reason", "by", "at"}]}. platform: the source whose deliveries are read.
    A statement that names a platform is that platform's, as if its webhook had said it. What is equal in everything but its reason is one
    event, so that the same file or list may be landed again. platform_id: the platform's own id of the person or device, after its
    name and a colon.
-#}
{% macro statements(platform) -%}
{#- Of a list that gives no dates: who left it and came back is on it anew. -#}
{%- set adopted_on = "case when provider_event = 'list' and said_at is null then cast(" ~ to_date('received_at') ~ " as " ~ dbt.type_string() ~ ") end" -%}
with

deliveries as (

    select
        delivery_id,
        source,
        received_at,
        {{ landing_part('webhook_deliveries', 'received_at') }},
        payload
    from {{ source('raw', 'webhook_deliveries') }}
    where source = '{{ platform }}'

),

elements as (

    {{ json_elements('deliveries', 'payload', shape='any', list='statements') }}

),

fields as (

    {{ json_fields('elements', 'element', {
        'event': '$.event',
        'detail': '$.detail',
        'platform': '$.platform',
        'channel': '$.channel',
        'external_id': '$.external_id',
        'email': '$.email',
        'phone': '$.phone',
        'push_token': '$.push_token',
        'push_token_type': '$.push_token_type',
        'platform_id': '$.platform_id',
        'topic': '$.topic',
        'is_positive': '$.is_positive',
        'reason': '$.reason',
        'said_by': '$.by',
        'said_at': '$.at',
    }) }}

),

worded as (

    select
        *,
        {{ word_of('event') }} as provider_event,
        {{ word_of('detail') }} as provider_subtype
    from fields

)

select
    delivery_id,
    coalesce(platform, source) as source,
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
    provider_subtype,
    {{ key_of([
        "'statement'", 'provider_event', 'provider_subtype', 'external_id', 'lower(trim(email))', 'phone', 'push_token', 'topic',
        'is_positive', 'said_at', adopted_on,
    ]) }} || coalesce('|' || platform_id, '') as event_key,
    channel,
    external_id as external_id_raw,
    email as email_raw,
    phone as phone_raw,
    push_token as push_token_raw,
    push_token_type,
    {{ platform_id('platform_id') }} as platform_id,
    true as has_recipient,
    topic,
    cast(null as {{ dbt.type_string() }}) as message_id_raw,
    cast(null as {{ dbt.type_string() }}) as sender_raw,
    {{ parse_boolean('is_positive') }} as trait_value,
    reason,
    cast(null as {{ dbt.type_string() }}) as bounce_classification,
    cast(null as {{ dbt.type_string() }}) as bounce_code,
    said_by as source_of_change,
    false as is_machine,
    said_at as happened_at_raw
from worded
{%- endmacro %}
