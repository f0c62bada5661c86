with

ledger as (

    select * from {{ source('raw', 'sync_ledger') }}
    where outcome = 'rejected'

)

select
    destination,
    scope,
    action,
    reason,
    error,
    count(*) as items,
    max(pushed_at) as latest
from ledger
group by destination, scope, action, reason, error
