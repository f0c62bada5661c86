{{
    config(
        materialized='incremental',
        incremental_strategy=replace_strategy(),
        unique_key='event_id',
        on_schema_change='fail',
        partition_by=by_day('loaded_at'),
        cluster_by=['channel', 'external_id'],
        meta={'fed_by': 'traits', 'merge_predicate': 'merges_corrections'},
    )
}}

{%- set since = watermark('loaded_at') if is_incremental() %}
with

corrections as (

    select event_id from {{ ref('int_events_corrected') }}
    {% if is_incremental() and replaced_since() -%}
    where
        {{ in_copy_days(newly_loaded(since)) }}
        and loaded_at > {{ since }}
    {%- else -%}
    where false
    {%- endif %}

),

events as (

    select * from {{ ref('events') }}
    {% if is_incremental() -%}
    where loaded_at > {{ since }}
    {%- endif %}

)

select
    event_id,
    channel,
    external_id,
    address,
    source,
    -- A correction may have made something else of a trait: null, so that what was built of it is gone.
    case when event_type = 'identify' then trait_value end as trait_value,
    effective_at,
    received_at,
    source_of_change,
    is_own,
    {{ build_time() }} as loaded_at
from events
where
    channel is not null
    and (
        (event_type = 'identify' and trait_value is not null)
        or event_id in (select corrections.event_id from corrections)
    )
