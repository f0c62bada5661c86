{{
    config(
        materialized='incremental',
        incremental_strategy=replace_strategy(),
        unique_key='trait_refusal_key',
        on_schema_change='fail',
        cluster_by=['channel', 'external_id'],
    )
}}

{%- set since = watermark('loaded_at') if is_incremental() %}
{%- set names = ['channel', 'external_id', 'address', 'source'] %}

with

superseded_events as (

    select * from {{ ref('int_events_superseded') }}

),

{% if is_incremental() -%}
changed_traits as (

    select
        channel,
        external_id,
        address
    from {{ ref('int_traits') }}
    where loaded_at > {{ since }}

    union all

    select
        channel,
        external_id,
        address
    from superseded_events
    where
        event_type = 'identify'
        and channel is not null
        and loaded_at > {{ since }}

),

changed_contacts as (

    select distinct
        channel,
        external_id,
        case when external_id is null then address end as address
    from changed_traits

),
{%- endif %}

-- Late traits re-order the history: a changed contact is read whole.
traits as (

    select
        all_traits.channel,
        all_traits.external_id,
        -- A trait is the contact's, even beside a device token.
        case when not (all_traits.channel = 'push' and all_traits.external_id is not null) then all_traits.address end as address,
        all_traits.source,
        all_traits.trait_value,
        all_traits.effective_at,
        all_traits.event_id,
        all_traits.received_at,
        all_traits.source_of_change,
        all_traits.is_own,
        all_traits.loaded_at
    from {{ ref('int_traits') }} as all_traits
    {% if is_incremental() -%}
    inner join changed_contacts
        on
            all_traits.channel = changed_contacts.channel
            and all_traits.external_id is not distinct from changed_contacts.external_id
            and case when all_traits.external_id is null then all_traits.address end is not distinct from changed_contacts.address
    {%- endif %}
    where all_traits.trait_value is not null

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
        has_negative and (has_positive or not coalesce(was_negative, false)) as is_refusal
    from (
        select
            *,
            lag(has_negative) over (
                partition by channel, external_id, contact_address order by effective_at
            ) as was_negative
        from instants
    ) as ordered

),

refusals as (

    select
        traits.channel,
        traits.external_id,
        traits.address,
        traits.source,
        traits.effective_at,
        traits.event_id,
        traits.received_at,
        traits.source_of_change,
        traits.loaded_at
    from traits
    inner join transitions
        on
            traits.channel = transitions.channel
            and traits.external_id is not distinct from transitions.external_id
            and case when traits.external_id is null then traits.address end is not distinct from transitions.contact_address
            and traits.effective_at = transitions.effective_at
    where
        transitions.is_refusal
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
        {{ last_of(['effective_at', 'event_id', 'received_at', 'source_of_change']) }} as last_event,
        max(loaded_at) as loaded_at
    from refusals
    group by channel, external_id, address, source

)

{% if is_incremental() -%}
,

-- Refusals of changed contacts that late news took back.
withdrawn as (

    select known.*
    from {{ this }} as known
    inner join changed_contacts
        on
            known.channel = changed_contacts.channel
            and known.external_id is not distinct from changed_contacts.external_id
            and case when known.external_id is null then known.address end is not distinct from changed_contacts.address
    where known.trait_refusal_key not in (select {{ surrogate_key(names) }} from aggregated)

)
{%- endif %}

select
    {{ surrogate_key(names) }} as trait_refusal_key,
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
    last_event.source_of_change as last_source_of_change,
    {{ build_time() }} as loaded_at
from aggregated

{% if is_incremental() -%}
union all

select
    trait_refusal_key,
    channel,
    external_id,
    address,
    source,
    null as first_at,
    null as first_event_id,
    null as first_received_at,
    null as last_at,
    null as last_event_id,
    null as last_received_at,
    null as last_source_of_change,
    {{ build_time() }} as loaded_at
from withdrawn
{%- endif %}
