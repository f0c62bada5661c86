{{ config(materialized='view') }}

with

settled as (

    select * from {{ ref('int_settled_state') }}

),

answers as (

    select * from {{ ref('int_ledger_answers') }}

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

-- A positive verb went out, or was about to, and no answer to it is on record: nobody knows what the platform has.
unanswered as (

    select intents.*
    from intents
    left join answers
        on {{ same_key('intents', 'answers') | indent(12) }}
    where
        answers.pushed_at is null
        or intents.intended_at >= answers.pushed_at

),

open_attempts as (

    select attempts.*
    from attempts
    left join settled
        on {{ same_key('attempts', 'settled') | indent(12) }}
    where
        settled.known_at is null
        or attempts.pushed_at >= settled.known_at

),

-- A suppression went out, or was about to, and nothing is known since: it is taken for one that arrived.
synced as (

    select
        {% for name in ledger_key() -%}
        coalesce(settled.{{ name }}, open_attempts.{{ name }}) as {{ name }},
        {% endfor -%}
        case when open_attempts.delta_id is not null then 'suppress' else settled.action end as action,
        {% for name in ['reason', 'event_id', 'event_timestamp'] -%}
        case when open_attempts.delta_id is not null then open_attempts.{{ name }} else settled.{{ name }} end as {{ name }},
        {% endfor -%}
        settled.run_id,
        settled.delta_id,
        case when open_attempts.delta_id is not null then open_attempts.pushed_at else settled.known_at end as known_at,
        open_attempts.delta_id is not null as is_attempted
    from settled
    full outer join open_attempts
        on {{ same_key('settled', 'open_attempts') | indent(12) }}

)

select
    synced.destination,
    synced.channel,
    synced.scope,
    synced.subject,
    synced.list_name,
    synced.action,
    synced.reason,
    synced.event_id,
    synced.event_timestamp,
    synced.run_id,
    synced.delta_id,
    synced.known_at,
    synced.is_attempted,
    synced.is_attempted
    or unanswered.destination is not null as is_unknown
from synced
left join unanswered
    on {{ same_key('synced', 'unanswered') | indent(8) }}
