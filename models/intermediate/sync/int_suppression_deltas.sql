{{ config(materialized='view') }}

with

suppressions as (

    select * from {{ ref('int_missing_suppressions') }}

),

releases as (

    select * from {{ ref('int_releases') }}

)

select
    destination,
    channel,
    scope,
    address,
    contact_id,
    external_id,
    'suppress' as action,
    reason,
    event_id,
    event_timestamp,
    priority,
    known_run_id,
    known_delta_id,
    cast(null as {{ dbt.type_timestamp() }}) as suppressed_at,
    cast(null as {{ dbt.type_string() }}) as kept_topics
from suppressions

union all

select
    destination,
    channel,
    scope,
    address,
    contact_id,
    external_id,
    'release' as action,
    reason,
    event_id,
    event_timestamp,
    priority,
    known_run_id,
    known_delta_id,
    suppressed_at,
    kept_topics
from releases
