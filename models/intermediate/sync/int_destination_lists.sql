{{ config(materialized='view') }}

with

destinations as (

    select
        destination,
        channel,
        coalesce(scope, '') as scope
    from {{ ref('destinations') }}
    where keeps_reason

),

policy as (

    select reason from {{ ref('suppression_policy') }}

),

lists as (

    select * from {{ ref('destination_lists') }}

),

filed as (

    select
        destinations.destination,
        destinations.channel,
        destinations.scope,
        policy.reason,
        coalesce(lists.list_name, policy.reason) as list_name
    from destinations
    cross join policy
    left join lists
        on
            destinations.destination = lists.destination
            and policy.reason = lists.reason

)

select
    destination,
    channel,
    scope,
    reason,
    list_name
from filed

union all

-- What a changed seed freed is taken out of every file.
select distinct
    destination,
    channel,
    scope,
    'policy' as reason,
    list_name
from filed
