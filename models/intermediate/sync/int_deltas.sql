{{
    config(
        materialized='incremental',
        incremental_strategy=append_strategy(),
        on_schema_change='fail',
        meta={'fed_by': 'deltas', 'replaces': 'subject_id', 'changed_by': 'int_deltas_changed'},
    )
}}

with

list_changes as (

    select * from {{ ref('int_suppression_deltas') }}

),

profile_changes as (

    select * from {{ ref('int_profile_deltas') }}

),

profiles as (

    select * from {{ ref('contact_profiles') }}

),

tokens as (

    select * from {{ ref('int_push_token_types') }}

),

changes as (

    select
        {{ surrogate_key(['list_changes.channel', 'list_changes.address']) }} as subject_id,
        list_changes.destination,
        list_changes.channel,
        list_changes.scope,
        list_changes.address,
        {{ list_subject('list_changes', 'tokens') }} as subject,
        list_changes.contact_id,
        list_changes.external_id,
        tokens.push_token_type,
        list_changes.action,
        list_changes.reason,
        list_changes.event_id,
        list_changes.event_timestamp,
        list_changes.priority,
        list_changes.known_run_id,
        list_changes.known_delta_id,
        list_changes.suppressed_at,
        list_changes.kept_topics,
        cast(null as {{ dbt.type_string() }}) as traits
    from list_changes
    left join tokens
        on
            list_changes.channel = 'push'
            and list_changes.address = tokens.push_token

    union all

    select
        profile_changes.contact_id as subject_id,
        profile_changes.destination,
        profile_changes.channel,
        profile_changes.scope,
        profile_changes.address,
        profile_changes.contact_id as subject,
        profile_changes.contact_id,
        profile_changes.external_id,
        tokens.push_token_type,
        profile_changes.action,
        profile_changes.reason,
        profile_changes.event_id,
        profile_changes.event_timestamp,
        profile_changes.priority,
        profile_changes.known_run_id,
        profile_changes.known_delta_id,
        cast(null as {{ dbt.type_timestamp() }}) as suppressed_at,
        cast(null as {{ dbt.type_string() }}) as kept_topics,
        profile_changes.traits
    from profile_changes
    left join tokens
        on
            profile_changes.channel = 'push'
            and profile_changes.address = tokens.push_token

),

identified as (

    select
        *,
        {{ delta_id() }} as delta_id
    from changes

)

select
    identified.subject_id,
    identified.delta_id,
    identified.destination,
    identified.channel,
    identified.scope,
    identified.address,
    identified.contact_id,
    identified.external_id,
    profiles.email,
    profiles.phone,
    identified.push_token_type,
    identified.action,
    identified.reason,
    identified.event_id,
    identified.event_timestamp,
    cast(identified.priority as {{ type_int64() }}) as priority,
    identified.kept_topics,
    identified.traits,
    identified.suppressed_at,
    {{ build_time() }} as computed_at
from identified
left join profiles
    on identified.contact_id = profiles.contact_id
