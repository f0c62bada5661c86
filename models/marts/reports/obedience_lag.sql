with

policy as (

    select * from {{ ref('suppression_policy') }}
    where attribute = 'consent'

),

ledger as (

    select sync_ledger.*
    from {{ source('raw', 'sync_ledger') }} as sync_ledger
    inner join policy
        on sync_ledger.reason = policy.reason
    where sync_ledger.action = 'suppress'

),

pending as (

    select sync_deltas.*
    from {{ ref('sync_deltas') }} as sync_deltas
    inner join policy
        on sync_deltas.reason = policy.reason
    where sync_deltas.action = 'suppress'

),

wanted as (

    select * from {{ ref('int_deltas') }}

),

events as (

    select * from {{ ref('events') }}

),

builds as (

    select * from {{ source('raw', 'builds') }}

),

-- One delta is one opt-out at one list, however often it was tried.
attempted as (

    select
        delta_id,
        max(destination) as destination,
        max(channel) as channel,
        max(scope) as scope,
        max(address) as address,
        max(contact_id) as contact_id,
        max(reason) as reason,
        max(event_id) as event_id,
        min(case when outcome in ('confirmed', 'accepted') then pushed_at end) as confirmed_at,
        max(case when outcome = 'rejected' then pushed_at end) as rejected_at,
        max(case when outcome = 'absent' then pushed_at end) as absent_at
    from ledger
    group by delta_id

),

opt_outs as (

    select
        attempted.delta_id,
        attempted.destination,
        attempted.channel,
        attempted.scope,
        attempted.address,
        attempted.contact_id,
        attempted.reason,
        attempted.event_id,
        attempted.confirmed_at,
        case
            when attempted.confirmed_at is not null then 'obeyed'
            when pending.delta_id is not null then 'open'
            when wanted.delta_id is null then 'superseded'
            when attempted.rejected_at is not null then 'rejected'
            when attempted.absent_at is not null then 'absent'
            else 'superseded'
        end as state
    from attempted
    left join pending
        on attempted.delta_id = pending.delta_id
    left join wanted
        on attempted.delta_id = wanted.delta_id

    union all

    select
        pending.delta_id,
        pending.destination,
        pending.channel,
        pending.scope,
        pending.address,
        pending.contact_id,
        pending.reason,
        pending.event_id,
        null as confirmed_at,
        'open' as state
    from pending
    left join attempted
        on pending.delta_id = attempted.delta_id
    where attempted.delta_id is null

),

-- The build that loaded an event lists it. Several may have begun at one instant.
listings as (

    select
        started_at,
        min(ended_at) as ended_at
    from builds
    group by started_at

),

timed as (

    select
        opt_outs.*,
        events.source,
        events.effective_at as acted_at,
        events.received_at,
        case when events.event_id is not null then coalesce(listings.ended_at, events.loaded_at) end as listed_at,
        {{ ten_business_days_after('events.effective_at') }} as due_at,
        opt_outs.state in ('obeyed', 'open', 'rejected') as is_wanted,
        coalesce(opt_outs.confirmed_at, {{ utc_now() }}) as until_at
    from opt_outs
    left join events
        on opt_outs.event_id = events.event_id
    left join listings
        on events.loaded_at = listings.started_at

)

select
    delta_id,
    destination,
    channel,
    coalesce(scope, '') as scope,
    address,
    contact_id,
    reason,
    event_id,
    source,
    state,
    acted_at,
    received_at,
    listed_at,
    confirmed_at,
    due_at,
    {{ seconds_between('acted_at', 'received_at') }} as seconds_to_arrival,
    {{ seconds_between('acted_at', 'listed_at') }} as seconds_to_list,
    {{ seconds_between('acted_at', 'confirmed_at') }} as seconds_to_confirmation,
    {{ seconds_between('received_at', 'confirmed_at') }} as seconds_since_arrival,
    coalesce(is_wanted and until_at > {{ timestamp_plus('acted_at', 48, 'hour') }}, false) as is_over_48_hours,
    coalesce(is_wanted and until_at > due_at, false) as is_over_10_business_days
from timed
