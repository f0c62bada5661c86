{{ config(materialized='view') }}

with

unconfirmed as (

    select * from {{ ref('int_ledger_unconfirmed') }}
    where outcome_class <> 'intended'

),

-- A platform that took none of it, or had nobody of that name since, has nothing of it.
refused as (

    select
        *,
        max(case when outcome_class in ('rejected', 'absent') then pushed_at end) over (partition by destination, delta_id) as refused_at,
        max(case when outcome_class = 'absent' then pushed_at end) over (partition by {{ ledger_key() | join(', ') }}) as absent_at
    from unconfirmed

)

-- Of whom was forgotten nothing is sent any more.
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
from refused
where
    outcome_class = 'attempted'
    and subject not like 'forgotten-%'
    and (refused_at is null or pushed_at > refused_at)
    and (absent_at is null or pushed_at > absent_at)
qualify
    row_number() over (
        partition by {{ ledger_key() | join(', ') }}
        order by pushed_at desc, delta_id desc
    ) = 1
