{{ config(materialized='view') }}

{%- set by_person = var('push_by_person') | join("', '") %}

with

{{ import_deltas_changed() }}

reasons as (

    select reasons_of_lists.*
    from {{ ref('int_reasons_by_destination') }} as reasons_of_lists
    {{ join_changed_addresses('reasons_of_lists', 'address') }}
    where
        reasons_of_lists.channel = 'push'
        and reasons_of_lists.destination in ('{{ by_person }}')

),

states as (

    select * from {{ ref('int_contact_state') }}
    where
        is_suppressed
        and external_id is not null

)

select distinct
    reasons.destination,
    reasons.channel,
    reasons.scope,
    states.external_id
from reasons
inner join states
    on
        reasons.channel = states.channel
        and reasons.address = states.address
