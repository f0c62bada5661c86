{{ config(materialized='view') }}

with

addresses as (

    select * from {{ ref('int_changed_addresses') }}

),

events as (

    select * from {{ ref('int_changed_events') }}
    where
        not is_own
        and not is_list_entry

),

unengaged as (

    select * from {{ ref('unengaged') }}

),

policy as (

    select * from {{ ref('suppression_policy') }}

),

releases as (

    select * from {{ ref('suppression_releases') }}

),

repeated_bounces as (

    select * from {{ ref('int_repeated_bounces') }}

),

listed_bounces as (

    select * from {{ ref('int_listed_bounces') }}

),

changed_addresses as (

    select distinct
        channel,
        address
    from addresses
    where address is not null

),

told as (

    select
        events.channel,
        events.address,
        events.event_type,
        events.source,
        events.is_echo,
        case when events.is_echo then events.first_at else events.last_at end as effective_at,
        case when events.is_echo then events.first_event_id else events.last_event_id end as event_id,
        case when events.is_echo then events.first_received_at else events.last_received_at end as received_at,
        case when events.is_echo then events.first_source_of_change else events.last_source_of_change end as source_of_change
    from events
    where events.address is not null

    union all

    select
        listed_bounces.channel,
        listed_bounces.address,
        'bounce' as event_type,
        listed_bounces.source,
        listed_bounces.is_echo,
        listed_bounces.effective_at,
        listed_bounces.event_id,
        listed_bounces.received_at,
        listed_bounces.source_of_change
    from listed_bounces
    inner join changed_addresses
        on
            listed_bounces.channel = changed_addresses.channel
            and listed_bounces.address = changed_addresses.address

),

-- The latest act counts. Where there is none, the first echo does, at its own time.
reported as (

    select
        told.channel,
        told.address,
        policy.reason,
        told.source,
        told.effective_at,
        told.event_id,
        told.received_at,
        told.source_of_change
    from told
    inner join policy
        on told.event_type = policy.reason
    where policy.attribute in ('deliverability', 'operator')
    qualify
        row_number() over (
            partition by told.channel, told.address, policy.reason
            order by
                told.is_echo,
                case when told.is_echo then told.effective_at end,
                case when told.is_echo then told.event_id end,
                told.effective_at desc,
                told.event_id desc
        ) = 1

),

reasons as (

    select
        channel,
        address,
        'address' as matched_on,
        reason,
        source,
        effective_at,
        event_id,
        received_at,
        source_of_change
    from reported

    union all

    select
        channel,
        address,
        'address' as matched_on,
        'soft_bounces' as reason,
        source,
        effective_at,
        event_id,
        received_at,
        source_of_change
    from repeated_bounces

    union all

    select
        'email' as channel,
        address,
        'derived' as matched_on,
        'unengaged' as reason,
        'contact_sync' as source,
        unengaged_at as effective_at,
        event_id,
        unengaged_at as received_at,
        null as source_of_change
    from unengaged

),

endings as (

    select
        reasons.channel,
        reasons.address,
        reasons.reason,
        events.last_at as effective_at,
        events.last_event_id as event_id
    from reasons
    inner join releases
        on reasons.reason = releases.reason
    inner join events
        on
            releases.event_type = events.event_type
            and reasons.channel = events.channel
            and reasons.address = events.address
    where
        events.last_at > reasons.effective_at
        and {{ may_end_at_address('events') }}

    union all

    -- A subscribe that names only a contact ends `unengaged` for its addresses.
    select
        reasons.channel,
        reasons.address,
        reasons.reason,
        events.last_at as effective_at,
        events.last_event_id as event_id
    from reasons
    inner join policy
        on
            reasons.reason = policy.reason
            and policy.attribute = 'engagement'
    inner join releases
        on
            reasons.reason = releases.reason
            and releases.event_type = 'subscribe'
    inner join addresses
        on
            reasons.channel = addresses.channel
            and reasons.address = addresses.address
    inner join events
        on
            releases.event_type = events.event_type
            and addresses.channel = events.channel
            and addresses.external_id = events.external_id
    where
        events.address is null
        and not events.is_echo
        and not addresses.exceeds_address_limit
        and events.last_at > reasons.effective_at

),

last_endings as (

    select
        channel,
        address,
        reason,
        {{ last_of(['effective_at', 'event_id']) }} as ending
    from endings
    group by channel, address, reason

)

select
    addresses.contact_state_id,
    addresses.contact_id,
    addresses.channel,
    addresses.exceeds_address_limit,
    addresses.first_at as linked_at,
    reasons.matched_on,
    cast(null as {{ dbt.type_string() }}) as named_external_id,
    reasons.reason,
    reasons.source,
    cast(null as {{ dbt.type_string() }}) as topic,
    false as is_topic,
    reasons.effective_at,
    reasons.event_id,
    reasons.received_at,
    reasons.source_of_change,
    last_endings.ending.effective_at as ended_at,
    last_endings.ending.event_id as ended_event_id
from reasons
inner join addresses
    on
        reasons.channel = addresses.channel
        and reasons.address = addresses.address
left join last_endings
    on
        reasons.channel = last_endings.channel
        and reasons.address = last_endings.address
        and reasons.reason = last_endings.reason
