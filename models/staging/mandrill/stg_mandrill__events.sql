with

deliveries as (

    select
        delivery_id,
        source,
        received_at,
        {{ landing_part('webhook_deliveries', 'received_at') }},
        payload
    from {{ source('raw', 'webhook_deliveries') }}
    where source = 'mandrill'

),

-- The one field of the form holds the array as text; a collector may have decoded it.
forms as (

    select
        *,
        coalesce({{ json_inside('payload', '$.mandrill_events') }}, payload) as events_text
    from deliveries

),

elements as (

    {{ json_elements('forms', 'events_text', shape='array') }}

),

fields as (

    {{ json_fields('elements', 'element', {
        'event_text': '$.event',
        'sync_type': '$.type',
        'sync_action': '$.action',
        'event_time': '$.ts',
        'event_message_id': '$._id',
        'url': '$.url',
        'ip': '$.ip',
        'message_id': '$.msg._id',
        'message_email': '$.msg.email',
        'sender': '$.msg.sender',
        'message_subaccount': '$.msg.subaccount',
        'bounce_description': '$.msg.bounce_description',
        'diagnosis': '$.msg.diag',
        'reject_email': '$.reject.email',
        'reject_reason': '$.reject.reason',
        'reject_detail': '$.reject.detail',
        'reject_created_at': '$.reject.created_at',
        'reject_last_event_at': '$.reject.last_event_at',
        'reject_expires_at': '$.reject.expires_at',
        'reject_is_expired': '$.reject.expired',
        'reject_subaccount': '$.reject.subaccount',
        'entry_email': '$.entry.email',
        'entry_detail': '$.entry.detail',
        'entry_created_at': '$.entry.created_at',
        'custom_id': '$.msg.metadata."' ~ var('external_id_keys')['mandrill'] ~ '"',
    }) }}

),

named as (

    select
        *,
        -- Both names of a list are documented.
        case lower(trim(coalesce(nullif(trim(event_text), ''), sync_type)))
            when 'denylist' then 'blacklist'
            when 'safelist' then 'whitelist'
            else lower(trim(coalesce(nullif(trim(event_text), ''), sync_type)))
        end as provider_event,
        coalesce(message_email, reject_email, entry_email) as email,
        coalesce(message_subaccount, reject_subaccount) as subaccount,
        coalesce(reject_created_at, entry_created_at) as listed_at,
        {{ word_of('reject_reason') }} as reject_word,
        -- An entry that ran out is nobody's act, whatever is reported of it.
        case when {{ parse_boolean('reject_is_expired') }} then 'expired' else {{ word_of('sync_action') }} end as action_word
    from fields

),

events as (

    select
        *,
        case
            when provider_event in ('blacklist', 'whitelist') then coalesce(action_word || '/' || reject_word, action_word)
        end as provider_subtype,
        -- A renewal is another act than the entry's first.
        case when action_word = 'change' then reject_last_event_at end as renewed_at,
        case when coalesce(action_word, '') <> 'change' then listed_at end as made_at
    from named

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
    provider_subtype,
    -- The id is the message's and the same on all its events; an entry of a list is known by the time that it was made or renewed.
    {{ key_of([
        'provider_event', 'coalesce(event_message_id, message_id)', 'lower(trim(email))', 'url', 'ip', 'provider_subtype', 'subaccount',
        'reject_expires_at', event_instant(first_time(['renewed_at', 'event_time', 'made_at'])),
    ]) }} as event_key,
    'email' as channel,
    custom_id as external_id_raw,
    -- An inbound message names our own address.
    case when provider_event <> 'inbound' then email end as email_raw,
    cast(null as {{ dbt.type_string() }}) as phone_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_type,
    cast(null as {{ dbt.type_string() }}) as platform_id,
    coalesce(provider_event <> 'inbound', true) as has_recipient,
    subaccount as topic,
    coalesce(event_message_id, message_id) as message_id_raw,
    sender as sender_raw,
    cast(null as boolean) as trait_value,
    case
        when provider_event in ('blacklist', 'whitelist') then coalesce(nullif(reject_detail, ''), nullif(entry_detail, ''), reject_reason)
        else coalesce(nullif(bounce_description, ''), nullif(diagnosis, ''))
    end as reason,
    {{ word_of('bounce_description') }} as bounce_classification,
    diagnosis as bounce_code,
    cast(null as {{ dbt.type_string() }}) as source_of_change,
    false as is_machine,
    -- Lists often give no time of the change: that of a new entry is when it was made. An edited detail is told as a renewal, at a time
    -- of its own, too: what happened last is the act.
    {{ first_time(['renewed_at', 'event_time', "case when action_word = 'add' then made_at end"]) }} as happened_at_raw
from events
