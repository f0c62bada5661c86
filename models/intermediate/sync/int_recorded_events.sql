{{ config(materialized='view') }}

select event_id
from {{ ref('int_events_deduplicated') }}
where copy_day = {{ utc_literal('1970-01-01') }}

union all

select event_id
from {{ ref('int_traits') }}
where trait_value is not null
