{{ config(materialized='view') }}

with

soft_bounces as (

    select * from {{ ref('int_soft_bounces') }}

),

entries as (

    select * from soft_bounces
    where
        is_list_entry
        and not is_own

),

softened as (

    select * from soft_bounces
    where
        is_softened
        and not is_own

),

-- By these the platform had let the address go, also where we told it to.
signs as (

    select * from soft_bounces
    where
        event_type in ('delivered', 'open', 'click', 'reactivate')
        and {{ may_end_at_address('soft_bounces') }}

),

-- An entry is made in the moment of its bounce, and two clocks differ by seconds; one that counts at its arrival is reported later. A
-- refusal repeats an entry of any age. The nearest bounce has the fewest signs after it.
bounced_before as (

    select
        entries.event_id,
        entries.source,
        entries.channel,
        entries.address,
        entries.effective_at,
        max(softened.effective_at) as softened_at
    from entries
    inner join softened
        on
            entries.source = softened.source
            and entries.channel = softened.channel
            and entries.address = softened.address
    where
        case
            when entries.is_echo then softened.effective_at <= entries.effective_at
            when softened.effective_at > {{ timestamp_plus('entries.effective_at', 1, 'minute') }} then false
            when entries.effective_at < {{ to_second('entries.received_at') }}
                then entries.effective_at <= {{ timestamp_plus('softened.effective_at', 1, 'hour') }}
            else entries.effective_at <= {{ timestamp_plus('softened.effective_at', 24, 'hour') }}
        end
    group by entries.event_id, entries.source, entries.channel, entries.address, entries.effective_at

),

let_go_since as (

    select distinct bounced_before.event_id
    from bounced_before
    inner join signs
        on
            bounced_before.source = signs.source
            and bounced_before.channel = signs.channel
            and bounced_before.address = signs.address
    where
        signs.effective_at > bounced_before.softened_at
        and signs.effective_at < bounced_before.effective_at

)

select
    entries.event_id,
    entries.channel,
    entries.address,
    entries.source,
    entries.is_echo,
    entries.effective_at,
    entries.received_at,
    entries.source_of_change
from entries
left join bounced_before
    on entries.event_id = bounced_before.event_id
left join let_go_since
    on entries.event_id = let_go_since.event_id
where
    bounced_before.event_id is null
    or let_go_since.event_id is not null
