{{ config(materialized='view') }}

with

outcomes as (

    select * from {{ ref('int_ledger_outcomes') }}
    where {{ pushed_since(ref('int_ledger_latest')) }}

)

select
    run_id,
    delta_id,
    destination,
    channel,
    scope,
    subject,
    list_name,
    action,
    reason,
    event_id,
    event_timestamp,
    {{ outcome_class() }} as outcome_class,
    is_unsent,
    pushed_at
from outcomes
