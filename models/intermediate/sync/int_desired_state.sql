{{ config(materialized='view') }}

with

suppression_list as (

    select * from {{ ref('suppression_list') }}

),

reasons as (

    select * from {{ ref('int_reasons_by_destination') }}
    where mode = 'suppression'

),

synced as (

    select * from {{ ref('int_synced_state') }}

),

seen as (

    select distinct
        destination,
        channel,
        address
    from {{ ref('int_seen_contacts') }}

),

profiles as (

    select * from {{ ref('contact_profiles') }}

),

tokens as (

    select * from {{ ref('int_push_token_types') }}

),

desired as (

    select
        reasons.destination,
        reasons.channel,
        reasons.scope,
        reasons.list_name,
        reasons.address,
        suppression_list.contact_id,
        suppression_list.external_id,
        'suppress' as action,
        reasons.reason,
        reasons.reason_event_id as event_id,
        reasons.reason_at as event_timestamp,
        reasons.precedence as priority
    from suppression_list
    inner join reasons
        on
            suppression_list.channel = reasons.channel
            and suppression_list.address = reasons.address
    left join seen
        on
            reasons.destination = seen.destination
            and reasons.channel = seen.channel
            and reasons.address = seen.address
    where
        reasons.audience <> 'seen'
        or seen.address is not null
    qualify {{ is_first_reason('reasons', ['reasons.list_name', 'reasons.address']) }}

),

named as (

    select
        desired.*,
        -- Whose last call has no answer is not said to be there.
        case when synced.is_unknown then null else synced.action end as known_action,
        synced.run_id as known_run_id,
        synced.delta_id as known_delta_id,
        profiles.email,
        profiles.phone,
        tokens.push_token_type,
        {{ list_subject('desired', 'tokens') }} as subject
    from desired
    left join synced
        on
            desired.destination = synced.destination
            and desired.channel = synced.channel
            and desired.scope = synced.scope
            and desired.list_name = synced.list_name
            and desired.address = synced.subject
    left join profiles
        on desired.contact_id = profiles.contact_id
    left join tokens
        on
            desired.channel = 'push'
            and desired.address = tokens.push_token

)

select
    {{ delta_id() }} as delta_id,
    destination,
    channel,
    scope,
    address,
    contact_id,
    external_id,
    email,
    phone,
    push_token_type,
    action,
    reason,
    event_id,
    event_timestamp,
    cast(priority as {{ type_int64() }}) as priority,
    cast(null as {{ dbt.type_string() }}) as kept_topics,
    cast(null as {{ dbt.type_string() }}) as traits,
    cast(null as {{ dbt.type_timestamp() }}) as suppressed_at,
    list_name,
    known_action
from named
