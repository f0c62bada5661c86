{{ config(materialized='view') }}

{%- set key = ['destination', 'channel', 'scope', 'subject', 'list_name'] %}

with

compact_states as {{ inlined() }} (

    select * from {{ ref('int_ledger_latest') }}

),

-- What was written since the last build, and a day before it.
recent_rows as {{ inlined() }} (

    select
        *,
        {{ outcome_class() }} as outcome_class
    from {{ ref('int_ledger_outcomes') }}
    where {{ pushed_since(ref('int_ledger_latest')) }}

),

trusting as {{ inlined() }} (

    select
        destination,
        channel,
        coalesce(scope, '') as scope
    from {{ ref('destinations') }}
    where trusts_own

),

lists as (

    select * from {{ ref('int_destination_lists') }}

),

destination_reasons as (

    select
        destination,
        channel,
        coalesce(scope, '') as scope,
        reason
    from {{ ref('destination_reasons') }}

),

latest_events as (

    select * from {{ ref('int_events_latest') }}
    where last_at is not null

),

known_states as {{ inlined() }} (

    select * from compact_states
    where outcome_class = 'known'

),

recent_answers as {{ inlined() }} (

    select * from recent_rows
    where outcome_class = 'known'

),

recently_known as (

    select
        {{ key | join(',\n        ') }},
        action,
        reason,
        event_id,
        event_timestamp,
        run_id,
        delta_id,
        pushed_at
    from recent_answers
    where true
    qualify
        row_number() over (
            partition by {{ key | join(', ') }}
            order by pushed_at desc, run_id desc, delta_id desc
        ) = 1

),

answered as {{ inlined() }} (

    select
        {% for name in key -%}
        known_states.{{ name }},
        {% endfor -%}
        known_states.action,
        known_states.reason,
        known_states.event_id,
        known_states.event_timestamp,
        known_states.run_id,
        known_states.delta_id,
        known_states.pushed_at as known_at
    from known_states
    left join recently_known
        on
            {% for name in key -%}
            known_states.{{ name }} = recently_known.{{ name }}
            {{ 'and' if not loop.last }}
            {% endfor %}
    where recently_known.delta_id is null

    union all

    select
        {{ key | join(',\n        ') }},
        action,
        reason,
        event_id,
        event_timestamp,
        run_id,
        delta_id,
        pushed_at as known_at
    from recently_known

),

-- What never went out by its own run's word.
unsent as (

    select distinct
        run_id,
        delta_id
    from recent_rows
    where is_unsent

),

-- What was about to be sent, and what was refused for good or was not there.
other_outcomes as {{ inlined() }} (

    {% for part in ['compact_states', 'recent_rows'] -%}
    select
        {% for name in key + ['outcome_class', 'reason', 'event_id', 'event_timestamp', 'delta_id', 'pushed_at'] -%}
        {{ part }}.{{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ part }}
    left join unsent
        on
            {{ part }}.run_id = unsent.run_id
            and {{ part }}.delta_id = unsent.delta_id
            and {{ part }}.outcome_class in ('attempted', 'intended')
    where
        {{ part }}.outcome_class <> 'known'
        and unsent.delta_id is null
    {{ 'union all' if not loop.last }}

    {% endfor -%}

),

intents as (

    select
        {{ key | join(',\n        ') }},
        max(pushed_at) as intended_at
    from other_outcomes
    where outcome_class = 'intended'
    group by {{ key | join(', ') }}

),

refused_deltas as (

    select
        destination,
        delta_id,
        max(pushed_at) as refused_at
    from other_outcomes
    where outcome_class in ('rejected', 'absent')
    group by destination, delta_id

),

absent_keys as (

    select
        {{ key | join(',\n        ') }},
        max(pushed_at) as absent_at
    from other_outcomes
    where outcome_class = 'absent'
    group by {{ key | join(', ') }}

),

-- Suppressions that may have arrived; of whom was forgotten nothing is sent any more.
attempts as (

    select other_outcomes.*
    from other_outcomes
    left join refused_deltas
        on
            other_outcomes.destination = refused_deltas.destination
            and other_outcomes.delta_id = refused_deltas.delta_id
            and other_outcomes.pushed_at <= refused_deltas.refused_at
    left join absent_keys
        on
            {% for name in key -%}
            other_outcomes.{{ name }} = absent_keys.{{ name }}
            and {% endfor -%}
            other_outcomes.pushed_at <= absent_keys.absent_at
    where
        other_outcomes.outcome_class = 'attempted'
        and other_outcomes.subject not like 'forgotten-%'
        and refused_deltas.delta_id is null
        and absent_keys.subject is null

),

latest_attempts as (

    select *
    from attempts
    where true
    qualify row_number() over (partition by {{ key | join(', ') }} order by pushed_at desc, delta_id desc) = 1

),

-- A positive verb went out, or was about to, and no answer to it is on record: nobody knows what the platform has.
unanswered as (

    select
        {% for name in key -%}
        intents.{{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from intents
    left join answered
        on
            {% for name in key -%}
            intents.{{ name }} = answered.{{ name }}
            {{ 'and' if not loop.last }}
            {% endfor %}
    where
        answered.known_at is null
        or intents.intended_at >= answered.known_at

),

-- What a platform that is trusted said of its own list.
statements as (

    select
        trusting.destination,
        trusting.channel,
        trusting.scope,
        latest_events.address as subject,
        case when latest_events.event_type in ('subscribe', 'topic_subscribe', 'reactivate') then 'release' else 'suppress' end as action,
        case when latest_events.event_type = 'topic_unsubscribe' then 'unsubscribe' else latest_events.event_type end as reason,
        latest_events.last_event_id as event_id,
        latest_events.last_at as known_at
    from trusting
    inner join latest_events
        on
            trusting.destination = latest_events.source
            and trusting.channel = latest_events.channel
    where
        latest_events.address is not null
        and not latest_events.is_own
        and (
            latest_events.event_type in ('complaint', 'unsubscribe', 'bounce', 'block')
            or (latest_events.event_type in ('subscribe', 'reactivate') and coalesce(latest_events.topic, '') = trusting.scope)
            or (latest_events.event_type in ('topic_unsubscribe', 'topic_subscribe') and latest_events.topic = trusting.scope)
        )

),

-- What the row does not take puts nobody on the list: a bounce is no opt-out there.
reports as (

    select statements.*
    from statements
    left join destination_reasons
        on
            statements.destination = destination_reasons.destination
            and statements.channel = destination_reasons.channel
            and statements.scope = destination_reasons.scope
            and statements.reason = destination_reasons.reason
    where
        statements.action = 'release'
        or destination_reasons.reason is not null

),

reported as (

    select
        reports.destination,
        reports.channel,
        reports.scope,
        reports.subject,
        coalesce(lists.list_name, '') as list_name,
        reports.action,
        reports.reason,
        reports.event_id,
        reports.known_at as event_timestamp,
        cast(null as {{ dbt.type_string() }}) as run_id,
        reports.event_id as delta_id,
        reports.known_at
    from reports
    left join lists
        on
            reports.destination = lists.destination
            and reports.channel = lists.channel
            and reports.scope = lists.scope
            and reports.reason = lists.reason

),

trusted_answers as (

    select answered.*
    from answered
    inner join trusting
        on
            answered.destination = trusting.destination
            and answered.channel = trusting.channel
            and answered.scope = trusting.scope

),

-- At the same instant it is suppressed there: a call too few is repaired, a text too many is not.
trusted as (

    select *
    from (
        select * from trusted_answers
        union all
        select * from reported
    ) as both_ways
    where true
    qualify
        row_number() over (
            partition by {{ key | join(', ') }}
            order by known_at desc, case when action = 'suppress' then 0 else 1 end, run_id desc, delta_id desc
        ) = 1

),

known as (

    select answered.*
    from answered
    left join trusting
        on
            answered.destination = trusting.destination
            and answered.channel = trusting.channel
            and answered.scope = trusting.scope
    where trusting.destination is null

    union all

    select * from trusted

),

open_attempts as (

    select latest_attempts.*
    from latest_attempts
    left join known
        on
            {% for name in key -%}
            latest_attempts.{{ name }} = known.{{ name }}
            {{ 'and' if not loop.last }}
            {% endfor %}
    where
        known.known_at is null
        or latest_attempts.pushed_at >= known.known_at

),

-- A suppression went out, or was about to, and nothing is known since: it is taken for one that arrived.
attempted as (

    select
        {% for name in key -%}
        coalesce(known.{{ name }}, open_attempts.{{ name }}) as {{ name }},
        {% endfor -%}
        case when open_attempts.delta_id is not null then 'suppress' else known.action end as action,
        {% for name in ['reason', 'event_id', 'event_timestamp'] -%}
        case when open_attempts.delta_id is not null then open_attempts.{{ name }} else known.{{ name }} end as {{ name }},
        {% endfor -%}
        known.run_id,
        known.delta_id,
        case when open_attempts.delta_id is not null then open_attempts.pushed_at else known.known_at end as known_at,
        open_attempts.delta_id is not null as is_attempted
    from known
    full outer join open_attempts
        on
            {% for name in key -%}
            known.{{ name }} = open_attempts.{{ name }}
            {{ 'and' if not loop.last }}
            {% endfor %}

)

select
    {% for name in key -%}
    attempted.{{ name }},
    {% endfor -%}
    attempted.action,
    attempted.reason,
    attempted.event_id,
    attempted.event_timestamp,
    attempted.run_id,
    attempted.delta_id,
    attempted.known_at,
    attempted.is_attempted,
    attempted.is_attempted
    or unanswered.destination is not null as is_unknown
from attempted
left join unanswered
    on
        {% for name in key -%}
        attempted.{{ name }} = unanswered.{{ name }}
        {{ 'and' if not loop.last }}
        {% endfor %}
