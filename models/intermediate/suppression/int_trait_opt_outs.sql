{{ config(materialized='view') }}

with

all_traits as (

    select * from {{ ref('int_traits') }}
    where trait_value is not null

),

states_changed as (

    select * from {{ ref('int_states_changed') }}

),

-- Late traits re-order the history: a changed contact is read whole.
traits as (

    select
        all_traits.channel,
        all_traits.external_id,
        -- A trait is the contact's, even beside a device token.
        case when all_traits.channel <> 'push' then all_traits.address end as address,
        all_traits.source,
        all_traits.trait_value,
        all_traits.effective_at,
        all_traits.event_id,
        all_traits.received_at,
        all_traits.source_of_change,
        all_traits.is_own
    from all_traits
    inner join states_changed
        on all_traits.external_id = states_changed.external_id

    union all

    select
        all_traits.channel,
        cast(null as {{ dbt.type_string() }}) as external_id,
        all_traits.address,
        all_traits.source,
        all_traits.trait_value,
        all_traits.effective_at,
        all_traits.event_id,
        all_traits.received_at,
        all_traits.source_of_change,
        all_traits.is_own
    from all_traits
    inner join states_changed
        on
            all_traits.channel = states_changed.channel
            and all_traits.address = states_changed.address
    where all_traits.external_id is null

),

instants as (

    select
        channel,
        external_id,
        case when external_id is null then address end as contact_address,
        effective_at,
        max(case when trait_value then 1 else 0 end) = 1 as has_positive,
        max(case when not trait_value then 1 else 0 end) = 1 as has_negative
    from traits
    group by channel, external_id, case when external_id is null then address end, effective_at

),

-- In one second the negative is last.
transitions as (

    select
        channel,
        external_id,
        contact_address,
        effective_at,
        has_negative and (has_positive or not coalesce(was_negative, false)) as is_opt_out
    from (
        select
            *,
            lag(has_negative) over (
                partition by channel, external_id, contact_address order by effective_at
            ) as was_negative
        from instants
    ) as ordered

),

opt_outs as (

    select
        traits.channel,
        traits.external_id,
        traits.address,
        traits.source,
        traits.effective_at,
        traits.event_id,
        traits.received_at,
        traits.source_of_change
    from traits
    inner join transitions
        on
            traits.channel = transitions.channel
            and traits.external_id is not distinct from transitions.external_id
            and case when traits.external_id is null then traits.address end is not distinct from transitions.contact_address
            and traits.effective_at = transitions.effective_at
    where
        transitions.is_opt_out
        and not traits.trait_value
        -- What we told a profile is no news when it comes back; what is cached of it later is none either.
        and not coalesce(traits.is_own, false)

),

aggregated as (

    select
        channel,
        external_id,
        address,
        source,
        {{ first_of(['effective_at', 'event_id', 'received_at', 'source_of_change']) }} as first_event,
        {{ last_of(['effective_at', 'event_id', 'received_at', 'source_of_change']) }} as last_event
    from opt_outs
    group by channel, external_id, address, source

)

select
    channel,
    external_id,
    address,
    source,
    first_event.effective_at as first_at,
    first_event.event_id as first_event_id,
    first_event.received_at as first_received_at,
    last_event.effective_at as last_at,
    last_event.event_id as last_event_id,
    last_event.received_at as last_received_at,
    last_event.source_of_change as last_source_of_change
from aggregated
