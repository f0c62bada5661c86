with

deliveries as (

    select
        delivery_id,
        source,
        received_at,
        {{ landing_part('webhook_deliveries', 'received_at') }},
        payload
    from {{ source('raw', 'webhook_deliveries') }}
    where source not in ('{{ var('sources') | join("', '") }}')

)

select
    delivery_id,
    source,
    received_at,
    landing_part,
    cast(0 as {{ type_int64() }}) as position,
    payload as element,
    'unknown source' as shape_error,
    cast(null as {{ dbt.type_string() }}) as provider_event,
    cast(null as {{ dbt.type_string() }}) as provider_subtype,
    cast(null as {{ dbt.type_string() }}) as event_key,
    cast(null as {{ dbt.type_string() }}) as channel,
    cast(null as {{ dbt.type_string() }}) as external_id_raw,
    cast(null as {{ dbt.type_string() }}) as email_raw,
    cast(null as {{ dbt.type_string() }}) as phone_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_raw,
    cast(null as {{ dbt.type_string() }}) as push_token_type,
    cast(null as {{ dbt.type_string() }}) as platform_id,
    false as has_recipient,
    cast(null as {{ dbt.type_string() }}) as topic,
    cast(null as {{ dbt.type_string() }}) as message_id_raw,
    cast(null as {{ dbt.type_string() }}) as sender_raw,
    cast(null as boolean) as trait_value,
    cast(null as {{ dbt.type_string() }}) as reason,
    cast(null as {{ dbt.type_string() }}) as bounce_classification,
    cast(null as {{ dbt.type_string() }}) as bounce_code,
    cast(null as {{ dbt.type_string() }}) as source_of_change,
    false as is_machine,
    cast(null as {{ dbt.type_string() }}) as happened_at_raw
from deliveries
