{{ config(materialized='view') }}

with

profiles as (

    select * from {{ ref('int_profiles_by_destination') }}

),

reasons as {{ inlined() }} (

    select * from {{ ref('int_reasons_by_destination') }}
    where mode = 'profile'

),

standing as {{ inlined() }} (

    select * from {{ ref('int_contact_state') }}
    where
        external_id is not null
        and not is_suppressed

),

links as (

    select * from {{ ref('int_contact_addresses') }}

),

-- The latest act of consent at the address, by a person and not by a trait.
acts as {{ inlined() }} (

    select * from standing
    where
        is_subscribed
        and subscribed_at is not null

),

-- The reasons of the latest address or, where none is known, of the contact.
suppressed as (

    {% for subject in ['address', 'contact_id'] -%}
    select
        profiles.*,
        reasons.reason,
        reasons.attribute,
        reasons.precedence,
        reasons.reason_at,
        reasons.reason_event_id
    from profiles
    inner join reasons
        on
            profiles.destination = reasons.destination
            and profiles.channel = reasons.channel
            and profiles.scope = reasons.scope
            and profiles.{{ subject }} = reasons.{{ subject }}
    where
        profiles.is_suppressed
        {% if loop.last -%}
        and profiles.address is null
        and reasons.address is null
        {% else -%}
    union all
        {% endif %}
    {% endfor -%}

),

first_reasons as (

    select * from suppressed
    where true
    qualify {{ is_first_reason('suppressed', ['suppressed.contact_id']) }}

)

select
    destination,
    channel,
    scope,
    contact_id,
    external_id,
    address,
    is_subscribed,
    opt_in_at,
    'suppress' as action,
    reason,
    attribute,
    reason_event_id as event_id,
    reason_at as event_timestamp,
    precedence as priority,
    cast(null as {{ dbt.type_string() }}) as engaged_event_id,
    cast(null as {{ dbt.type_timestamp() }}) as engaged_at,
    cast(null as {{ dbt.type_timestamp() }}) as linked_at
from first_reasons

union all

-- Consent to one list is not consent to all.
select
    profiles.destination,
    profiles.channel,
    profiles.scope,
    profiles.contact_id,
    profiles.external_id,
    profiles.address,
    profiles.is_subscribed,
    profiles.opt_in_at,
    'subscribe' as action,
    'subscribe' as reason,
    'consent' as attribute,
    acts.subscribed_event_id as event_id,
    acts.subscribed_at as event_timestamp,
    100 as priority,
    null as engaged_event_id,
    null as engaged_at,
    null as linked_at
from profiles
inner join acts
    on
        profiles.contact_id = acts.contact_id
        and profiles.channel = acts.channel
        and profiles.address is not distinct from acts.address
where
    not profiles.is_suppressed
    and (profiles.scope = '' or profiles.scope = acts.subscribed_topic)

union all

-- What merely ended is no consent: where the profile was told of it, that is taken back, and nothing else.
select
    profiles.destination,
    profiles.channel,
    profiles.scope,
    profiles.contact_id,
    profiles.external_id,
    profiles.address,
    profiles.is_subscribed,
    profiles.opt_in_at,
    'release' as action,
    standing.released_reason as reason,
    null as attribute,
    standing.released_event_id as event_id,
    standing.released_at as event_timestamp,
    100 as priority,
    standing.engaged_event_id,
    standing.engaged_at,
    links.first_at as linked_at
from profiles
inner join standing
    on
        profiles.contact_id = standing.contact_id
        and profiles.channel = standing.channel
        and profiles.address = standing.address
left join links
    on standing.contact_state_id = links.contact_state_id
where not profiles.is_suppressed
