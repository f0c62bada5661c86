with

rules as (

    select * from {{ ref('alert_rules') }}
    where enabled

),

builds as (

    select * from {{ source('raw', 'builds') }}

),

source_measures as (

    select * from {{ ref('alert_source_measures') }}

),

rate_measures as (

    select * from {{ ref('alert_rate_measures') }}

),

opt_out_measures as (

    select * from {{ ref('alert_opt_out_measures') }}

),

push_measures as (

    select * from {{ ref('alert_push_measures') }}

),

last_ok as (

    select max(ended_at) as ended_at
    from builds
    where ok

),

failed_builds as (

    select
        count(*) as builds,
        min(builds.ended_at) as since
    from builds
    cross join last_ok
    where
        not builds.ok
        and (last_ok.ended_at is null or builds.ended_at > last_ok.ended_at)

),

build_measures as (

    select
        'no_build' as rule,
        '' as subject,
        case when count(*) = 0 then 1 else 0 end as value,
        1 as factor,
        null as volume,
        max(ended_at) as since
    from builds

    union all

    select
        'build_failed' as rule,
        '' as subject,
        builds as value,
        1 as factor,
        null as volume,
        since
    from failed_builds

    union all

    select
        'build_old' as rule,
        '' as subject,
        floor({{ seconds_between('max(ended_at)', utc_now()) }} / 3600) as value,
        1 as factor,
        null as volume,
        max(ended_at) as since
    from builds

),

measures as (

    select * from build_measures

    union all

    select * from source_measures

    union all

    select * from rate_measures

    union all

    select * from opt_out_measures

    union all

    select * from push_measures

)

select
    measures.rule,
    measures.subject,
    cast(measures.value as {{ type_int64() }}) as value,
    cast(ceil(rules.threshold * measures.factor) as {{ type_int64() }}) as threshold,
    measures.since
from measures
inner join rules
    on measures.rule = rules.rule
where
    measures.value >= ceil(rules.threshold * measures.factor)
    and (measures.volume is null or measures.volume >= rules.minimum)
    and (measures.since is null or {{ timestamp_plus('measures.since', 'rules.minutes', 'minute') }} <= {{ utc_now() }})
