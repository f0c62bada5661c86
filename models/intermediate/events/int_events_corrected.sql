{{
    config(
        materialized='incremental',
        incremental_strategy=append_strategy(),
        on_schema_change='fail',
    )
}}

{%- set since = watermark('taken_at') if is_incremental() %}

-- depends_on: {{ ref('int_events_unioned') }}
with

corrections as (

    select * from {{ ref('int_events_deduplicated') }}
    where
        is_correction
        {%- if is_incremental() %}
        and {{ in_copy_days(newly_taken(since)) }}
        and taken_at > {{ since }}
        {%- endif %}

)

select
    event_id,
    replaced_since,
    {{ taken_now() }} as taken_at
from corrections
