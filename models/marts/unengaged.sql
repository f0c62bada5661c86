{{ config(tags=['weekly']) }}

with

latest_events as (

    select * from {{ ref('int_latest_events') }}
    where
        channel = 'email'
        and last_at is not null

),

last_signs_of_life as (

    select * from {{ ref('int_last_signs_of_life') }}

),

sources_that_report_sends as (

    select distinct source
    from {{ ref('provider_events') }}
    where event_type = 'sent'

),

sends as (

    select
        latest_events.address,
        latest_events.source,
        min(latest_events.first_at) as first_sent_at,
        max(latest_events.last_at) as last_sent_at
    from latest_events
    left join sources_that_report_sends
        on latest_events.source = sources_that_report_sends.source
    where
        latest_events.address is not null
        and (
            latest_events.event_type = 'sent'
            or (latest_events.event_type = 'delivered' and sources_that_report_sends.source is null)
        )
    group by latest_events.address, latest_events.source

),

-- No opens tracked at a source, nobody flagged by it.
observations as (

    select
        source,
        max(last_at) as observed_at
    from latest_events
    where
        event_type in ('open', 'click')
        {%- if not var('count_machine_opens') %}
        and not is_machine
        {%- endif %}
    group by source

),

mailed as (

    select
        sends.address,
        min(sends.first_sent_at) as first_sent_at,
        max(sends.last_sent_at) as last_sent_at,
        max(observations.observed_at) as observed_at
    from sends
    left join observations
        on sends.source = observations.source
    group by sends.address

),

based as (

    select
        mailed.address,
        mailed.last_sent_at,
        mailed.observed_at,
        last_signs_of_life.engaged_event_id,
        case
            when last_signs_of_life.engaged_at > mailed.first_sent_at then last_signs_of_life.engaged_at
            else mailed.first_sent_at
        end as base_at
    from mailed
    left join last_signs_of_life
        on mailed.address = last_signs_of_life.address

),

due as (

    select
        *,
        {{ timestamp_plus('base_at', var('unengaged_window_days'), 'day') }} as unengaged_at
    from based

)

select
    {{ unengaged_event_id('address', 'engaged_event_id') }} as event_id,
    address,
    base_at,
    last_sent_at,
    observed_at,
    unengaged_at,
    engaged_event_id
from due
where
    last_sent_at > base_at
    and unengaged_at <= observed_at
