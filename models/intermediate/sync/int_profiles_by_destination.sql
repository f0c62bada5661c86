{{ config(materialized='view') }}

{%- set channels = {
    'email': ('email', 'email_subscribed_status'),
    'sms': ('phone', 'sms_subscribed_status'),
    'push': ('push_token', 'push_notification_enabled'),
} %}

with

{{ import_deltas_changed() }}

destinations as (

    select
        destination,
        channel,
        coalesce(scope, '') as scope,
        audience
    from {{ ref('destinations') }}
    where
        enabled
        and mode = 'profile'

),

contacts as {{ inlined() }} (

    select profiles.*
    from {{ ref('contact_profiles') }} as profiles
    {{ join_changed_contacts('profiles') }}
    where profiles.external_id is not null

),

seen as (

    select distinct
        destination,
        channel,
        external_id
    from {{ ref('int_seen_contacts') }}
    where external_id is not null

),

profiles as (

    {% for channel, (address, status) in channels.items() -%}
    select
        contact_id,
        external_id,
        '{{ channel }}' as channel,
        {{ address }} as address,
        {{ status }} as is_subscribed,
        {{ channel }}_opt_in_date as opt_in_at,
        {{ channel }}_suppressed as is_suppressed
    from contacts
    where
        {{ channel }}_suppressed
        or {{ status }} is not null
        -- What the platform was told of it may have ended.
        or {{ address }} is not null
    {{ 'union all' if not loop.last }}

    {% endfor -%}

)

select
    destinations.destination,
    destinations.channel,
    destinations.scope,
    profiles.contact_id,
    profiles.external_id,
    profiles.address,
    profiles.is_subscribed,
    profiles.opt_in_at,
    profiles.is_suppressed
from profiles
inner join destinations
    on profiles.channel = destinations.channel
left join seen
    on
        destinations.destination = seen.destination
        and destinations.channel = seen.channel
        and profiles.external_id = seen.external_id
where
    destinations.audience <> 'seen'
    or seen.external_id is not null
