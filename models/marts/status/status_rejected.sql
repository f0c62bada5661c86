with

-- What was rejected once and is no longer wanted needs nobody.
deltas as (

    select * from {{ ref('int_deltas') }}

),

ledger as (

    select * from {{ source('raw', 'sync_ledger') }}
    where outcome = 'rejected'

)

select
    ledger.destination,
    ledger.scope,
    ledger.action,
    ledger.reason,
    ledger.error,
    count(*) as items,
    max(ledger.pushed_at) as latest
from ledger
inner join deltas
    on ledger.delta_id = deltas.delta_id
group by ledger.destination, ledger.scope, ledger.action, ledger.reason, ledger.error
