-- A name that no row of the mapping knows would decide nothing, and a row of the mapping for a name that is no track is never read:
-- `Marketing Opt Out` needs a row in both seeds, in lower case.
with

track_names as (

    select * from {{ ref('track_names') }}

),

-- Of the sources whose calls have a team's own names, the rows that decide something.
meanings as (

    select
        source,
        provider_event
    from {{ ref('provider_events') }}
    where
        source in ('segment', 'twilio_engage', 'mparticle')
        and event_type <> 'other'
        -- The platform's own names.
        and provider_event not in (
            'identify', 'consent_state', 'messaging_subscriptions', 'marketing preference updated', 'push_registration', 'track'
        )

)

select
    track_names.source,
    track_names.name
from track_names
left join {{ ref('provider_events') }} as provider_events
    on
        track_names.source = provider_events.source
        and track_names.name = provider_events.provider_event
where
    provider_events.source is null
    or track_names.name <> lower(trim(track_names.name))

union all

select
    meanings.source,
    meanings.provider_event as name
from meanings
left join track_names
    on
        meanings.source = track_names.source
        and meanings.provider_event = track_names.name
where track_names.source is null
