{{ config(materialized='view') }}

with

compact_answers as (

    select * from {{ ref('int_ledger_latest') }}
    where outcome_class = 'known'

),

recent_answers as (

    select * from {{ ref('int_ledger_recent') }}
    where outcome_class = 'known'
    qualify
        row_number() over (
            partition by {{ ledger_key() | join(', ') }}
            order by pushed_at desc, run_id desc, delta_id desc
        ) = 1

)

select
    compact_answers.destination,
    compact_answers.channel,
    compact_answers.scope,
    compact_answers.subject,
    compact_answers.list_name,
    compact_answers.action,
    compact_answers.reason,
    compact_answers.event_id,
    compact_answers.event_timestamp,
    compact_answers.run_id,
    compact_answers.delta_id,
    compact_answers.pushed_at
from compact_answers
left join recent_answers
    on {{ same_key('compact_answers', 'recent_answers') | indent(8) }}
where recent_answers.delta_id is null

union all

select
    destination,
    channel,
    scope,
    subject,
    list_name,
    action,
    reason,
    event_id,
    event_timestamp,
    run_id,
    delta_id,
    pushed_at
from recent_answers
