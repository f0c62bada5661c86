{%- set traits = trait_names('mparticle') %}

with

deliveries as (

    select
        delivery_id,
        source,
        received_at,
        {{ landing_part('webhook_deliveries', 'received_at') }},
        payload
    from {{ source('raw', 'webhook_deliveries') }}
    where source = 'mparticle'

),

elements as (

    {{ json_elements('deliveries', 'payload', shape='any', list='events') }}

),

fields as (

    {{ json_fields('elements', 'element', {
        'event_type': '$.event_type',
        'event_name': '$.data.event_name',
        'source_message_id': '$.data.source_message_id',
        'mparticle_event_id': '$.data.event_id',
        'event_time': '$.data.timestamp_unixtime_ms',
        'preference_channel': '$.data.custom_attributes.channel',
        'preference_status': '$.data.custom_attributes.new_status',
        'act_time': '$.data.custom_attributes.timestamp',
        'act_source': '$.data.custom_attributes.source_of_change',
        'act_reason': '$.data.custom_attributes.reason',
        'is_registering': '$.data.register',
        'registration_token': '$.data.registration_token',
    }) }}

),

{# A batch is one person's: who it is and what they agreed to stands beside its events. Identities are a list, or a map. -#}
{% set paths = {
    'batch_id': '$.batch_id', 'batch_time': '$.timestamp_unixtime_ms', 'map_customer_id': '$.user_identities.customer_id',
    'map_email': '$.user_identities.email', 'map_phone': '$.user_identities.mobile_number', 'map_phone_2': '$.user_identities.phone_number_2', 'mpid': '$.mpid', 'schema_version': '$.schema_version',
} -%}
{%- for number in range(24) -%}
    {%- do paths.update({
        'kind_' ~ number: '$.user_identities[' ~ number ~ '].identity_type', 'identity_' ~ number: '$.user_identities[' ~ number ~ '].identity',
    }) -%}
{%- endfor -%}
{%- for channel, purpose in var('consent_purposes').items() -%}
    {%- do paths.update({
        channel ~ '_consent': '$.consent_state.gdpr."' ~ purpose ~ '".consented',
        channel ~ '_consent_time': '$.consent_state.gdpr."' ~ purpose ~ '".timestamp_unixtime_ms',
    }) -%}
{%- endfor -%}

{% set people = {
    'customer_id': ['customer_id', 'customerid'], 'email': ['email'], 'phone': ['mobile_number', 'phone_number_2'],
} -%}

{%- do paths.update(trait_paths(traits, '$.user_attributes')) %}

batches as (

    {{ json_fields('fields', 'payload', paths) }}

),

people as (

    select
        *,
        {% for name, kinds in people.items() -%}
        coalesce(
            map_{{ name }},
            {%- if name == 'phone' %} map_phone_2,{% endif %}
            {% for number in range(24) -%}
            case
                when kind_{{ number }} in ('{{ kinds | join("', '") }}')
                    then identity_{{ number }}
            end{{ ',' if not loop.last }}
            {% endfor -%}
        ) as {{ name }},
        {% endfor -%}
        lower(trim(event_type)) as kind,
        lower(trim(event_name)) as name,
        coalesce(batch_id, mpid, schema_version) is not null as is_batch,
        {{ trait_of_channel(traits, 'email') }} as email_trait,
        {{ trait_of_channel(traits, 'sms') }} as sms_trait,
        {{ trait_of_channel(traits, 'push') }} as push_trait,
        {{ trait_of_channel(traits, 'all') }} as trait_of_all,
        {{ regex_replace("lower(' ' || substr(preference_channel, 1, 100) || ' ')", '[^a-z*]+', ' ') }} as channel_words
    from batches

),

track_names as (

    select
        lower(trim(name)) as track,
        channel as track_channel
    from {{ ref('track_names') }}
    where source = 'mparticle'

),

named as (

    select *
    from people
    left join track_names
        on people.kind = 'custom_event' and people.name = track_names.track

),

judged as (

    select
        *,
        -- It decides about channels, each of which has a row.
        coalesce(kind = 'custom_event' and (name = 'marketing preference updated' or track is not null), false) as is_preference,
        coalesce(
            track_channel = 'all' or (track is null and channel_words in (' all ', ' all channels ', ' * ')), false
        ) as is_all_channels,
        case
            when track is not null then track_channel = 'email'
            else coalesce({{ regex_is('channel_words', '.*email.*|.* e mail .*| mail ') }}, false)
        end as says_email,
        case
            when track is not null then track_channel = 'sms'
            else coalesce({{ regex_is('channel_words', '.*(sms| mms | rcs | txt | texts? | text ?messag).*') }}, false)
        end as says_sms,
        case
            when track is not null then track_channel = 'push'
            else coalesce({{ regex_is('channel_words', '.*push.*') }}, false)
        end as says_push,
        {{ trait_here('email_trait', 'trait_of_all', '(customer_id is not null or email is not null)') }} as email_is_subscribed,
        {{ trait_here('sms_trait', 'trait_of_all', '(customer_id is not null or phone is not null)') }} as sms_is_subscribed,
        {{ trait_here('push_trait', 'trait_of_all', 'customer_id is not null') }} as push_is_subscribed
    from named

),

-- The rows of an event: `call` for itself or a channel that it decides about; with the first event of a batch also `person`, who it
-- is about, and per channel the consent that the batch repeats.
facets as (

    select
        *,
        [
            case when (kind is not null or position > 0) and not is_preference then 'call' end,
            case when is_preference and (is_all_channels or says_email) then 'email' end,
            case when is_preference and (is_all_channels or says_sms) then 'sms' end,
            case when is_preference and (is_all_channels or says_push) then 'push' end,
            case when is_preference and not (is_all_channels or says_email or says_sms or says_push) then 'call' end,
            case when position = 0 then 'person' end,
            {% for channel in ['email', 'sms', 'push'] -%}
            case when position = 0 and {{ channel }}_is_subscribed is not null then 'trait_{{ channel }}' end,
            {% endfor -%}
            {% for channel in var('consent_purposes') -%}
            case when position = 0 and {{ channel }}_consent is not null then 'consent_{{ channel }}' end{{ ',' if not loop.last }}
            {% endfor -%}
        ] as event_facets
    from judged

),

exploded as (

    {{ explode('facets', 'event_facets', 'facet') }}

),

events as (

    select
        *,
        starts_with(facet, 'consent_') as is_consent,
        starts_with(facet, 'trait_') as is_trait,
        case
            when starts_with(facet, 'consent_') then substr(facet, 9)
            when starts_with(facet, 'trait_') then substr(facet, 7)
            when facet in ('email', 'sms', 'push') then facet
            when facet = 'call' and kind = 'push_registration' then 'push'
        end as channel,
        case facet
            {% for channel in ['email', 'sms', 'push'] -%}
            when 'trait_{{ channel }}' then {{ channel }}_is_subscribed
            {% endfor -%}
            {% for channel in var('consent_purposes') -%}
            when 'consent_{{ channel }}' then {{ parse_boolean(channel ~ '_consent') }}
            {% endfor -%}
        end as consented,
        case facet
            {% for channel in var('consent_purposes') -%}
            when 'consent_{{ channel }}' then {{ channel }}_consent_time
            {% endfor -%}
            when 'person' then batch_time
            {% for channel in ['email', 'sms', 'push'] -%}
            when 'trait_{{ channel }}' then batch_time
            {% endfor -%}
            -- A late report of an old preference is an old preference.
            else {{ first_time(['case when is_preference then act_time end', 'event_time', 'batch_time']) }}
        end as happened_at,
        coalesce(
            nullif(source_message_id, ''), nullif(mparticle_event_id, ''),
            {{ key_of(['batch_id', 'cast(position as ' ~ dbt.type_string() ~ ')', 'name']) }}
        ) as call_key
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
        -- A batch without events says who somebody is.
        when shape_error = 'empty' and is_batch then null
        when shape_error is not null then shape_error
        when is_batch or {{ is_word('kind') }} or customer_id is not null then null
        else 'wrong shape'
    end as shape_error,
    case
        when facet = 'person' or is_trait then 'identify'
        when is_consent then 'consent_state'
        when is_preference then name
        else kind
    end as provider_event,
    case
        when facet = 'person' then null
        when is_trait then channel
        when is_consent then case when consented then 'true' when not consented then 'false' end
        when is_preference and facet = 'call' then 'unknown channel'
        when is_preference then coalesce(
            {{ boolean_word('preference_status') }}, {{ regex_replace(word_of('preference_status'), '[ -]+', '_') }}
        )
        when kind = 'push_registration' then {{ boolean_word('is_registering') }}
        when kind = 'custom_event' then {{ word_of('name') }}
    end as provider_subtype,
    case
        when facet = 'person' then {{ key_of([
            "'person'", 'customer_id', 'lower(trim(email))', 'phone', event_instant('coalesce(batch_id, batch_time)'),
        ]) }}
        when is_consent or is_trait then {{ key_of([
            'facet', 'customer_id', 'lower(trim(email))', 'phone', 'cast(consented as ' ~ dbt.type_string() ~ ')',
            event_instant('happened_at'),
        ]) }}
        else call_key
    end as event_key,
    channel,
    customer_id as external_id_raw,
    email as email_raw,
    phone as phone_raw,
    case when kind = 'push_registration' and facet = 'call' then registration_token end as push_token_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_type,
    cast(null as {{ dbt.type_string() }}) as platform_id,
    coalesce(facet = 'person' or channel is not null, false) as has_recipient,
    cast(null as {{ dbt.type_string() }}) as topic,
    cast(null as {{ dbt.type_string() }}) as message_id_raw,
    cast(null as {{ dbt.type_string() }}) as sender_raw,
    consented as trait_value,
    act_reason as reason,
    cast(null as {{ dbt.type_string() }}) as bounce_classification,
    cast(null as {{ dbt.type_string() }}) as bounce_code,
    act_source as source_of_change,
    false as is_machine,
    happened_at as happened_at_raw
from events
