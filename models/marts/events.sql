{{
    config(
        materialized='incremental',
        incremental_strategy=replace_strategy(),
        unique_key='event_id',
        on_schema_change='fail',
        partition_by=by_day('taken_at'),
        cluster_by=['taken_at', 'channel', 'event_type', 'address'] if target.type == 'bigquery' else none,
        meta={'merge_predicate': 'merges_corrections'},
    )
}}

{%- set since = watermark('taken_at') if is_incremental() %}
{%- set new = newly_taken(since) if is_incremental() %}
-- depends_on: {{ ref('int_standing_copies') }}
with

copies as (

    select * from {{ ref('int_events__unioned') }}
    where
        quarantine_reason is null
        and received_at <= {{ as_of() }}
        {%- if is_incremental() %}
        and {{ new }}
        {%- endif %}

),

{% if is_incremental() -%}
standing_copies as (

    select * from {{ ref('int_standing_copies') }}
    where
        {{ in_copy_days(new) }}
        and taken_at > {{ since }}

),

candidates as (

    select
        copies.*,
        standing_copies.is_correction,
        standing_copies.replaced_since
    from copies
    inner join standing_copies
        on
            copies.event_id = standing_copies.event_id
            and copies.delivery_id = standing_copies.delivery_id
            and copies.position = standing_copies.position
            and copies.received_at = standing_copies.received_at
            and copies.landing_part = standing_copies.landing_part

),
{%- else -%}
candidates as (

    select
        *,
        false as is_correction,
        cast(null as {{ dbt.type_timestamp() }}) as replaced_since
    from copies

),
{%- endif %}

{{ first_of_each('candidates', 'event_id', copy_order(), 'earliest_copies') }}

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
    is_correction,
    replaced_since
from earliest_copies
