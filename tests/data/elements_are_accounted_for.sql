{{ config(tags=['full_scan']) }}

{%- set since = latest_of_column(ref('int_events_unioned'), 'loaded_at') if execute %}

-- Elements = events + quarantined + duplicates: fails with the elements of the newest day's builds that end
-- as none of these, or as more than one. An element that makes several events counts once.
with

unioned as (

    select * from {{ ref('int_events_unioned') }}
    where
        loaded_at >= {{ timestamp_plus(utc_literal(since or '1970-01-02'), -1, 'day') }}
        and coalesce(received_at <= {{ as_of() }}, true)

),

elements as (

    select distinct
        delivery_id,
        position,
        landing_part
    from unioned

),

standing as (

    select distinct
        unioned.delivery_id,
        unioned.position,
        unioned.landing_part
    from unioned
    inner join {{ ref('events') }} as events
        on
            unioned.event_id = events.event_id
            and unioned.delivery_id = events.delivery_id
            and unioned.position = events.position
    where unioned.quarantine_reason is null

),

duplicates as (

    select distinct
        unioned.delivery_id,
        unioned.position,
        unioned.landing_part
    from unioned
    inner join {{ ref('events') }} as events
        on unioned.event_id = events.event_id
    where
        unioned.quarantine_reason is null
        and not (unioned.delivery_id = events.delivery_id and unioned.position = events.position)

),

quarantined as (

    select distinct
        delivery_id,
        position
    from {{ ref('quarantined_deliveries') }}

),

counted as (

    select
        elements.*,
        standing.delivery_id is not null as is_event,
        duplicates.delivery_id is not null and standing.delivery_id is null as is_duplicate,
        quarantined.delivery_id is not null
        and duplicates.delivery_id is null
        and standing.delivery_id is null as is_quarantined
    from elements
    left join standing
        on
            elements.delivery_id = standing.delivery_id
            and elements.position = standing.position
            and elements.landing_part = standing.landing_part
    left join duplicates
        on
            elements.delivery_id = duplicates.delivery_id
            and elements.position = duplicates.position
            and elements.landing_part = duplicates.landing_part
    left join quarantined
        on
            elements.delivery_id = quarantined.delivery_id
            and elements.position = quarantined.position

)

select *
from counted
where not (is_event or is_duplicate or is_quarantined)
