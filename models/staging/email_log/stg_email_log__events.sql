with

email_sends as (

    select
        recipient_email,
        {{ time_text('send_date') }} as send_date,
        message_id,
        {{ landing_part('email_sends', 'send_date') }},
        {{ landed_at('send_date') }}
    from {{ source('raw', 'email_sends') }}

),

email_opens as (

    select
        id,
        recipient_email,
        {{ time_text('open_date') }} as open_date,
        {{ landing_part('email_opens', 'open_date') }},
        {{ landed_at('open_date') }}
    from {{ source('raw', 'email_opens') }}

),

sends as (

    select
        'sent' as provider_event,
        recipient_email,
        send_date as event_time,
        coalesce(recipient_email, send_date, message_id) is null as is_unreadable,
        -- A message to many is one send each; without an id the time tells sends apart.
        {{ key_of(["'sent'", 'lower(trim(recipient_email))', "coalesce(nullif(message_id, ''), send_date)"]) }} as event_key,
        message_id,
        {{ json_row(['recipient_email', 'send_date', 'message_id']) }} as element,
        landing_part,
        landed_at
    from email_sends

),

opens as (

    select
        'opened' as provider_event,
        recipient_email,
        open_date as event_time,
        coalesce(id, recipient_email, open_date) is null as is_unreadable,
        case
            when id <> '' then 'opened|' || id
            else {{ key_of(["'opened'", 'lower(trim(recipient_email))', 'open_date']) }}
        end as event_key,
        cast(null as {{ dbt.type_string() }}) as message_id,
        {{ json_row(['id', 'recipient_email', 'open_date']) }} as element,
        landing_part,
        landed_at
    from email_opens

),

log_rows as (

    select
        provider_event,
        recipient_email,
        event_time,
        is_unreadable,
        event_key,
        message_id,
        element,
        landing_part,
        landed_at
    from sends
    union all
    select
        provider_event,
        recipient_email,
        event_time,
        is_unreadable,
        event_key,
        message_id,
        element,
        landing_part,
        landed_at
    from opens

)

select
    -- A log has no deliveries: the line stands for one.
    case when not is_unreadable then event_key end as delivery_id,
    'email_log' as source,
    {{ parse_time('event_time') }} as received_at,
    landing_part,
    landed_at,
    cast(0 as {{ type_int64() }}) as position,
    element,
    cast(null as {{ dbt.type_string() }}) as shape_error,
    provider_event,
    cast(null as {{ dbt.type_string() }}) as provider_subtype,
    event_key,
    'email' as channel,
    cast(null as {{ dbt.type_string() }}) as external_id_raw,
    recipient_email as email_raw,
    cast(null as {{ dbt.type_string() }}) as phone_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_type,
    cast(null as {{ dbt.type_string() }}) as platform_id,
    true as has_recipient,
    cast(null as {{ dbt.type_string() }}) as topic,
    message_id as message_id_raw,
    cast(null as {{ dbt.type_string() }}) as sender_raw,
    cast(null as boolean) as trait_value,
    cast(null as {{ dbt.type_string() }}) as reason,
    cast(null as {{ dbt.type_string() }}) as bounce_classification,
    cast(null as {{ dbt.type_string() }}) as bounce_code,
    cast(null as {{ dbt.type_string() }}) as source_of_change,
    false as is_machine,
    event_time as happened_at_raw
from log_rows
