{{
    config(
        materialized='incremental',
        incremental_strategy=replace_strategy(),
        unique_key='pushed_address_id',
        on_schema_change='fail',
        partition_by=by_day('computed_at'),
        cluster_by=['destination', 'channel', 'address'],
        meta={'fed_by': 'ledger'},
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

pushed as (

    select
        {{ surrogate_key(['run_id', 'delta_id']) }} as pushed_address_id,
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
    pushed.pushed_address_id,
    pushed.destination,
    pushed.channel,
    pushed.address,
    pushed.action,
    pushed.is_certain,
    pushed.pushed_at,
    -- An answer is on record after the platform acted on it: a moment, or minutes where the call was repeated.
    case
        when pushed.is_certain and pushed.attempts <= 1 and pushed.action = 'suppress'
            then {{ timestamp_plus('pushed.pushed_at', -60, 'second') }}
        else {{ timestamp_plus('pushed.pushed_at', -var('own_minutes'), 'minute') }}
    end as acted_from,
    coalesce(runs.started_at, {{ timestamp_plus('pushed.pushed_at', -60, 'second') }}) as begun_at,
    {{ build_time() }} as computed_at
from pushed
left join runs
    on
        pushed.run_id = runs.run_id
        and pushed.destination = runs.destination
{% if is_incremental() -%}
left join {{ this }} as stored
    on pushed.pushed_address_id = stored.pushed_address_id
-- The day before the last build is read again; what stood then is no news, unless its answer came since.
where
    stored.pushed_address_id is null
    or pushed.pushed_at > stored.pushed_at
{%- endif %}
{{ stored_by(['destination', 'channel', 'address']) if not is_incremental() }}
