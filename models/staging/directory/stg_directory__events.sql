with

contacts as (

    select
        external_id,
        email,
        phone,
        push_token,
        {{ time_text('updated_at') }} as updated_at,
        {{ landing_part('contacts', 'updated_at') }},
        {{ landed_at('updated_at') }}
    from {{ source('raw', 'contacts') }}

),

directory_rows as (

    select
        *,
        coalesce(external_id, email, phone, push_token, updated_at) is null as is_unreadable,
        {{ key_of(['external_id', 'email', 'phone', 'push_token', 'updated_at']) }} as event_key
    from contacts

)

select
    -- A directory has no deliveries: the row stands for one.
    case when not is_unreadable then event_key end as delivery_id,
    'directory' as source,
    -- A row without a time was always so.
    coalesce({{ parse_time('updated_at') }}, {{ utc_literal(var('earliest_event')) }}) as received_at,
    landing_part,
    landed_at,
    cast(0 as {{ type_int64() }}) as position,
    {{ json_row(['external_id', 'email', 'phone', 'push_token', 'updated_at']) }} as element,
    cast(null as {{ dbt.type_string() }}) as shape_error,
    'contact' as provider_event,
    cast(null as {{ dbt.type_string() }}) as provider_subtype,
    event_key,
    cast(null as {{ dbt.type_string() }}) as channel,
    external_id as external_id_raw,
    email as email_raw,
    phone as phone_raw,
    push_token as push_token_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_type,
    cast(null as {{ dbt.type_string() }}) as platform_id,
    true as has_recipient,
    cast(null as {{ dbt.type_string() }}) as topic,
    cast(null as {{ dbt.type_string() }}) as message_id_raw,
    cast(null as {{ dbt.type_string() }}) as sender_raw,
    cast(null as boolean) as trait_value,
    cast(null as {{ dbt.type_string() }}) as reason,
    cast(null as {{ dbt.type_string() }}) as bounce_classification,
    cast(null as {{ dbt.type_string() }}) as bounce_code,
    cast(null as {{ dbt.type_string() }}) as source_of_change,
    false as is_machine,
    updated_at as happened_at_raw
from directory_rows
