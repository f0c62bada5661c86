{{ config(materialized='view') }}

with

copies as (

    select * from {{ ref('int_events_deduplicated') }}

)

select
    event_id,
    copy_day,
    replaced_since,
    loaded_at
from copies
where is_correction
