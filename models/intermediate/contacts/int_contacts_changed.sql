{{
    config(
        materialized='incremental',
        incremental_strategy=append_strategy(),
        on_schema_change='fail',
        meta={'fed_by': 'events', 'replaces': '*'},
    )
}}

{%- set channels = {'email': 'email', 'sms': 'phone', 'push': 'push_token'} %}
{%- set since = watermark('loaded_at') %}

with {{ 'recursive' if not rebuilds_groups() }}

events as (

    select * from {{ ref('events') }}

),

superseded_events as (

    select * from {{ ref('int_events_superseded') }}

),

identifiers as (

    select * from {{ ref('int_contact_identifiers') }}

),

latest_events as (

    select * from {{ ref('int_events_latest') }}

),

platform_ids as (

    select
        {{ surrogate_key(["'platform_id'", 'platform_id']) }} as contact_id,
        address_id,
        channel,
        address,
        loaded_at
    from {{ ref('int_platform_ids') }}

),

{% if rebuilds_groups() -%}
named as (

    select
        external_id,
        cast(null as {{ dbt.type_string() }}) as channel,
        cast(null as {{ dbt.type_string() }}) as address
    from latest_events
    where external_id is not null

    union distinct

    select
        cast(null as {{ dbt.type_string() }}) as external_id,
        channel,
        address
    from latest_events
    where address is not null

),
{%- else -%}
new_events as (

    select
        external_id,
        email,
        phone,
        push_token,
        platform_id
    from events
    where loaded_at > {{ since }}

    union all

    select
        external_id,
        email,
        phone,
        push_token,
        platform_id
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
{%- endif %}

named_ids as (

    select
        {{ contact_id('external_id', 'channel', 'address') }} as contact_id,
        external_id,
        channel,
        address
    from named

),

{% if not rebuilds_groups() -%}
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

    union all

    select
        contact_id as from_id,
        address_id as to_id
    from platform_ids

    union all

    select
        address_id as from_id,
        contact_id as to_id
    from platform_ids

),

-- The whole group that is linked with what was named: nothing outside of it can change.
reached_ids as (

    select contact_id
    from named_ids

    union distinct

    select {{ surrogate_key(["'platform_id'", 'platform_id']) }} as contact_id
    from new_events
    where platform_id is not null

    union distinct

    -- A link may be known by a copy that does not stand.
    select address_id as contact_id
    from platform_ids
    where loaded_at > {{ since }}

    union distinct

    select edges.to_id as contact_id
    from reached_ids
    inner join edges
        on reached_ids.contact_id = edges.from_id

),
{%- endif %}

linked_names as (

    select distinct
        identifiers.contact_id,
        identifiers.external_id,
        cast(null as {{ dbt.type_string() }}) as channel,
        cast(null as {{ dbt.type_string() }}) as address
    from identifiers
    {% if not rebuilds_groups() -%}
    inner join reached_ids
        on identifiers.contact_id = reached_ids.contact_id
    {%- endif %}

    union distinct

    select
        identifiers.address_id as contact_id,
        cast(null as {{ dbt.type_string() }}) as external_id,
        identifiers.channel,
        identifiers.address
    from identifiers
    {% if not rebuilds_groups() -%}
    inner join reached_ids
        on identifiers.address_id = reached_ids.contact_id
    {%- endif %}

    union distinct

    select
        platform_ids.address_id as contact_id,
        cast(null as {{ dbt.type_string() }}) as external_id,
        platform_ids.channel,
        platform_ids.address
    from platform_ids
    {% if not rebuilds_groups() -%}
    inner join reached_ids
        on platform_ids.address_id = reached_ids.contact_id
    {%- endif %}

),

changed as (

    select * from named_ids
    union distinct
    select * from linked_names

)

select
    contact_id,
    external_id,
    channel,
    address,
    {{ build_time() }} as changed_at
from changed
