{%- set metrics = {
    'bounces': ('bounce', 'sent'), 'complaints': ('complaint', 'delivered'), 'unsubscribes': ('unsubscribe', 'delivered'),
} %}

with

-- By when they were loaded, which is never before they happened: events are partitioned by that.
events as (

    select * from {{ ref('events') }}
    where
        loaded_at > {{ hours_ago(24) }}
        and effective_at > {{ hours_ago(24) }}
        and {{ is_of_mail() }}

),

thresholds as (

    select * from {{ ref('deliverability_thresholds') }}
    where provider = '*'

),

-- As deliverability_daily counts, of the last 24 hours in place of a day: by the platform's id of the message; of events that name
-- none those of one second are one, and of all but sends and deliveries an address counts once.
by_address as (

    select
        source,
        event_type,
        case
            when event_type in ('sent', 'delivered')
                then count(distinct coalesce(message_id, cast(effective_at as {{ dbt.type_string() }})))
            else greatest(count(distinct message_id), 1)
        end as messages,
        min(effective_at) as first_at
    from events
    group by source, event_type, address

),

counted as (

    select
        source,
        sum(case when event_type = 'sent' then messages else 0 end) as reported_sent,
        sum(case when event_type = 'delivered' then messages else 0 end) as delivered,
        {%- for event_type, _ in metrics.values() %}
        sum(case when event_type = '{{ event_type }}' then messages else 0 end) as {{ event_type }}_messages,
        min(case when event_type = '{{ event_type }}' then first_at end) as first_{{ event_type }}_at{{ ',' if not loop.last }}
        {%- endfor %}
    from by_address
    group by source

),

volumes as (

    select
        *,
        greatest(reported_sent, delivered + bounce_messages) as sent
    from counted

),

rates as (

    {% for metric, (event_type, of) in metrics.items() -%}
    select
        source,
        '{{ metric }}' as metric,
        {{ of }} as volume,
        first_{{ event_type }}_at as first_at,
        {{ per_million(event_type ~ '_messages', of) }} as per_million
    from volumes
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- Of several rows that fit the one that names the source decides.
judged as (

    select
        rates.source,
        rates.first_at,
        rates.per_million >= thresholds.fail as is_too_high
    from rates
    inner join thresholds
        on
            rates.metric = thresholds.metric
            and (thresholds.source = '*' or rates.source = thresholds.source)
    where rates.volume >= thresholds.minimum_volume
    qualify
        row_number() over (
            partition by rates.source, rates.metric
            order by case when thresholds.source = '*' then 1 else 0 end
        ) = 1

)

select
    'deliverability' as rule,
    source as subject,
    count(*) as value,
    cast(1 as {{ type_int64() }}) as factor,
    cast(null as {{ type_int64() }}) as volume,
    min(first_at) as since
from judged
where is_too_high
group by source
