{{ config(materialized='view') }}

{%- set of_key = 'partition by {0}.destination, {0}.channel, {0}.scope, {0}.contact_id' %}
{#- A token's permission is that device's alone: the latest device may have said yes before another said no. -#}
{%- set is_no_answer %}
policy.attribute = 'consent'
                and told.channel <> 'push'
                and told.known_event_timestamp is not null
                and (acts.subscribed_at <= told.known_event_timestamp or recorded.event_id is null)
{%- endset %}
{%- set channels = {
    'email': ('email', 'email_subscribed_status'),
    'sms': ('phone', 'sms_subscribed_status'),
    'push': ('push_token', 'push_notification_enabled'),
} %}

with

destinations as {{ inlined() }} (

    select
        destination,
        channel,
        coalesce(scope, '') as scope,
        audience
    from {{ ref('destinations') }}
    where
        enabled
        and mode = 'profile'

),

destination_reasons as {{ inlined() }} (

    select
        destination,
        channel,
        coalesce(scope, '') as scope,
        reason
    from {{ ref('destination_reasons') }}

),

destination_traits as (

    select * from {{ ref('destination_traits') }}

),

policy as (

    select * from {{ ref('suppression_policy') }}

),

contacts as {{ inlined() }} (

    select profiles_of_changes.*
    from {{ ref('contact_profiles') }} as profiles_of_changes
    {{ join_changed_contacts('profiles_of_changes') }}
    where profiles_of_changes.external_id is not null

),

states as {{ inlined() }} (

    select * from {{ ref('int_contact_state') }}
    where external_id is not null

),

reasons as {{ inlined() }} (

    select * from {{ ref('int_suppression_reasons') }}
    where
        holds
        and is_suppressing

),

known as {{ inlined() }} (

    select * from {{ ref('int_synced_state') }}

),

recorded as (

    {{ recorded_events() }}

),

seen as (

    select distinct
        latest_events.source,
        latest_events.channel,
        latest_events.external_id
    from {{ ref('int_events_latest') }} as latest_events
    inner join destinations
        on
            latest_events.source = destinations.destination
            and latest_events.channel = destinations.channel
    where
        destinations.audience = 'seen'
        and latest_events.external_id is not null
        and latest_events.last_at is not null

),

-- One row per contact and channel that it has, with the address that was named last.
profiles as {{ inlined() }} (

    {% for channel, (address, status) in channels.items() -%}
    select
        contacts.contact_id,
        contacts.external_id,
        '{{ channel }}' as channel,
        contacts.{{ address }} as address,
        contacts.{{ status }} as subscribed_status,
        contacts.{{ channel }}_opt_in_date as opt_in_date,
        contacts.{{ channel }}_suppressed as suppressed,
        contacts.{{ channel }}_reason as reason
    from contacts
    where
        contacts.{{ channel }}_suppressed
        or contacts.{{ status }} is not null
    {{ 'union all' if not loop.last }}

    {% endfor -%}

),

-- What a contact's profile is to be told of, beside what it was told last.
told as (

    select
        destinations.destination,
        destinations.scope,
        profiles.*,
        known.action as known_action,
        known.reason as known_reason,
        known.event_id as known_event_id,
        known.event_timestamp as known_event_timestamp,
        known.is_unknown,
        known.run_id as known_run_id,
        known.delta_id as known_delta_id
    from profiles
    inner join destinations
        on profiles.channel = destinations.channel
    left join known
        on
            destinations.destination = known.destination
            and destinations.channel = known.channel
            and destinations.scope = known.scope
            and profiles.contact_id = known.subject
    left join seen
        on
            destinations.destination = seen.source
            and destinations.channel = seen.channel
            and profiles.external_id = seen.external_id
    where
        destinations.audience <> 'seen'
        or seen.external_id is not null

),

-- Of the reasons that hold at the latest address (or, where none is known, for the contact), the first that is taken.
refused as (

    select
        told.destination,
        told.channel,
        told.scope,
        told.contact_id,
        reasons.reason,
        reasons.attribute,
        reasons.precedence,
        reasons.reason_event_id,
        reasons.reason_at
    from told
    inner join reasons
        on
            told.channel = reasons.channel
            and told.address = reasons.address
    inner join destination_reasons
        on
            told.destination = destination_reasons.destination
            and told.channel = destination_reasons.channel
            and told.scope = destination_reasons.scope
            and reasons.reason = destination_reasons.reason
    where told.suppressed

    union all

    select
        told.destination,
        told.channel,
        told.scope,
        told.contact_id,
        reasons.reason,
        reasons.attribute,
        reasons.precedence,
        reasons.reason_event_id,
        reasons.reason_at
    from told
    inner join reasons
        on
            told.channel = reasons.channel
            and told.contact_id = reasons.contact_id
    inner join destination_reasons
        on
            told.destination = destination_reasons.destination
            and told.channel = destination_reasons.channel
            and told.scope = destination_reasons.scope
            and reasons.reason = destination_reasons.reason
    where
        told.suppressed
        and told.address is null
        and reasons.address is null

),

first_refusals as (

    select *
    from refused
    where true
    qualify
        row_number() over (
            {{ of_key.format('refused') }}
            order by refused.precedence, refused.reason_at desc, refused.reason_event_id desc
        ) = 1

),

-- Told once; and once more where a subscribe was left unanswered, or where what was a fault of the address has become
-- the person's will.
suppressions as (

    select
        told.*,
        'suppress' as action,
        first_refusals.reason as taken_reason,
        first_refusals.reason_event_id as event_id,
        first_refusals.reason_at as event_timestamp,
        first_refusals.precedence as priority
    from told
    inner join first_refusals
        on
            told.destination = first_refusals.destination
            and told.channel = first_refusals.channel
            and told.scope = first_refusals.scope
            and told.contact_id = first_refusals.contact_id
    left join policy
        on told.known_reason = policy.reason
    where
        told.known_action is null
        or told.known_action <> 'suppress'
        or told.is_unknown
        or (first_refusals.attribute = 'consent' and coalesce(policy.attribute, '') <> 'consent')

),

-- The latest act of consent at the address, by a person and not by a trait.
acts as (

    select
        states.contact_id,
        states.channel,
        states.address,
        states.subscribed_at,
        states.subscribed_event_id,
        states.subscribed_topic
    from states
    where
        states.is_subscribed
        and not states.is_suppressed
        and states.subscribed_at is not null

),

-- Consent to one list is not consent to all. An act is told once, however often it is repeated. One that is not younger than the
-- opt-out that the profile was told of, or whose opt-out is on record no more, does not answer it, and waits for a person.
subscriptions as (

    select
        told.*,
        'subscribe' as action,
        case
            when {{ is_no_answer }} then 'policy'
            when told.known_action = 'suppress' then told.known_reason
            else 'subscribe'
        end as taken_reason,
        -- Also of what waits: sent without its own time, it would count as an act of the day of the push.
        acts.subscribed_event_id as event_id,
        acts.subscribed_at as event_timestamp,
        case when {{ is_no_answer }} then 101 else 100 end as priority
    from told
    inner join acts
        on
            told.contact_id = acts.contact_id
            and told.channel = acts.channel
            and told.address is not distinct from acts.address
    left join policy
        on
            told.known_action = 'suppress'
            and told.known_reason = policy.reason
    left join recorded
        on told.known_event_id = recorded.event_id
    where
        not told.suppressed
        and (told.known_action is null or told.known_action = 'suppress')
        and (told.scope = '' or told.scope = acts.subscribed_topic)

),

changes as (

    select * from suppressions
    union all
    select * from subscriptions

),

-- A positive state is left out of a refusal: nothing is subscribed as a side effect.
attributes as (

    select
        destination,
        channel,
        scope,
        contact_id,
        'subscribed_status' as attribute,
        case when subscribed_status then 'true' else 'false' end as value
    from changes
    where
        subscribed_status is not null
        and (action = 'subscribe' or not subscribed_status)

    union all

    select
        destination,
        channel,
        scope,
        contact_id,
        'opt_in_date' as attribute,
        '"' || {{ iso_text('opt_in_date') }} || '"' as value
    from changes
    where opt_in_date is not null

    union all

    select
        destination,
        channel,
        scope,
        contact_id,
        'suppressed' as attribute,
        case when action = 'suppress' then 'true' else 'false' end as value
    from changes

    union all

    select
        destination,
        channel,
        scope,
        contact_id,
        'reason' as attribute,
        case when action = 'suppress' then '"' || taken_reason || '"' else 'null' end as value
    from changes

),

traits as (

    select
        attributes.destination,
        attributes.channel,
        attributes.scope,
        attributes.contact_id,
        '{'
        || string_agg('"' || destination_traits.trait || '":' || attributes.value, ',' order by destination_traits.trait)
        || '}' as traits
    from attributes
    inner join destination_traits
        on
            attributes.destination = destination_traits.destination
            and attributes.channel = destination_traits.channel
            and attributes.attribute = destination_traits.attribute
    group by attributes.destination, attributes.channel, attributes.scope, attributes.contact_id

)

select
    changes.destination,
    changes.channel,
    changes.scope,
    changes.address,
    changes.contact_id,
    changes.external_id,
    changes.action,
    changes.taken_reason as reason,
    changes.event_id,
    changes.event_timestamp,
    changes.priority,
    changes.known_run_id,
    changes.known_delta_id,
    traits.traits
from changes
left join traits
    on
        changes.destination = traits.destination
        and changes.channel = traits.channel
        and changes.scope = traits.scope
        and changes.contact_id = traits.contact_id
