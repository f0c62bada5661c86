{{
    config(
        materialized='incremental',
        incremental_strategy=replace_strategy(),
        unique_key='outcome_id',
        on_schema_change='fail',
        partition_by=by_day('computed_at'),
        cluster_by=['destination', 'outcome_class', 'channel', 'scope'],
        meta={'fed_by': 'ledger'},
    )
}}

{%- set outcome_key = ledger_key() + ['outcome_class', 'settled_delta_id'] %}

with

ledger as (

    select
        *,
        {{ outcome_class() }} as outcome_class,
        case
            when outcome in ('rejected', 'absent') or {{ outcome_class() }} = 'attempted' then delta_id
        end as settled_delta_id
    from {{ ref('int_ledger_outcomes') }}
    {% if is_incremental() -%}
    where {{ pushed_since(this) }}
    {%- endif %}

),

-- What never went out by its own run's word.
unsent as (

    select distinct
        run_id,
        delta_id
    from ledger
    where is_unsent

),

outcomes as (

    select ledger.*
    from ledger
    left join unsent
        on
            ledger.run_id = unsent.run_id
            and ledger.delta_id = unsent.delta_id
            and ledger.outcome_class in ('attempted', 'intended')
    where
        ledger.outcome_class is not null
        and unsent.delta_id is null

),

latest_answers as (

    select
        {{ outcome_key | join(',\n        ') }},
        {{ last_of(['pushed_at', 'run_id', 'delta_id', 'action', 'reason', 'event_id', 'event_timestamp']) }} as answer
    from outcomes
    group by {{ outcome_key | join(', ') }}

),

-- A suppression that was answered since it was attempted is known: nearly all of them.
open_outcomes as (

    select latest_answers.*
    from latest_answers
    left join latest_answers as known
        on
            {{ same_key('latest_answers', 'known') | indent(12) }}
            and latest_answers.outcome_class = 'attempted'
            and known.outcome_class = 'known'
            and latest_answers.answer.pushed_at <= known.answer.pushed_at
    where known.outcome_class is null

),

identified as (

    select
        {{ surrogate_key(outcome_key) }} as outcome_id,
        destination,
        channel,
        scope,
        subject,
        list_name,
        outcome_class,
        answer.action,
        answer.reason,
        answer.event_id,
        answer.event_timestamp,
        answer.run_id,
        answer.delta_id,
        answer.pushed_at
    from open_outcomes

)

select
    identified.outcome_id,
    identified.destination,
    identified.channel,
    identified.scope,
    identified.subject,
    identified.list_name,
    identified.outcome_class,
    identified.action,
    identified.reason,
    identified.event_id,
    identified.event_timestamp,
    identified.run_id,
    identified.delta_id,
    identified.pushed_at,
    {{ build_time() }} as computed_at
from identified
{% if is_incremental() -%}
left join {{ this }} as stored
    on identified.outcome_id = stored.outcome_id
-- The day before the last build is read again; what stood then is no news.
where
    stored.outcome_id is null
    or identified.pushed_at > stored.pushed_at
    or (identified.pushed_at = stored.pushed_at and identified.run_id > stored.run_id)
    or (
        identified.pushed_at = stored.pushed_at
        and identified.run_id = stored.run_id
        and identified.delta_id > stored.delta_id
    )
{%- endif %}
{{ stored_by(['destination', 'outcome_class', 'channel', 'scope']) if not is_incremental() }}
