with

runs as (

    select * from {{ source('raw', 'sync_runs') }}
    -- The lock of `contact-sync alert` is no push.
    where destination <> 'alert'

),

latest_states as (

    select * from runs
    where true
    qualify
        row_number() over (
            partition by run_id, destination
            order by case when ended_at is null then 1 else 0 end, expires_at desc
        ) = 1

)

select
    run_id,
    destination,
    -- Nobody was there to write its end.
    case when status = 'running' and expires_at < {{ utc_now() }} then 'killed' else status end as status,
    started_at,
    ended_at,
    suppressed,
    released,
    subscribed,
    confirmed,
    accepted,
    rejected,
    absent,
    failed,
    plan_hash,
    expires_at
from latest_states
