{{
    config(
        materialized='incremental',
        incremental_strategy=append_strategy(),
        on_schema_change='fail',
        meta={'fed_by': 'deltas', 'replaces': '*'},
    )
}}

with

states_changed as (

    select * from {{ ref('int_states_changed') }}

),

answers as (

    select * from {{ ref('int_ledger_latest') }}
    where computed_at > {{ watermark('computed_at') }}

),

-- What a run took back of what it had announced stands in no answer.
withdrawals as (

    select * from {{ ref('int_ledger_recent') }}
    where is_unsent

),

destinations as (

    select
        destination,
        channel,
        coalesce(scope, '') as scope,
        mode
    from {{ ref('destinations') }}

),

ledger_changed as (

    select
        destination,
        channel,
        scope,
        subject
    from answers

    union distinct

    select
        destination,
        channel,
        scope,
        subject
    from withdrawals

),

subjects as (

    select
        ledger_changed.channel,
        ledger_changed.subject,
        coalesce(destinations.mode = 'profile', false) as is_profile
    from ledger_changed
    left join destinations
        on
            ledger_changed.destination = destinations.destination
            and ledger_changed.channel = destinations.channel
            and ledger_changed.scope = destinations.scope

),

addresses as (

    select * from {{ ref('int_contact_addresses') }}
    where
        channel = 'push'
        and address is not null

),

-- Some platforms know the owner of a token alone: one is freed there when none of the owner's is refused any more.
tokens_of_owners as (

    select distinct
        others.address_id,
        others.channel,
        others.address
    from subjects
    inner join addresses as owned
        on
            subjects.channel = owned.channel
            and subjects.subject = owned.address
    inner join addresses as others
        on owned.external_id = others.external_id
    where not subjects.is_profile

)

select
    contact_id,
    channel,
    address
from states_changed

union distinct

select
    address_id as contact_id,
    channel,
    address
from tokens_of_owners

union distinct

select
    {{ surrogate_key(['channel', 'subject']) }} as contact_id,
    channel,
    subject as address
from subjects
where not is_profile

union distinct

select
    subject as contact_id,
    cast(null as {{ dbt.type_string() }}) as channel,
    cast(null as {{ dbt.type_string() }}) as address
from subjects
where is_profile
