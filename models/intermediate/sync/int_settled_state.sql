{{ config(materialized='view') }}

{#- At the same instant it is suppressed there: a call too few is repaired, a text too many is not. -#}
{%- set is_reported -%}
    reports.pushed_at > answers.pushed_at
        or answers.pushed_at is null
        or (reports.pushed_at = answers.pushed_at and reports.action = 'suppress' and answers.action <> 'suppress')
{%- endset %}

with

answers as (

    select * from {{ ref('int_latest_answers') }}

),

reports as (

    select
        *,
        cast(null as {{ dbt.type_string() }}) as run_id,
        event_id as delta_id,
        event_timestamp as pushed_at
    from {{ ref('int_platform_reports') }}
    where true
    qualify
        row_number() over (
            partition by {{ ledger_key() | join(', ') }}
            order by event_timestamp desc, case when action = 'suppress' then 0 else 1 end, event_id desc
        ) = 1

),

compared as (

    select
        {% for name in ledger_key() -%}
        coalesce(answers.{{ name }}, reports.{{ name }}) as {{ name }},
        {% endfor -%}
        {% for name in ['action', 'reason', 'event_id', 'event_timestamp', 'run_id', 'delta_id', 'pushed_at'] -%}
        case when {{ is_reported }} then reports.{{ name }} else answers.{{ name }} end as {{ name }},
        {% endfor -%}
        answers.pushed_at as answered_at
    from answers
    full outer join reports
        on {{ same_key('answers', 'reports') | indent(12) }}

)

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
    pushed_at as known_at,
    answered_at
from compared
