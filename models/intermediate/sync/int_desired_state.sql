{{ config(materialized='view') }}

with

{{ list_suppressions(changes=false) }},

profiles as (

    select * from {{ ref('contact_profiles') }}

),

tokens as (

    select * from {{ ref('int_push_tokens') }}

),

named as (

    select
        suppressions.*,
        profiles.email,
        profiles.phone,
        tokens.push_token_type,
        {{ list_subject('suppressions', 'tokens') }} as subject
    from suppressions
    left join profiles
        on suppressions.contact_id = profiles.contact_id
    left join tokens
        on
            suppressions.channel = 'push'
            and suppressions.address = tokens.push_token

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
    list_name,
    known_action
from named
