{#- What Segment's calls say; Twilio Engage sends the same. platform: the source whose deliveries are read. -#}
{% macro segment_events(platform) -%}
{%- set named_sources = var('segment_consent_sources') -%}
{#- dbt parses without the vars of a run: it has to know of the mapping whether they name sources or not. -#}
{%- if not execute %}{% do ref('provider_events') %}{% endif -%}
{%- set traits = trait_names(platform) %}
{%- set subscription = "case when starts_with(facet, '{') then facet end" -%}

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

    {{ json_elements('deliveries', 'payload', shape='any') }}

),

fields as (

    {{ json_fields('elements', 'element', dict(trait_paths(traits, '$.traits'), **{
        'call_type': '$.type',
        'track_name': '$.event',
        'message_id': '$.messageId',
        'project_id': '$.projectId',
        'forwarded_from': '$.context.protocols.sourceId',
        'user_id': '$.userId',
        'anonymous_id': '$.anonymousId',
        'call_time': '$.timestamp',
        'original_time': '$.originalTimestamp',
        'segment_time': '$.receivedAt',
        'property_email': '$.properties.email',
        'context_email': '$.context.traits.email',
        'trait_email': '$.traits.email',
        'property_phone': '$.properties.phone',
        'context_phone': '$.context.traits.phone',
        'trait_phone': '$.traits.phone',
        'device_token': '$.context.device.token',
        'device_type': '$.context.device.type',
        'preference_channel': '$.properties.channel',
        'preference_status': '$.properties.new_status',
        'permission': '$.properties.enabled',
        'act_time': '$.properties.timestamp',
        'act_source': '$.properties.source_of_change',
        'call_source': '$.context.source_of_change',
        'act_reason': '$.properties.reason',
        'group_id': '$.properties.group_id',
        'list_id': '$.properties.list_id',
        'subscriptions': '$.context.messaging_subscriptions',
    }), arrays=['subscriptions', 'preference_channel']) }}

),

calls as (

    select
        *,
        case when call_type is null and track_name is not null then 'track' else lower(trim(call_type)) end as kind,
        lower(trim(track_name)) as track,
        coalesce(nullif(trim(property_email), ''), nullif(trim(context_email), ''), nullif(trim(trait_email), '')) as email,
        coalesce(nullif(trim(property_phone), ''), nullif(trim(context_phone), ''), nullif(trim(trait_phone), '')) as phone,
        nullif(trim(device_token), '') as push_token,
        {{ normalize_external_id('user_id') }} is not null as names_user,
        {{ trait_of_channel(traits, 'email') }} as email_trait,
        {{ trait_of_channel(traits, 'sms') }} as sms_trait,
        {{ trait_of_channel(traits, 'push') }} as push_trait,
        {{ trait_of_channel(traits, 'all') }} as trait_of_all,
        -- A channel is spelled in any way, and there may be several.
        {{ regex_replace("lower(' ' || substr(preference_channel, 1, 100) || ' ')", '[^a-z*]+', ' ') }} as channel_words
    from fields

),

track_names as (

    select
        lower(trim(name)) as name,
        channel
    from {{ ref('track_names') }}
    where source = '{{ platform }}'

),

-- Every other track is about something else and names no recipient, whatever address it carries.
named as (

    select
        calls.*,
        track_names.channel as track_channel
    from calls
    left join track_names
        on calls.kind = 'track' and calls.track = track_names.name

),

judged as (

    select
        *,
        coalesce(kind = 'track' and track = 'marketing preference updated', false) as is_preference,
        -- It decides about channels, each of which has a row.
        coalesce(kind = 'track' and (track = 'marketing preference updated' or track_channel = 'all'), false) as is_choice,
        coalesce(track_channel = 'all' or channel_words in (' all ', ' all channels ', ' * '), false) as is_all_channels,
        {{ regex_is('channel_words', '.*email.*|.* e mail .*| mail ') }} as says_email,
        {{ regex_is('channel_words', '.*(sms| mms | rcs | txt | texts? | text ?messag).*') }} as says_sms,
        {{ regex_is('channel_words', '.*push.*') }} as says_push,
        {{ trait_here('email_trait', 'trait_of_all', '(names_user or email is not null)') }} as email_is_subscribed,
        {{ trait_here('sms_trait', 'trait_of_all', '(names_user or phone is not null)') }} as sms_is_subscribed,
        {{ trait_here('push_trait', 'trait_of_all', '(names_user or push_token is not null)') }} as push_is_subscribed
    from named

),

-- The channels that a call decides about: a preference for all channels those that it names an address of, or every one of a user.
decided as (

    select
        *,
        case
            when kind = 'identify' then email_is_subscribed is not null
            when is_choice then (is_preference and says_email) or (is_all_channels and (names_user or email is not null))
        end as is_about_email,
        case
            when kind = 'identify' then sms_is_subscribed is not null
            when is_choice then (is_preference and says_sms) or (is_all_channels and (names_user or phone is not null))
        end as is_about_sms,
        case
            when kind = 'identify' then push_is_subscribed is not null
            when is_choice then (is_preference and says_push) or (is_all_channels and (names_user or push_token is not null))
        end as is_about_push
    from judged

),

-- The rows of a call: `call` for itself, a channel for what it decides there, the JSON text of each subscription that rides on it.
facets as (

    select
        *,
        array_concat(
            [
                case when is_choice and (is_about_email or is_about_sms or is_about_push) then null else 'call' end,
                case when is_about_email then 'email' end,
                case when is_about_sms then 'sms' end,
                case when is_about_push then 'push' end
            ],
            coalesce({{ json_array('subscriptions') }}, [])
        ) as call_facets
    from decided

),

exploded as (

    {{ explode('facets', 'call_facets', 'facet') }}

),

rows_of_calls as (

    select
        *,
        starts_with(facet, '{') as is_subscription,
        {{ json_text(subscription, '$.key') }} as subscription_key,
        lower(trim({{ json_text(subscription, '$.type') }})) as subscription_type,
        {{ regex_replace(word_of(json_text(subscription, '$.status')), '[ -]+', '_') }} as subscription_status
    from exploded

),

events as (

    select
        *,
        case
            when is_subscription then subscription_type
            when facet in ('email', 'sms', 'push') then facet
            when not is_choice then track_channel
        end as channel,
        -- Other calls may carry a friend's address, or none.
        coalesce(kind = 'identify' or is_preference or track_channel is not null, false) as names_recipient,
        {{ regex_replace(word_of('preference_status'), '[ -]+', '_') }} as preference_word,
        coalesce(nullif(message_id, ''), {{ key_of([
            'kind', 'track', 'user_id', 'anonymous_id', 'email', 'phone', 'push_token', 'channel_words', 'preference_status',
            'permission', event_instant('coalesce(call_time, original_time)'),
        ]) }}) as call_key
    from rows_of_calls
    where facet in ('call', 'email', 'sms', 'push') or (is_subscription and subscription_type in ('email', 'sms'))

),

worded as (

    select
        *,
        case
            when is_subscription then 'messaging_subscriptions'
            when kind = 'track' and names_recipient then track
            else kind
        end as provider_event,
        case
            when is_subscription then subscription_status
            when kind = 'identify' and facet = 'email' then 'email_subscribed_status'
            when kind = 'identify' and facet = 'sms' then 'sms_subscribed_status'
            when kind = 'identify' and facet = 'push' then 'push_notification_enabled'
            when is_preference and facet = 'call' then 'unknown channel'
            when is_preference then coalesce({{ boolean_word('preference_status') }}, preference_word)
            when track = 'push notification permission changed' then coalesce({{ boolean_word('permission') }}, {{ word_of('permission') }})
            when kind = 'track' and not names_recipient then {{ word_of('track') }}
        end as provider_subtype
    from events

),

{% if named_sources -%}
provider_events as (

    select * from {{ ref('provider_events') }}

),

-- A website's write key is public: an opt-in counts from the sources that are named, an opt-out from any.
believed as (

    select
        worded.*,
        coalesce(
            coalesce(exact.event_type, by_part.event_type, by_event.event_type) in ('subscribe', 'topic_subscribe')
            and not (
                coalesce(project_id in ('{{ named_sources | join("', '") }}'), false)
                -- What Protocols blocked at another source and passed on.
                and coalesce(forwarded_from in ('{{ named_sources | join("', '") }}'), true)
            ),
            false
        ) as is_doubted
    from worded
    {{ join_provider_events('worded') }}

)
{%- else -%}
believed as (

    select
        *,
        false as is_doubted
    from worded

)
{%- endif %}

select
    delivery_id,
    source,
    received_at,
    landing_part,
    position,
    element,
    case
        when shape_error is not null then shape_error
        when {{ is_word("case kind when 'track' then track else kind end") }} then null
        else 'wrong shape'
    end as shape_error,
    -- No row of the mapping knows it: it is `other`, and contact-sync status counts it.
    case when is_doubted then 'opt-in of an unnamed source' else provider_event end as provider_event,
    case when is_doubted then provider_event else provider_subtype end as provider_subtype,
    case
        when is_subscription
            then {{ key_of(['call_key', "'messaging_subscriptions'", 'subscription_key', 'subscription_status']) }}
        else call_key
    end as event_key,
    channel,
    user_id as external_id_raw,
    case
        when is_subscription then case when channel = 'email' then subscription_key end
        when names_recipient then email
    end as email_raw,
    case
        when is_subscription then case when channel = 'sms' then subscription_key end
        when names_recipient then phone
    end as phone_raw,
    -- A user's preference is the user's on all devices; only a permission is one device's.
    case when names_recipient and not is_subscription and not (is_choice and names_user) then push_token end as push_token_raw,
    case when names_recipient and not is_subscription and not (is_choice and names_user) then device_type end as push_token_type,
    cast(null as {{ dbt.type_string() }}) as platform_id,
    case
        when is_subscription then coalesce(subscription_status in ('subscribed', 'unsubscribed'), false)
        when is_choice then facet <> 'call' or is_all_channels
        else names_recipient
    end as has_recipient,
    case
        when track in ('email group unsubscribed', 'email group subscribed') then group_id
        when channel = 'email' then list_id
    end as topic,
    cast(null as {{ dbt.type_string() }}) as message_id_raw,
    cast(null as {{ dbt.type_string() }}) as sender_raw,
    case
        when is_subscription and subscription_status = 'subscribed' then true
        when is_subscription and subscription_status = 'unsubscribed' then false
        when kind = 'identify' and facet = 'email' then email_is_subscribed
        when kind = 'identify' and facet = 'sms' then sms_is_subscribed
        when kind = 'identify' and facet = 'push' then push_is_subscribed
    end as trait_value,
    act_reason as reason,
    cast(null as {{ dbt.type_string() }}) as bounce_classification,
    cast(null as {{ dbt.type_string() }}) as bounce_code,
    coalesce(act_source, call_source) as source_of_change,
    coalesce(track = 'email machine opened', false) as is_machine,
    -- The act's own time, where the call has one that can be read: a late call about an old act is an old act.
    {{ first_time([
        "case when kind = 'track' and names_recipient and not is_subscription then act_time end", 'call_time', 'original_time', 'segment_time',
    ]) }} as happened_at_raw
from believed
{%- endmacro %}
