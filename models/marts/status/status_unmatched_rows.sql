{%- set sources = "('" ~ (var('sources') + ['*']) | join("', '") ~ "')" -%}

with

provider_events as (

    select * from {{ ref('provider_events') }}

),

bounce_classes as (

    select * from {{ ref('bounce_classes') }}

),

topics as (

    select * from {{ ref('topics') }}

),

-- The team's own, as staging reads them: what a specification names may well never come.
own_tracks as (

    select
        source,
        lower(trim(name)) as name
    from {{ ref('track_names') }}
    where lower(trim(name)) not in {{ shipped_tracks() }}

),

elements as (

    select * from {{ ref('int_events_unioned') }}
    where
        source in (select own_tracks.source from own_tracks)
        or source in (select topics.source from topics)

),

landed_sources as (

    select distinct source from elements

),

tracks_that_came as (

    select distinct
        own_tracks.source,
        own_tracks.name
    from own_tracks
    inner join elements
        on
            own_tracks.source = elements.source
            and (
                elements.provider_event in (own_tracks.name, concat('track/', own_tracks.name))
                or starts_with(elements.provider_event, concat(own_tracks.name, '/'))
            )

),

topics_that_came as (

    select distinct
        source,
        topic
    from elements
    where topic is not null

)

select
    'provider_events' as seed,
    source,
    provider_event as name,
    'no such source' as why
from provider_events
where source not in {{ sources }}

union distinct

select
    'bounce_classes' as seed,
    source,
    pattern as name,
    'no such source' as why
from bounce_classes
where source not in {{ sources }}

union distinct

select
    'topics' as seed,
    source,
    topic as name,
    'no such source' as why
from topics
where source not in {{ sources }}

union distinct

select
    'topics' as seed,
    topics.source,
    topics.topic as name,
    'never came' as why
from topics
inner join landed_sources
    on topics.source = landed_sources.source
left join topics_that_came
    on
        topics.source = topics_that_came.source
        and topics.topic = topics_that_came.topic
where
    topics.topic <> '*'
    and topics_that_came.topic is null

union distinct

select
    'track_names' as seed,
    own_tracks.source,
    own_tracks.name,
    'never came' as why
from own_tracks
inner join landed_sources
    on own_tracks.source = landed_sources.source
left join tracks_that_came
    on
        own_tracks.source = tracks_that_came.source
        and own_tracks.name = tracks_that_came.name
where tracks_that_came.name is null
