{{ config(materialized='view') }}

with

compact as (

    select * from {{ ref('int_ledger_latest') }}
    where outcome_class <> 'known'

),

recent as {{ inlined() }} (

    select * from {{ ref('int_ledger_recent') }}

),

unsent as (

    select distinct
        run_id,
        delta_id
    from recent
    where is_unsent

),

unconfirmed as (

    {% for part in ['compact', 'recent'] -%}
    select
        {{ ledger_key() | join(',\n        ') }},
        outcome_class,
        reason,
        event_id,
        event_timestamp,
        run_id,
        delta_id,
        pushed_at
    from {{ part }}
    {{ "where outcome_class <> 'known'" if loop.last else 'union all' }}

    {% endfor -%}

)

-- What never went out by its own run's word was not sent.
select
    unconfirmed.destination,
    unconfirmed.channel,
    unconfirmed.scope,
    unconfirmed.subject,
    unconfirmed.list_name,
    unconfirmed.outcome_class,
    unconfirmed.reason,
    unconfirmed.event_id,
    unconfirmed.event_timestamp,
    unconfirmed.delta_id,
    unconfirmed.pushed_at
from unconfirmed
left join unsent
    on
        unconfirmed.run_id = unsent.run_id
        and unconfirmed.delta_id = unsent.delta_id
        and unconfirmed.outcome_class in ('attempted', 'intended')
where unsent.delta_id is null
