{{ config(materialized='view') }}

with

statements as (

    select
        event_id,
        channel,
        address,
        external_id,
        event_type,
        case when event_type <> 'identify' then effective_at end as event_timestamp,
        coalesce(provider_event like '%/undated' or event_type = 'identify', false) as is_undated,
        event_type in ('unsubscribe', 'complaint') as is_opt_out,
        reason as origin,
        {{ regex_replace('reason', ' column .*$') }} as origin_row
    from {{ ref('events') }}
    where
        source = 'backfill'
        and (event_type in ('subscribe', 'unsubscribe', 'complaint') or (event_type = 'identify' and trait_value))

),

contact_state as (

    select
        *,
        case
            when reason in ('unsubscribe', 'complaint') then reason_event_id
            when is_subscribed then subscribed_event_id
        end as deciding_event_id
    from {{ ref('int_contact_state') }}

),

candidates as (

    select
        contact_state.contact_state_id,
        statements.event_id
    from statements
    inner join contact_state
        on
            statements.channel = contact_state.channel
            and statements.address = contact_state.address

    union distinct

    select
        contact_state.contact_state_id,
        statements.event_id
    from statements
    inner join contact_state
        on
            statements.channel = contact_state.channel
            and statements.external_id = contact_state.external_id

),

-- What one row says in turn is a history.
conflicts as (

    select
        candidates.contact_state_id,
        max(case when not statements.is_opt_out then statements.event_timestamp end) as opted_in_at
    from candidates
    inner join statements
        on candidates.event_id = statements.event_id
    group by candidates.contact_state_id
    having
        count(distinct statements.is_opt_out) = 2
        and count(distinct statements.origin_row) > 1

),

deciding as (

    select
        candidates.contact_state_id,
        statements.*
    from candidates
    inner join contact_state
        on
            candidates.contact_state_id = contact_state.contact_state_id
            and candidates.event_id = contact_state.deciding_event_id
    inner join statements
        on candidates.event_id = statements.event_id

)

select
    contact_state.contact_state_id as conflict_id,
    contact_state.channel,
    contact_state.address,
    contact_state.external_id,
    statements.event_id,
    statements.event_type,
    statements.event_timestamp,
    statements.is_undated,
    statements.origin,
    coalesce(statements.event_id = deciding.event_id, false) as is_deciding,
    case
        when deciding.event_id is null then 'what another source reported decides'
        when not deciding.is_opt_out then 'the latest wins'
        when conflicts.opted_in_at is null then 'an opt-in without a time ends nothing'
        when conflicts.opted_in_at = deciding.event_timestamp then 'at the same time the opt-out wins'
        when conflicts.opted_in_at > deciding.event_timestamp then 'the later opt-in does not reach what was opted out'
        else 'the latest wins'
    end as rule
from conflicts
inner join contact_state
    on conflicts.contact_state_id = contact_state.contact_state_id
inner join candidates
    on conflicts.contact_state_id = candidates.contact_state_id
inner join statements
    on candidates.event_id = statements.event_id
left join deciding
    on conflicts.contact_state_id = deciding.contact_state_id
