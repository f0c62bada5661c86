with

policy as (

    select * from {{ ref('suppression_policy') }}
    where suppresses <> 'none'

),

releases as (

    select * from {{ ref('suppression_releases') }}

),

suppression_list as (

    select * from {{ ref('suppression_list') }}

),

states as (

    select * from {{ ref('int_contact_state') }}
    where
        address is not null
        and is_current_owner

),

events_by_address as (

    select * from {{ ref('int_events_by_address') }}

),

beginnings as (

    select
        events_by_address.channel,
        events_by_address.address,
        policy.reason,
        events_by_address.effective_at,
        events_by_address.event_id,
        1 as holds
    from events_by_address
    inner join policy
        on events_by_address.event_type = policy.reason

),

suppressing_reasons as (

    select distinct
        channel,
        address,
        reason
    from beginnings

),

endings as (

    select
        events_by_address.channel,
        events_by_address.address,
        releases.reason,
        events_by_address.effective_at,
        events_by_address.event_id,
        0 as holds
    from events_by_address
    inner join releases
        on events_by_address.event_type = releases.event_type
    inner join suppressing_reasons
        on
            events_by_address.channel = suppressing_reasons.channel
            and events_by_address.address = suppressing_reasons.address
            and releases.reason = suppressing_reasons.reason

),

occurrences as (

    select * from beginnings
    union all
    select * from endings

),

-- At the same instant the reason wins, so it comes last.
followed as (

    select
        *,
        lag(holds, 1, 0) over (partition by channel, address, reason order by effective_at, holds, event_id) as held_before
    from occurrences

),

counted as (

    select
        *,
        sum(holds - held_before) over (
            partition by channel, address
            order by effective_at, holds desc, reason, event_id
            rows between unbounded preceding and current row
        ) as reasons
    from followed
    where holds <> held_before

),

-- The first reason puts the address on the list, the end of the last takes it off.
turns as (

    select
        channel,
        address,
        reason,
        effective_at,
        event_id,
        holds,
        row_number() over (partition by channel, address order by effective_at desc, holds, reason desc, event_id desc) as turns_to_come
    from counted
    where reasons = holds

),

last_turns as (

    select * from turns
    where
        turns_to_come = 1
        and holds = 1

)

select
    channel,
    address,
    case when holds = 1 then 'entry' else 'exit' end as turn,
    -- Of an exit, why it was there.
    case
        when holds = 1 then reason
        else lag(reason) over (partition by channel, address order by turns_to_come desc)
    end as reason,
    effective_at as turned_at,
    event_id
from turns

union all

-- The list has the last word: silence, repeated soft bounces, links, traits, echoes and a changed policy are no turns above.
select
    suppression_list.channel,
    suppression_list.address,
    'entry' as turn,
    suppression_list.event_type as reason,
    suppression_list.event_timestamp as turned_at,
    suppression_list.event_id
from suppression_list
left join last_turns
    on
        suppression_list.channel = last_turns.channel
        and suppression_list.address = last_turns.address
where last_turns.address is null

union all

select
    last_turns.channel,
    last_turns.address,
    'exit' as turn,
    last_turns.reason,
    greatest(last_turns.effective_at, coalesce(states.released_at, last_turns.effective_at)) as turned_at,
    states.released_event_id as event_id
from last_turns
left join suppression_list
    on
        last_turns.channel = suppression_list.channel
        and last_turns.address = suppression_list.address
left join states
    on
        last_turns.channel = states.channel
        and last_turns.address = states.address
where suppression_list.address is null
