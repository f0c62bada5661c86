{{ config(materialized='view') }}

with

list_changes as {{ inlined() }} (

    select * from {{ ref('int_list_changes') }}

),

profile_changes as {{ inlined() }} (

    select * from {{ ref('int_profile_changes') }}

),

profiles as (

    select * from {{ ref('contact_profiles') }}

),

tokens as (

    select * from {{ ref('int_push_tokens') }}

),

-- What a platform will never take, and what it did not have when asked within the last seven days.
settled as (

    select
        destination,
        delta_id
    from {{ ref('int_known_states') }}
    where
        matter = 'rejected'
        or (matter = 'absent' and pushed_at > {{ timestamp_plus(utc_now(), -7, 'day') }})

    union all

    select
        destination,
        delta_id
    from {{ ref('int_ledger_answers') }}
    where
        {{ pushed_since(ref('int_known_states')) }}
        and (
            outcome = 'rejected'
            or (outcome = 'absent' and pushed_at > {{ timestamp_plus(utc_now(), -7, 'day') }})
        )

),

changes as (

    select
        destination,
        channel,
        scope,
        address,
        address as subject,
        contact_id,
        external_id,
        action,
        reason,
        event_id,
        event_timestamp,
        priority,
        known_run_id,
        known_delta_id,
        kept_topics,
        cast(null as {{ dbt.type_string() }}) as traits
    from list_changes

    union all

    select
        destination,
        channel,
        scope,
        address,
        contact_id as subject,
        contact_id,
        external_id,
        action,
        reason,
        event_id,
        event_timestamp,
        priority,
        known_run_id,
        known_delta_id,
        cast(null as {{ dbt.type_string() }}) as kept_topics,
        traits
    from profile_changes

),

identified as (

    select
        *,
        {{ surrogate_key([
            'destination', 'channel', 'scope', 'subject', 'action', 'reason', 'event_id', 'known_run_id', 'known_delta_id',
        ]) }} as delta_id
    from changes

)

select
    identified.delta_id,
    identified.destination,
    identified.channel,
    identified.scope,
    identified.address,
    identified.contact_id,
    identified.external_id,
    profiles.email,
    profiles.phone,
    tokens.push_token_type,
    identified.action,
    identified.reason,
    identified.event_id,
    identified.event_timestamp,
    cast(identified.priority as {{ type_int64() }}) as priority,
    identified.kept_topics,
    identified.traits
from identified
left join profiles
    on identified.contact_id = profiles.contact_id
left join tokens
    on
        identified.channel = 'push'
        and identified.address = tokens.push_token
left join settled
    on
        identified.destination = settled.destination
        and identified.delta_id = settled.delta_id
where settled.delta_id is null
