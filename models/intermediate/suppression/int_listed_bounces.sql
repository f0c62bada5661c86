{{ config(materialized='view') }}

with

bounces as (

    select * from {{ ref('int_soft_bounces') }}
    where not is_own

),

entries as (

    select * from bounces
    where is_list_entry

),

softened as (

    select * from bounces
    where is_softened

),

-- Made with a bounce that counts as a soft one: it is that bounce's echo. Platforms list an address at once; two clocks differ by seconds.
explained as (

    select distinct entries.event_id
    from entries
    inner join softened
        on
            entries.source = softened.source
            and entries.channel = softened.channel
            and entries.address = softened.address
    where
        softened.effective_at <= {{ timestamp_plus('entries.effective_at', 1, 'minute') }}
        and entries.effective_at <= {{ timestamp_plus('softened.effective_at', 24, 'hour') }}

)

select
    entries.event_id,
    entries.channel,
    entries.address,
    entries.source,
    entries.effective_at,
    entries.received_at,
    entries.source_of_change
from entries
left join explained
    on entries.event_id = explained.event_id
where explained.event_id is null
