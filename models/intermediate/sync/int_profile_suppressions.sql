{{ config(materialized='view') }}

with

profiles as (

    select * from {{ ref('int_profile_states') }}
    where is_suppressed

),

reasons as {{ inlined() }} (

    select * from {{ ref('int_reasons_by_destination') }}
    where mode = 'profile'

),

policy as (

    select * from {{ ref('suppression_policy') }}

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
    {% if not loop.last -%}
    union all
    {% else -%}
    where
        profiles.address is null
        and reasons.address is null
    {% endif %}
    {% endfor -%}

),

first_reasons as (

    select * from suppressed
    where true
    qualify {{ is_first_reason('suppressed', ['suppressed.contact_id']) }}

)

-- A profile is told once; and once more where a subscribe was left unanswered, or where what was a fault of the address has become
-- the person's will.
select
    first_reasons.destination,
    first_reasons.channel,
    first_reasons.scope,
    first_reasons.contact_id,
    first_reasons.external_id,
    first_reasons.address,
    first_reasons.is_subscribed,
    first_reasons.opt_in_at,
    first_reasons.reason,
    first_reasons.reason_event_id as event_id,
    first_reasons.reason_at as event_timestamp,
    first_reasons.precedence as priority,
    first_reasons.known_run_id,
    first_reasons.known_delta_id
from first_reasons
left join policy
    on first_reasons.known_reason = policy.reason
where
    first_reasons.known_action is null
    or first_reasons.known_action <> 'suppress'
    or first_reasons.is_unknown
    or (first_reasons.attribute = 'consent' and coalesce(policy.attribute, '') <> 'consent')
