{{ config(materialized='view') }}

with

addresses as (

    select * from {{ ref('int_changed_addresses') }}

),

events as (

    select * from {{ ref('int_changed_events') }}
    where
        not is_own
        and not is_list_entry

),

listed_bounces as (

    select * from {{ ref('int_listed_bounces') }}

),

policy as (

    select * from {{ ref('suppression_policy') }}

),

changed_addresses as (

    select distinct
        channel,
        address
    from addresses
    where address is not null

),

told as (

    select
        events.channel,
        events.address,
        events.event_type,
        events.source,
        events.is_echo,
        case when events.is_echo then events.first_at else events.last_at end as effective_at,
        case when events.is_echo then events.first_event_id else events.last_event_id end as event_id,
        case when events.is_echo then events.first_received_at else events.last_received_at end as received_at,
        case when events.is_echo then events.first_source_of_change else events.last_source_of_change end as source_of_change
    from events
    where events.address is not null

    union all

    select
        listed_bounces.channel,
        listed_bounces.address,
        'bounce' as event_type,
        listed_bounces.source,
        listed_bounces.is_echo,
        listed_bounces.effective_at,
        listed_bounces.event_id,
        listed_bounces.received_at,
        listed_bounces.source_of_change
    from listed_bounces
    inner join changed_addresses
        on
            listed_bounces.channel = changed_addresses.channel
            and listed_bounces.address = changed_addresses.address

)

-- The latest act counts. Where there is none, the first echo does, at its own time.
select
    told.channel,
    told.address,
    policy.reason,
    told.source,
    told.effective_at,
    told.event_id,
    told.received_at,
    told.source_of_change
from told
inner join policy
    on told.event_type = policy.reason
where policy.attribute in ('deliverability', 'operator')
qualify
    row_number() over (
        partition by told.channel, told.address, policy.reason
        order by
            told.is_echo,
            case when told.is_echo then told.effective_at end,
            case when told.is_echo then told.event_id end,
            told.effective_at desc,
            told.event_id desc
    ) = 1
