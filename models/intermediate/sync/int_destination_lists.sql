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

filings as (

    select * from {{ ref('destination_lists') }}

),

filed as (

    select
        destinations.destination,
        destinations.channel,
        destinations.scope,
        policy.reason,
        coalesce(filings.filed_as, policy.reason) as filed_as
    from destinations
    cross join policy
    left join filings
        on
            destinations.destination = filings.destination
            and policy.reason = filings.reason

)

select
    destination,
    channel,
    scope,
    reason,
    filed_as
from filed

union all

-- What a changed seed freed is taken out of every file.
select distinct
    destination,
    channel,
    scope,
    'policy' as reason,
    filed_as
from filed
