{{ config(materialized='view') }}

with

settled as (

    select * from {{ ref('int_settled_state') }}

),

attempts as (

    select * from {{ ref('int_ledger_attempts') }}

),

intents as (

    select
        {{ ledger_key() | join(',\n        ') }},
        max(pushed_at) as intended_at
    from {{ ref('int_ledger_unconfirmed') }}
    where outcome_class = 'intended'
    group by {{ ledger_key() | join(', ') }}

),

-- A suppression went out, or was about to, and nothing is known since: it is taken for one that arrived.
attempted as (

    select
        {% for name in ledger_key() -%}
        coalesce(settled.{{ name }}, attempts.{{ name }}) as {{ name }},
        {% endfor -%}
        settled.action,
        {% for name in ['reason', 'event_id', 'event_timestamp'] -%}
        settled.{{ name }},
        attempts.{{ name }} as attempted_{{ name }},
        {% endfor -%}
        settled.run_id,
        settled.delta_id,
        settled.known_at,
        settled.answered_at,
        attempts.pushed_at as attempted_at,
        attempts.pushed_at is not null
        and (settled.known_at is null or attempts.pushed_at >= settled.known_at) as is_attempted
    from settled
    full outer join attempts
        on {{ same_key('settled', 'attempts') | indent(12) }}

)

-- A positive verb went out, or was about to, and no answer to it is on record: nobody knows what the platform has.
select
    attempted.destination,
    attempted.channel,
    attempted.scope,
    attempted.subject,
    attempted.list_name,
    case when attempted.is_attempted then 'suppress' else attempted.action end as action,
    case when attempted.is_attempted then attempted.attempted_reason else attempted.reason end as reason,
    case when attempted.is_attempted then attempted.attempted_event_id else attempted.event_id end as event_id,
    case when attempted.is_attempted then attempted.attempted_event_timestamp else attempted.event_timestamp end as event_timestamp,
    attempted.run_id,
    attempted.delta_id,
    case when attempted.is_attempted then attempted.attempted_at else attempted.known_at end as known_at,
    attempted.is_attempted,
    attempted.is_attempted
    or (
        intents.intended_at is not null
        and (attempted.answered_at is null or intents.intended_at >= attempted.answered_at)
    ) as is_unknown
from attempted
left join intents
    on {{ same_key('attempted', 'intents') | indent(8) }}
