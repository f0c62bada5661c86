{{ config(materialized='view') }}

with

deltas as (

    select * from {{ ref('int_deltas') }}

),

-- What a platform has by now, will never take, or did not have when asked within the last seven days.
settled as (

    select
        destination,
        delta_id
    from {{ ref('int_ledger_latest') }}
    where
        outcome_class = 'rejected'
        or (outcome_class = 'absent' and pushed_at > {{ timestamp_plus(utc_now(), -7, 'day') }})

    union all

    select
        destination,
        delta_id
    from {{ ref('int_ledger_recent') }}
    where
        outcome_class in ('known', 'rejected')
        or (outcome_class = 'absent' and pushed_at > {{ timestamp_plus(utc_now(), -7, 'day') }})

)

select
    deltas.delta_id,
    deltas.destination,
    deltas.channel,
    deltas.scope,
    deltas.address,
    deltas.contact_id,
    deltas.external_id,
    deltas.email,
    deltas.phone,
    deltas.push_token_type,
    deltas.action,
    deltas.reason,
    deltas.event_id,
    deltas.event_timestamp,
    deltas.priority,
    deltas.kept_topics,
    deltas.traits,
    deltas.suppressed_at
from deltas
left join settled
    on
        deltas.destination = settled.destination
        and deltas.delta_id = settled.delta_id
where settled.delta_id is null
