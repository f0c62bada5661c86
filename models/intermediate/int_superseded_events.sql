{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
    )
}}

with

corrections as (

    select
        event_id,
        delivery_id,
        position,
        received_at,
        taken_at
    from {{ ref('events') }}
    where
        is_correction
        {%- if is_incremental() %}
        and taken_at > (select coalesce(max(taken_at), {{ utc_literal('1970-01-01') }}) from {{ this }})
        {%- endif %}

),

copies as (

    select * from {{ ref('int_events__unioned') }}
    where quarantine_reason is null

)

select
    copies.event_id,
    copies.source,
    copies.channel,
    copies.event_type,
    copies.address,
    copies.external_id,
    copies.email,
    copies.phone,
    copies.push_token,
    copies.topic,
    copies.is_machine,
    copies.is_echo,
    corrections.taken_at
from corrections
inner join copies
    on
        corrections.event_id = copies.event_id
        and not (
            corrections.delivery_id = copies.delivery_id
            and corrections.position = copies.position
            and corrections.received_at = copies.received_at
        )
