{#- To be acted on now: an opt-out may not be obeyed, or nothing is pushed. -#}
{%- set urgent -%}
    'no_build', 'build_failed', 'build_old', 'opt_outs_waiting', 'opt_outs_rejected', 'opt_outs_unlinked', 'pushes_guarded', 'pushes_failed'
{%- endset -%}
{#- What could not be read, or nobody has judged, may be an opt-out that no figure counts. -#}
{%- set hiding -%} 'possible_opt_outs', 'quarantined', 'unknown_events', 'unmatched_rows', 'requests_5xx' {%- endset -%}

with

builds as (

    select * from {{ source('raw', 'builds') }}

),

policy as (

    select * from {{ ref('suppression_policy') }}

),

deltas as (

    select * from {{ ref('sync_deltas') }}

),

failed as (

    select * from {{ ref('status_failed') }}

),

rejected as (

    select * from {{ ref('status_rejected') }}

),

runs as (

    select * from {{ ref('status_runs') }}

),

counts as (

    select * from {{ source('raw', 'webhook_requests') }}
    where
        status_class = '5xx'
        and counted_at > {{ hours_ago(24) }}

),

quarantined as (

    -- What says no time of its own counts from when it was loaded.
    select coalesce(received_at, loaded_at) as received_at
    from {{ ref('quarantined_deliveries') }}
    where coalesce(received_at, loaded_at) > {{ hours_ago(168) }}

),

possible_opt_outs as (

    select * from {{ ref('status_possible_opt_outs') }}

),

unknown_events as (

    select * from {{ ref('status_unknown_events') }}

),

unlisted_topics as (

    select * from {{ ref('status_unlisted_topics') }}

),

unlinked_opt_outs as (

    select * from {{ ref('status_waiting_opt_outs') }}
    -- Of push mostly nobody can act: the token of a device that was switched off may be on no list (docs/platform-ids.md).
    where channel <> 'push'

),

unmatched_rows as (

    select * from {{ ref('status_unmatched_rows') }}

),

postmaster_rows as (

    select * from {{ ref('postmaster_rows') }}
    where error is not null

),

contacts_over_address_limit as (

    select * from {{ ref('status_contacts_over_address_limit') }}

),

destinations as (

    select * from {{ ref('destinations') }}
    where enabled

),

newest_build as (

    select * from builds
    where true
    qualify row_number() over (order by ended_at desc, started_at desc) = 1

),

waiting_opt_outs as (

    select deltas.*
    from deltas
    inner join policy
        on
            deltas.reason = policy.reason
            and policy.attribute = 'consent'
    where
        deltas.action = 'suppress'
        and deltas.event_timestamp < {{ hours_ago(48) }}

),

rejected_kinds as (

    select
        rejected.items,
        rejected.latest,
        rejected.action = 'suppress' and coalesce(policy.attribute = 'consent', false) as is_opt_out
    from rejected
    left join policy
        on rejected.reason = policy.reason

),

-- How the last push ended that was more than an attempt, at the platforms that are enabled.
newest_runs as (

    select * from runs
    where
        destination in (select destinations.destination from destinations)
        and status not in ('running', 'locked', 'stopped')
    qualify row_number() over (partition by destination order by started_at desc, run_id desc) = 1

),

findings as (

    select
        'no_build' as finding,
        1 - count(*) as items,
        max(ended_at) as since
    from newest_build

    union all

    select
        'build_failed' as finding,
        count(*) as items,
        max(ended_at) as since
    from newest_build
    where not ok

    union all

    select
        'build_old' as finding,
        count(*) as items,
        max(ended_at) as since
    from newest_build
    where ended_at < {{ hours_ago(26) }}

    union all

    select
        'opt_outs_waiting' as finding,
        count(*) as items,
        min(event_timestamp) as since
    from waiting_opt_outs

    union all

    select
        'opt_outs_rejected' as finding,
        sum(items) as items,
        max(latest) as since
    from rejected_kinds
    where is_opt_out

    union all

    select
        'opt_outs_unlinked' as finding,
        sum(opt_outs) as items,
        min(oldest) as since
    from unlinked_opt_outs

    union all

    select
        'pushes_guarded' as finding,
        count(*) as items,
        min(started_at) as since
    from newest_runs
    where status = 'guarded'

    union all

    select
        'pushes_failed' as finding,
        count(*) as items,
        min(started_at) as since
    from newest_runs
    where status in ('failed', 'killed')

    union all

    select
        'possible_opt_outs' as finding,
        sum(replies) as items,
        min(oldest) as since
    from possible_opt_outs

    union all

    select
        'failed' as finding,
        sum(items) as items,
        max(latest) as since
    from failed

    union all

    select
        'rejected' as finding,
        sum(items) as items,
        max(latest) as since
    from rejected_kinds
    where not is_opt_out

    union all

    select
        'requests_5xx' as finding,
        sum(requests) as items,
        min(counted_at) as since
    from counts

    union all

    select
        'quarantined' as finding,
        count(*) as items,
        min(received_at) as since
    from quarantined

    union all

    select
        'unknown_events' as finding,
        sum(events) as items,
        null as since
    from unknown_events

    union all

    select
        'unlisted_topics' as finding,
        sum(events) as items,
        null as since
    from unlisted_topics

    union all

    select
        'unmatched_rows' as finding,
        count(*) as items,
        null as since
    from unmatched_rows

    union all

    select
        'contacts_over_address_limit' as finding,
        count(*) as items,
        null as since
    from contacts_over_address_limit

    union all

    select
        'postmaster_unread' as finding,
        count(*) as items,
        null as since
    from postmaster_rows

)

select
    finding,
    cast(case when finding in ({{ urgent }}) then 1 else 2 end as {{ type_int64() }}) as severity,
    finding in ({{ urgent }}, {{ hiding }}) as may_hide_opt_outs,
    cast(items as {{ type_int64() }}) as items,
    since
from findings
where items > 0
