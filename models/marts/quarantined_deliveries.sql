{{
    config(
        materialized='incremental',
        incremental_strategy=replace_strategy(),
        unique_key='quarantine_id',
        on_schema_change='fail',
        meta={'fed_by': 'quarantine'},
    )
}}

with

quarantined as (

    select * from {{ ref('int_events_unioned') }}
    where
        quarantine_reason is not null
        and coalesce(received_at <= {{ as_of() }}, true)
        {%- if is_incremental() %}
        and {{ newly_loaded(watermark('loaded_at')) }}
        {%- endif %}

),

numbered as (

    -- Lines that cannot be read have nothing of their own to be told apart by.
    select
        *,
        row_number() over (
            partition by landing_part, delivery_id, position, quarantine_reason
            order by loaded_at, received_at, element
        ) as occurrence
    from quarantined

)

select
    {{ surrogate_key(['landing_part', 'delivery_id', 'position', 'channel', 'quarantine_reason', 'occurrence']) }} as quarantine_id,
    delivery_id,
    source,
    received_at,
    position,
    quarantine_reason as reason,
    element as payload,
    loaded_at
from numbered
