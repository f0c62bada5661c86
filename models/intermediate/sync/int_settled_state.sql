{{ config(materialized='view') }}

with

trusting as {{ inlined() }} (

    select
        destination,
        channel,
        coalesce(scope, '') as scope
    from {{ ref('destinations') }}
    where trusts_own

),

answers as {{ inlined() }} (

    select * from {{ ref('int_ledger_answers') }}

),

reports as (

    select * from {{ ref('int_platform_reports') }}

),

answers_and_reports as (

    select
        answers.destination,
        answers.channel,
        answers.scope,
        answers.subject,
        answers.list_name,
        answers.action,
        answers.reason,
        answers.event_id,
        answers.event_timestamp,
        answers.run_id,
        answers.delta_id,
        answers.pushed_at as known_at
    from answers
    inner join trusting
        on
            answers.destination = trusting.destination
            and answers.channel = trusting.channel
            and answers.scope = trusting.scope

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
        cast(null as {{ dbt.type_string() }}) as run_id,
        event_id as delta_id,
        event_timestamp as known_at
    from reports

),

-- At the same instant it is suppressed there: a call too few is repaired, a text too many is not.
latest_of_both as (

    select * from answers_and_reports
    where true
    qualify
        row_number() over (
            partition by {{ ledger_key() | join(', ') }}
            order by known_at desc, case when action = 'suppress' then 0 else 1 end, run_id desc, delta_id desc
        ) = 1

)

select
    answers.destination,
    answers.channel,
    answers.scope,
    answers.subject,
    answers.list_name,
    answers.action,
    answers.reason,
    answers.event_id,
    answers.event_timestamp,
    answers.run_id,
    answers.delta_id,
    answers.pushed_at as known_at
from answers
left join trusting
    on
        answers.destination = trusting.destination
        and answers.channel = trusting.channel
        and answers.scope = trusting.scope
where trusting.destination is null

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
    known_at
from latest_of_both
