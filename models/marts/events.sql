{{
    config(
        materialized='incremental',
        incremental_strategy=replace_strategy(),
        unique_key='event_id',
        on_schema_change='fail',
        partition_by=by_day('taken_at'),
        cluster_by=['channel', 'event_type', 'address'] if target.type == 'bigquery' else none,
    )
}}

with

copies as (

    select * from {{ ref('int_events__unioned') }}
    where
        quarantine_reason is null
        and received_at <= {{ as_of() }}
        {%- if is_incremental() %}
        and (taken_at > (select coalesce(max(taken_at), {{ utc_literal('1970-01-01') }}) from {{ this }}) or was_hidden)
        {%- endif %}

),

earliest_copies as (

    select *
    from copies
    where true
    qualify row_number() over (partition by event_id order by received_at, delivery_id, position) = 1

)

{% if is_incremental() -%}
,

standing_copies as (

    select
        earliest_copies.*,
        existing.event_id is not null as is_correction
    from earliest_copies
    left join {{ this }} as existing
        on earliest_copies.event_id = existing.event_id
    where
        existing.event_id is null
        or earliest_copies.received_at < existing.received_at
        or (earliest_copies.received_at = existing.received_at and earliest_copies.delivery_id < existing.delivery_id)
        or (
            earliest_copies.received_at = existing.received_at
            and earliest_copies.delivery_id = existing.delivery_id
            and earliest_copies.position < existing.position
        )

)
{%- endif %}

select
    event_id,
    delivery_id,
    position,
    source,
    channel,
    event_type,
    provider_event,
    address,
    external_id,
    email,
    phone,
    push_token,
    push_token_type,
    topic,
    trait_value,
    reason,
    source_of_change,
    is_machine,
    is_echo,
    false as is_own,
    event_timestamp,
    effective_at,
    received_at,
    {{ taken_now() }} as taken_at,
    {{ 'is_correction' if is_incremental() else 'false as is_correction' }}
from {{ 'standing_copies' if is_incremental() else 'earliest_copies' }}
