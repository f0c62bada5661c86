{{ config(materialized='view') }}

with

destinations as (

    select
        destination,
        channel,
        coalesce(scope, '') as scope,
        mode,
        audience
    from {{ ref('destinations') }}
    where enabled

),

destination_reasons as (

    select
        destination,
        channel,
        coalesce(scope, '') as scope,
        reason
    from {{ ref('destination_reasons') }}

),

lists as (

    select * from {{ ref('int_destination_lists') }}

),

reasons as (

    select * from {{ ref('int_suppression_reasons') }}
    where
        holds
        and is_suppressing

),

-- Only the joins of small tables stand apart: who joins this view to a few addresses reads those alone.
taken_reasons as (

    select
        destinations.destination,
        destinations.channel,
        destinations.scope,
        destinations.mode,
        destinations.audience,
        destination_reasons.reason,
        coalesce(lists.list_name, '') as list_name
    from destinations
    inner join destination_reasons
        on
            destinations.destination = destination_reasons.destination
            and destinations.channel = destination_reasons.channel
            and destinations.scope = destination_reasons.scope
    left join lists
        on
            destinations.destination = lists.destination
            and destinations.channel = lists.channel
            and destinations.scope = lists.scope
            and destination_reasons.reason = lists.reason

)

select
    taken_reasons.destination,
    taken_reasons.channel,
    taken_reasons.scope,
    taken_reasons.mode,
    taken_reasons.audience,
    taken_reasons.list_name,
    reasons.contact_id,
    reasons.address,
    reasons.reason,
    reasons.attribute,
    reasons.precedence,
    reasons.reason_at,
    reasons.reason_event_id
from reasons
inner join taken_reasons
    on
        reasons.channel = taken_reasons.channel
        and reasons.reason = taken_reasons.reason
