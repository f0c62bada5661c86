{{ config(materialized='view') }}

with

unconfirmed as {{ inlined() }} (

    select * from {{ ref('int_ledger_unconfirmed') }}

),

refused_deltas as (

    select
        destination,
        delta_id,
        max(pushed_at) as refused_at
    from unconfirmed
    where outcome_class in ('rejected', 'absent')
    group by destination, delta_id

),

absent_keys as (

    select
        {{ ledger_key() | join(',\n        ') }},
        max(pushed_at) as absent_at
    from unconfirmed
    where outcome_class = 'absent'
    group by {{ ledger_key() | join(', ') }}

),

-- Of whom was forgotten nothing is sent any more.
attempts as (

    select * from unconfirmed
    where
        outcome_class = 'attempted'
        and subject not like 'forgotten-%'

),

-- A platform that took none of it, or had nobody of that name since, has nothing of it.
open_attempts as (

    select attempts.*
    from attempts
    left join refused_deltas
        on
            attempts.destination = refused_deltas.destination
            and attempts.delta_id = refused_deltas.delta_id
            and attempts.pushed_at <= refused_deltas.refused_at
    left join absent_keys
        on
            {{ same_key('attempts', 'absent_keys') | indent(12) }}
            and attempts.pushed_at <= absent_keys.absent_at
    where
        refused_deltas.delta_id is null
        and absent_keys.subject is null

)

select
    destination,
    channel,
    scope,
    subject,
    list_name,
    reason,
    event_id,
    event_timestamp,
    delta_id,
    pushed_at
from open_attempts
where true
qualify
    row_number() over (
        partition by {{ ledger_key() | join(', ') }}
        order by pushed_at desc, delta_id desc
    ) = 1
