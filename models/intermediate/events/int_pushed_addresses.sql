{{
    config(
        materialized='incremental',
        incremental_strategy=replace_strategy(),
        unique_key='placement_id',
        on_schema_change='fail',
        partition_by=by_day('computed_at'),
        cluster_by=['destination', 'channel', 'address'],
    )
}}

with

ledger as (

    select * from {{ source('raw', 'sync_ledger') }}
    where
        (
            outcome in ('confirmed', 'accepted')
            -- An intent: the call may have gone out before the run died. What is only maybe ours hides no refusal.
            or (outcome = 'intended' and action <> 'suppress')
            -- No answer, or none that can be read: it may have taken effect all the same.
            or (
                outcome = 'failed'
                and attempts > 0
                and (http_status is null or http_status >= 500 or http_status between 200 and 299)
            )
        )
        and address is not null
        {%- if is_incremental() %}
        and {{ pushed_since(this) }}
        {%- endif %}

),

runs as (

    select
        run_id,
        destination,
        min(started_at) as started_at
    from {{ source('raw', 'sync_runs') }}
    {% if is_incremental() -%}
    where {{ pushed_since(this, 'expires_at') }}
    {%- endif %}
    group by run_id, destination

),

placements as (

    select
        {{ surrogate_key(['run_id', 'delta_id']) }} as placement_id,
        destination,
        channel,
        address,
        action,
        run_id,
        max(case when outcome in ('confirmed', 'accepted') then 1 else 0 end) = 1 as is_certain,
        max(attempts) as attempts,
        max(pushed_at) as pushed_at
    from ledger
    group by run_id, delta_id, destination, channel, address, action

)

select
    placements.placement_id,
    placements.destination,
    placements.channel,
    placements.address,
    placements.action,
    placements.is_certain,
    placements.pushed_at,
    -- An answer is on record after the platform acted on it: a moment, or minutes where the call was repeated.
    case
        when placements.is_certain and placements.attempts <= 1 and placements.action = 'suppress'
            then {{ timestamp_plus('placements.pushed_at', -60, 'second') }}
        else {{ timestamp_plus('placements.pushed_at', -var('own_minutes'), 'minute') }}
    end as acted_from,
    coalesce(runs.started_at, {{ timestamp_plus('placements.pushed_at', -60, 'second') }}) as begun_at,
    {{ build_time() }} as computed_at
from placements
left join runs
    on
        placements.run_id = runs.run_id
        and placements.destination = runs.destination
{% if is_incremental() -%}
left join {{ this }} as stored
    on placements.placement_id = stored.placement_id
-- The day before the last build is read again; what stood then is no news, unless its answer came since.
where
    stored.placement_id is null
    or placements.pushed_at > stored.pushed_at
{%- endif %}
{{ stored_by(['destination', 'channel', 'address']) if not is_incremental() }}
