{{
    config(
        materialized='incremental',
        incremental_strategy=append_strategy(),
        on_schema_change='fail',
    )
}}

{%- set since = watermark('loaded_at') if is_incremental() %}

-- depends_on: {{ ref('int_events_unioned') }}
with

corrections as (

    select * from {{ ref('int_events_deduplicated') }}
    where
        is_correction
        {%- if is_incremental() %}
        and {{ in_copy_days(newly_loaded(since)) }}
        and loaded_at > {{ since }}
        {%- endif %}

)

select
    event_id,
    replaced_since,
    {{ build_time() }} as loaded_at
from corrections
