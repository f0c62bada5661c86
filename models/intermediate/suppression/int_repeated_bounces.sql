{{ config(materialized='view') }}

with

addresses as (

    select * from {{ ref('int_changed_addresses') }}

),

soft_bounces as (

    select * from {{ ref('int_soft_bounces') }}
    where not is_own

),

changed_addresses as (

    select distinct
        channel,
        address
    from addresses
    where address is not null

),

-- In runs: what was delivered, opened or clicked there begins a new one, and so does what ends the reason.
runs as (

    select
        soft_bounces.*,
        sum(case when soft_bounces.event_type = 'soft_bounce' then 0 else 1 end) over (
            partition by soft_bounces.channel, soft_bounces.address
            order by soft_bounces.effective_at, case when soft_bounces.event_type = 'soft_bounce' then 1 else 0 end
        ) as run
    from soft_bounces
    inner join changed_addresses
        on
            soft_bounces.channel = changed_addresses.channel
            and soft_bounces.address = changed_addresses.address
    where
        {{ is_mailbox_bounce('soft_bounces') }}
        or (
            soft_bounces.event_type in ('delivered', 'open', 'click', 'subscribe', 'reactivate')
            and {{ may_end_at_address('soft_bounces') }}
        )

),

counted as (

    select
        *,
        min(effective_at) over (partition by channel, address, run) as began_at,
        dense_rank() over (partition by channel, address, run order by {{ to_date('effective_at') }}) as days
    from runs
    where event_type = 'soft_bounce'

)

select
    channel,
    address,
    source,
    effective_at,
    event_id,
    received_at,
    source_of_change
from counted
where
    days >= {{ var('soft_bounce_days') }}
    and effective_at >= {{ timestamp_plus('began_at', var('soft_bounce_span_days'), 'day') }}
qualify row_number() over (partition by channel, address order by effective_at desc, event_id desc) = 1
