{{
    config(
        materialized='incremental',
        incremental_strategy=replace_strategy(),
        unique_key='event_id',
        on_schema_change='fail',
        partition_by=by_month('copy_day'),
        cluster_by=['copy_day', 'event_id'],
        meta={'fed_by': 'events', 'merge_predicate': 'merges_copy_days'},
    )
}}

{%- set new = newly_loaded(watermark('loaded_at')) if is_incremental() %}

with

copies as {{ inlined() }} (

    select
        event_id,
        copy_day,
        delivery_id,
        position,
        landing_part,
        received_at,
        loaded_at as copy_loaded_at
    from {{ ref('int_events_unioned') }}
    where
        quarantine_reason is null
        and received_at <= {{ as_of() }}
        {%- if is_incremental() %}
        and {{ new }}
        {%- endif %}

),

{{ first_of_each('copies', 'event_id', copy_order(), 'earliest_copies') }},

{% if is_incremental() -%}
standing as (

    select * from {{ this }}
    where {{ in_copy_days(new) }}

),

compared as (

    select
        earliest_copies.*,
        standing.event_id is not null as is_correction,
        case
            when standing.replaced_since < standing.copy_loaded_at then standing.replaced_since
            else standing.copy_loaded_at
        end as replaced_since
    from earliest_copies
    left join standing
        on earliest_copies.event_id = standing.event_id
    where
        standing.event_id is null
        or earliest_copies.received_at < standing.received_at
        or (earliest_copies.received_at = standing.received_at and earliest_copies.delivery_id < standing.delivery_id)
        or (
            earliest_copies.received_at = standing.received_at
            and earliest_copies.delivery_id = standing.delivery_id
            and earliest_copies.position < standing.position
        )
        or (
            earliest_copies.received_at = standing.received_at
            and earliest_copies.delivery_id = standing.delivery_id
            and earliest_copies.position = standing.position
            and earliest_copies.landing_part < standing.landing_part
        )

)
{%- else -%}
-- Copies that earlier builds took: events may stand that were built of them.
earlier_copies as (

    select
        copies.event_id,
        min(copies.copy_loaded_at) as first_loaded_at
    from copies
    inner join repeated_keys
        on copies.event_id = repeated_keys.event_id
    group by copies.event_id

),

compared as (

    select
        earliest_copies.*,
        earlier_copies.event_id is not null as is_correction,
        earlier_copies.first_loaded_at as replaced_since
    from earliest_copies
    left join earlier_copies
        on
            earliest_copies.event_id = earlier_copies.event_id
            and earliest_copies.copy_loaded_at > earlier_copies.first_loaded_at

)
{%- endif %}

select
    event_id,
    copy_day,
    delivery_id,
    position,
    landing_part,
    received_at,
    copy_loaded_at,
    is_correction,
    replaced_since,
    {{ build_time() }} as loaded_at
from compared
