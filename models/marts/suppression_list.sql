{{
    config(
        materialized='incremental',
        incremental_strategy=append_strategy(),
        on_schema_change='fail',
        meta={'fed_by': 'states', 'replaces': 'suppression_id'},
    )
}}

with

states as (

    select * from {{ ref('int_contact_state') }}
    where {{ is_changed('address_id') }}

),

policy as (

    select * from {{ ref('suppression_policy') }}

),

-- Listed if any contact's row for the address is suppressed.
suppressions as (

    select
        states.address_id,
        states.channel,
        states.address,
        states.reason,
        states.reason_at,
        states.reason_received_at,
        states.reason_event_id,
        states.source,
        states.source_of_change,
        states.computed_at
    from states
    inner join policy
        on states.reason = policy.reason
    where
        states.is_suppressed
        and states.address is not null
    qualify
        row_number() over (
            partition by states.channel, states.address
            order by policy.precedence, states.reason_at desc, states.reason_event_id desc
        ) = 1

),

-- Where one label is needed, the contact that named the address last: it decides nothing.
labels as (

    select
        channel,
        address,
        contact_id,
        external_id
    from states
    where
        address is not null
        and is_current_owner

)

select
    suppressions.address_id as suppression_id,
    suppressions.channel,
    suppressions.address,
    suppressions.reason as event_type,
    suppressions.reason_at as event_timestamp,
    suppressions.reason_received_at as inserted_at,
    labels.contact_id,
    labels.external_id,
    suppressions.source,
    suppressions.source_of_change,
    suppressions.reason_event_id as event_id,
    suppressions.computed_at
from suppressions
inner join labels
    on
        suppressions.channel = labels.channel
        and suppressions.address = labels.address
