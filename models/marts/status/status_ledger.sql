with

ledger as (

    select * from {{ source('raw', 'sync_ledger') }}
    where outcome not in ('intended', 'unsent')

)

select
    destination,
    outcome,
    count(*) as items
from ledger
group by destination, outcome
