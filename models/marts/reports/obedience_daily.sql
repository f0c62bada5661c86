{%- set of_day = 'partition by ' ~ to_date('received_at') ~ ', destination, channel, confirmed_at is null' %}

with

opt_outs as (

    select * from {{ ref('obedience_lag') }}

),

ranked as (

    select
        *,
        {{ to_date('received_at') }} as date_day,
        cume_dist() over ({{ of_day }} order by seconds_to_confirmation) as share_by_act,
        cume_dist() over ({{ of_day }} order by seconds_since_arrival) as share_by_arrival
    from opt_outs
    where received_at is not null

)

-- Percentiles by the nearest rank: seconds that were seen.
select
    date_day,
    destination,
    channel,
    count(*) as opt_outs,
    count(confirmed_at) as obeyed,
    count(case when state = 'open' then 1 end) as still_open,
    count(case when state = 'rejected' then 1 end) as rejected,
    count(case when is_over_48_hours then 1 end) as over_48_hours,
    count(case when is_over_10_business_days then 1 end) as over_10_business_days,
    min(case when share_by_act >= 0.5 then seconds_to_confirmation end) as p50_seconds_to_confirmation,
    min(case when share_by_act >= 0.95 then seconds_to_confirmation end) as p95_seconds_to_confirmation,
    min(case when share_by_arrival >= 0.5 then seconds_since_arrival end) as p50_seconds_since_arrival,
    min(case when share_by_arrival >= 0.95 then seconds_since_arrival end) as p95_seconds_since_arrival
from ranked
group by date_day, destination, channel
