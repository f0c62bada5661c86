{%- set metrics = {
    'bounces': ('hard_bounces', 'sent'), 'complaints': ('complaints', 'delivered'), 'unsubscribes': ('unsubscribes', 'delivered'),
} %}

with

daily as (

    select * from {{ ref('deliverability_daily') }}

),

thresholds as (

    select * from {{ ref('deliverability_thresholds') }}

),

-- Each day of a source as a whole, and of each of its mailbox providers, whoever sent the mail.
volumes as (

    select
        date_day,
        source,
        provider,
        sum(sent) as sent,
        sum(delivered) as delivered,
        sum(hard_bounces) as hard_bounces,
        sum(complaints) as complaints,
        sum(unsubscribes) as unsubscribes
    from daily
    group by date_day, source, provider

    union all

    select
        date_day,
        source,
        '*' as provider,
        sum(sent) as sent,
        sum(delivered) as delivered,
        sum(hard_bounces) as hard_bounces,
        sum(complaints) as complaints,
        sum(unsubscribes) as unsubscribes
    from daily
    group by date_day, source

),

measured as (

    {% for metric, (number, of) in metrics.items() -%}
    select
        date_day,
        source,
        provider,
        '{{ metric }}' as metric,
        sent,
        {{ of }} as volume,
        {{ per_million(number, of) }} as per_million
    from volumes
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- Of several rows that fit the one that names most decides.
judged as (

    select
        measured.*,
        thresholds.warn,
        thresholds.fail
    from measured
    inner join thresholds
        on
            measured.metric = thresholds.metric
            and measured.provider = thresholds.provider
            and (thresholds.source = '*' or measured.source = thresholds.source)
    where measured.volume >= thresholds.minimum_volume
    qualify
        row_number() over (
            partition by measured.date_day, measured.source, measured.provider, measured.metric
            order by case when thresholds.source = '*' then 1 else 0 end
        ) = 1

)

select
    date_day,
    source,
    provider,
    metric,
    case when per_million >= fail then 'fail' else 'warn' end as level,
    per_million,
    warn,
    fail,
    cast(sent as {{ type_int64() }}) as sent
from judged
where per_million >= warn
