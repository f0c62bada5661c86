with

policy as (

    select * from {{ ref('suppression_policy') }}
    where attribute = 'consent'

),

deltas as (

    select * from {{ ref('sync_deltas') }}

),

rejected as (

    select * from {{ ref('status_rejected') }}

),

replies as (

    select * from {{ ref('status_possible_opt_outs') }}

),

unlinked as (

    select * from {{ ref('status_waiting_opt_outs') }}
    -- No platform tells whose token a profile has: of push nobody could act.
    where channel <> 'push'

),

pending_opt_outs as (

    select
        deltas.destination,
        deltas.event_timestamp,
        deltas.event_timestamp < {{ hours_ago(48) }} as is_over_48_hours,
        {{ ten_business_days_after('deltas.event_timestamp') }} < {{ utc_now() }} as is_over_10_business_days
    from deltas
    inner join policy
        on deltas.reason = policy.reason
    where deltas.action = 'suppress'

),

obedience as (

    select
        destination,
        min(event_timestamp) as since,
        sum(case when is_over_48_hours then 1 else 0 end) as over_48_hours,
        sum(case when is_over_10_business_days then 1 else 0 end) as over_10_business_days
    from pending_opt_outs
    group by destination

),

rejected_opt_outs as (

    select
        rejected.destination,
        sum(rejected.items) as items,
        max(rejected.latest) as since
    from rejected
    inner join policy
        on rejected.reason = policy.reason
    where rejected.action = 'suppress'
    group by rejected.destination

),

waiting_replies as (

    select
        source,
        min(oldest) as since
    from replies
    group by source

),

waiting_links as (

    select
        source,
        min(oldest) as since
    from unlinked
    group by source

),

measures as (

    select
        'opt_outs_pending' as rule,
        destination as subject,
        floor({{ seconds_between('since', utc_now()) }} / 3600) as value,
        1 as factor,
        null as volume,
        since
    from obedience

    union all

    select
        'opt_outs_over_48_hours' as rule,
        destination as subject,
        over_48_hours as value,
        1 as factor,
        null as volume,
        since
    from obedience

    union all

    select
        'opt_outs_over_10_business_days' as rule,
        destination as subject,
        over_10_business_days as value,
        1 as factor,
        null as volume,
        since
    from obedience

    union all

    select
        'opt_outs_rejected' as rule,
        destination as subject,
        items as value,
        1 as factor,
        null as volume,
        since
    from rejected_opt_outs

    union all

    select
        'possible_opt_outs' as rule,
        source as subject,
        floor({{ seconds_between('since', utc_now()) }} / 3600) as value,
        1 as factor,
        null as volume,
        since
    from waiting_replies

    union all

    select
        'opt_outs_unlinked' as rule,
        source as subject,
        floor({{ seconds_between('since', utc_now()) }} / 3600) as value,
        1 as factor,
        null as volume,
        since
    from waiting_links

)

select
    rule,
    subject,
    cast(value as {{ type_int64() }}) as value,
    cast(factor as {{ type_int64() }}) as factor,
    cast(volume as {{ type_int64() }}) as volume,
    since
from measures
