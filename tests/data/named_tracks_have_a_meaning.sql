-- A name that no row of the mapping knows would decide nothing: `Marketing Opt Out` needs a row in both seeds, in lower case.
select
    track_names.source,
    track_names.name
from {{ ref('track_names') }} as track_names
left join {{ ref('provider_events') }} as provider_events
    on
        track_names.source = provider_events.source
        and track_names.name = provider_events.provider_event
where
    provider_events.source is null
    or track_names.name <> lower(trim(track_names.name))
