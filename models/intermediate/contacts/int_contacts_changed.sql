{{
    config(
        materialized='incremental',
        incremental_strategy=append_strategy(),
        on_schema_change='fail',
        partition_by=by_day('changed_at'),
    )
}}

{%- set channels = {'email': 'email', 'sms': 'phone', 'push': 'push_token'} %}
{%- set since = watermark('changed_at') if is_incremental() %}

with recursive

events as (

    select * from {{ ref('events') }}

),

superseded_events as (

    select * from {{ ref('int_events_superseded') }}

),

identifiers as (

    select * from {{ ref('int_contact_identifiers') }}

),

policy as (

    select * from {{ ref('suppression_policy') }}

),

releases as (

    select * from {{ ref('suppression_releases') }}

),

topics as (

    select * from {{ ref('topics') }}

),

-- What the state of everybody depends on: seeds and vars.
rules as (

    select reason || '/' || attribute || '/' || cast(precedence as {{ dbt.type_string() }}) || '/' || suppresses as rule_text
    from policy
    union all
    select 'release/' || reason || '/' || event_type as rule_text
    from releases
    union all
    select 'topic/' || source || '/' || topic || '/' || cast(suppresses as {{ dbt.type_string() }}) as rule_text
    from topics
    union all
    select 'vars/{{ var('max_addresses_per_contact') }}/{{ var('count_machine_opens') }}' as rule_text

),

rule_prints as (

    select {{ dbt.hash("string_agg(rule_text, '|' order by rule_text)") }} as rule_print
    from rules

),

{% if is_incremental() -%}
last_rule_prints as (

    select contact_id as rule_print
    from {{ this }}
    where is_everything
    qualify row_number() over (order by changed_at desc) = 1

),

new_events as (

    select
        channel,
        address,
        external_id,
        email,
        phone,
        push_token
    from events
    where loaded_at > {{ since }}

    union all

    select
        channel,
        address,
        external_id,
        email,
        phone,
        push_token
    from superseded_events
    where loaded_at > {{ since }}

),

named as (

    select distinct
        external_id,
        cast(null as {{ dbt.type_string() }}) as channel,
        cast(null as {{ dbt.type_string() }}) as address
    from new_events
    where external_id is not null

    {% for channel, address in channels.items() -%}
    union distinct

    select
        cast(null as {{ dbt.type_string() }}) as external_id,
        '{{ channel }}' as channel,
        {{ address }} as address
    from new_events
    where {{ address }} is not null
    {% endfor %}

),

named_ids as (

    select
        {{ contact_id('external_id', 'channel', 'address') }} as contact_id,
        external_id,
        channel,
        address
    from named

),

edges as (

    select
        contact_id as from_id,
        address_id as to_id
    from identifiers

    union all

    select
        address_id as from_id,
        contact_id as to_id
    from identifiers

),

-- The whole group that is linked with what was named: nothing outside of it can change.
reached_ids as (

    select contact_id
    from named_ids

    union distinct

    select edges.to_id as contact_id
    from reached_ids
    inner join edges
        on reached_ids.contact_id = edges.from_id

),

linked_names as (

    select distinct
        identifiers.contact_id,
        identifiers.external_id,
        cast(null as {{ dbt.type_string() }}) as channel,
        cast(null as {{ dbt.type_string() }}) as address
    from identifiers
    inner join reached_ids
        on identifiers.contact_id = reached_ids.contact_id

    union distinct

    select
        identifiers.address_id as contact_id,
        cast(null as {{ dbt.type_string() }}) as external_id,
        identifiers.channel,
        identifiers.address
    from identifiers
    inner join reached_ids
        on identifiers.address_id = reached_ids.contact_id

),
{%- endif %}

changed as (

    -- The marker: everything is changed when this log begins and when a rule changes.
    select
        rule_prints.rule_print as contact_id,
        cast(null as {{ dbt.type_string() }}) as external_id,
        cast(null as {{ dbt.type_string() }}) as channel,
        cast(null as {{ dbt.type_string() }}) as address,
        true as is_everything
    from rule_prints
    {% if is_incremental() -%}
    where rule_prints.rule_print not in (select last_rule_prints.rule_print from last_rule_prints)

    union all

    select
        contact_id,
        external_id,
        channel,
        address,
        false as is_everything
    from named_ids

    union all

    select
        linked_names.contact_id,
        linked_names.external_id,
        linked_names.channel,
        linked_names.address,
        false as is_everything
    from linked_names
    left join named_ids
        on linked_names.contact_id = named_ids.contact_id
    where named_ids.contact_id is null
    {%- endif %}

)

select
    contact_id,
    external_id,
    channel,
    address,
    is_everything,
    {{ build_time() }} as changed_at
from changed
