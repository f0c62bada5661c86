with

deltas as (

    select * from {{ ref('sync_deltas') }}

),

failures as (

    select * from {{ source('raw', 'sync_ledger') }}
    where outcome = 'failed'

),

latest_failures as (

    select
        deltas.destination,
        deltas.channel,
        deltas.scope,
        failures.error,
        failures.pushed_at
    from deltas
    inner join failures
        on deltas.delta_id = failures.delta_id
    where true
    qualify
        row_number() over (
            partition by deltas.delta_id order by failures.pushed_at desc, failures.error
        ) = 1

)

select
    destination,
    channel,
    scope,
    error,
    count(*) as items,
    max(pushed_at) as latest
from latest_failures
group by destination, channel, scope, error
