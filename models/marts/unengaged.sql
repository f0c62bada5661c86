{{ config(tags=['weekly']) }}

with

-- Twice from the table, not once and kept: each reads fewer columns and rows.
latest_sends as (

    select
        address,
        source,
        event_type,
        first_at,
        last_at
    from {{ ref('int_events_latest') }}
    where
        channel = 'email'
        and event_type in ('sent', 'delivered')
        and address is not null
        and last_at is not null

),

latest_reactions as (

    select
        source,
        last_at
    from {{ ref('int_events_latest') }}
    where
        channel = 'email'
        and event_type in ('open', 'click')
        and last_at is not null
        {%- if not var('count_machine_opens') %}
        and not is_machine
        {%- endif %}

),

engagement as (

    select * from {{ ref('int_engagement') }}

),

sources_that_report_sends as (

    select distinct source
    from {{ ref('provider_events') }}
    where event_type = 'sent'

),

sends as (

    select
        latest_sends.address,
        latest_sends.source,
        min(latest_sends.first_at) as first_sent_at,
        max(latest_sends.last_at) as last_sent_at
    from latest_sends
    left join sources_that_report_sends
        on latest_sends.source = sources_that_report_sends.source
    where
        latest_sends.event_type = 'sent'
        or sources_that_report_sends.source is null
    group by latest_sends.address, latest_sends.source

),

-- No opens tracked at a source, nobody flagged by it.
observations as (

    select
        source,
        max(last_at) as observed_at
    from latest_reactions
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
        engagement.engaged_event_id,
        case
            when engagement.engaged_at > mailed.first_sent_at then engagement.engaged_at
            else mailed.first_sent_at
        end as base_at
    from mailed
    left join engagement
        on mailed.address = engagement.address

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
