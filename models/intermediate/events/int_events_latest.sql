{{
    config(
        materialized='incremental',
        incremental_strategy=replace_strategy(),
        unique_key='latest_event_key',
        on_schema_change='fail',
        cluster_by=['channel', 'event_type', 'address'],
        meta={'fed_by': 'events'},
    )
}}

{%- set since = watermark('loaded_at') if is_incremental() %}
{%- set names = [
    'channel', 'external_id', 'address', 'platform_id', 'event_type', 'source', 'topic', 'is_echo', 'is_list_entry', 'is_machine',
    'is_own',
] %}
{%- set facts = ['effective_at', 'event_id', 'received_at', 'source_of_change'] %}
{%- set columns = (names + facts + ['loaded_at']) | join(',\n        ') %}
{#- What names an address is told by it; the platform's own id beside it is a link (int_platform_ids). -#}
{%- set platform_id = 'case when address is null then platform_id end as platform_id' %}

-- depends_on: {{ ref('int_events_corrected') }}
with

superseded_events as (

    select
        {{ (names | reject('equalto', 'is_own') | list + ['loaded_at']) | join(',\n        ') | replace('platform_id', platform_id) }}
    from {{ ref('int_events_superseded') }}
    where channel is not null

),

events as {{ inlined() }} (

    select
        {{ columns | replace('platform_id', platform_id) }}
    from {{ ref('events') }}
    where channel is not null

),

new_events as (

    select
        {{ columns }}
    from events
    {% if is_incremental() -%}
    where loaded_at > {{ since }}
    {%- endif %}

),

{% if is_incremental() -%}
owners as (

    select true as is_own
    union all
    select false as is_own

),

superseded_names as (

    select distinct
        {% for name in names | reject('equalto', 'is_own') -%}
        superseded_events.{{ name }},
        {% endfor -%}
        owners.is_own
    from superseded_events
    -- Whether the copy was our own doing is not kept with it.
    cross join owners
    where loaded_at > {{ since }}

),

{% if has_superseded(since) -%}
-- What a superseded copy had named is read anew from the events that stand.
reread_events as (

    select
        {% for name in names + facts + ['loaded_at'] -%}
        events.{{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from events
    inner join superseded_names
        on
            {% for name in names -%}
            events.{{ name }} is not distinct from superseded_names.{{ name }}
            {{ 'and' if not loop.last }}
            {% endfor %}

),
{%- endif %}

corrected_ids as (

    select event_id from {{ ref('int_events_corrected') }}
    {% if replaced_since() -%}
    where
        {{ in_copy_days(newly_loaded(since)) }}
        and loaded_at > {{ since }}
    {%- else -%}
    where false
    {%- endif %}

),

known as (

    select *
    from {{ this }}
    where
        latest_event_key in (select {{ surrogate_key(names) }} from new_events)
        and latest_event_key not in (select {{ surrogate_key(names) }} from superseded_names)
        and last_at is not null

),
{%- endif %}

-- The first and the last that are known stand for all before them.
occurrences as (

    select
        {{ columns }}
    from new_events

    {% if is_incremental() -%}
    {% if has_superseded(since) -%}
    union all

    select
        {{ columns }}
    from reread_events
    {%- endif %}

    -- A correction stands in new_events as it is now.
    union all

    select
        {{ names | join(',\n        ') }},
        first_at,
        first_event_id,
        first_received_at,
        first_source_of_change,
        loaded_at
    from known
    where first_event_id not in (select corrected_ids.event_id from corrected_ids)

    union all

    select
        {{ names | join(',\n        ') }},
        last_at,
        last_event_id,
        last_received_at,
        last_source_of_change,
        loaded_at
    from known
    where last_event_id not in (select corrected_ids.event_id from corrected_ids)
    {%- endif %}

),

aggregated as (

    select
        {{ surrogate_key(names) }} as latest_event_key,
        {{ names | join(',\n        ') }},
        {{ first_of(facts) }} as first_event,
        {{ last_of(facts) }} as last_event,
        max(loaded_at) as loaded_at
    from occurrences
    group by {{ names | join(', ') }}

)

select
    latest_event_key,
    {{ names | join(',\n    ') }},
    first_event.effective_at as first_at,
    first_event.event_id as first_event_id,
    first_event.received_at as first_received_at,
    first_event.source_of_change as first_source_of_change,
    last_event.effective_at as last_at,
    last_event.event_id as last_event_id,
    last_event.received_at as last_received_at,
    last_event.source_of_change as last_source_of_change,
    loaded_at
from aggregated

{% if is_incremental() -%}
union all

-- Named by a superseded copy only: nothing names it any more.
select
    {{ surrogate_key(names) }} as latest_event_key,
    {{ names | join(',\n    ') }},
    null as first_at,
    null as first_event_id,
    null as first_received_at,
    null as first_source_of_change,
    null as last_at,
    null as last_event_id,
    null as last_received_at,
    null as last_source_of_change,
    {{ build_time() }} as loaded_at
from superseded_names
where
    {{ surrogate_key(names) }} not in (select aggregated.latest_event_key from aggregated)
    and {{ surrogate_key(names) }} in (select known_keys.latest_event_key from {{ this }} as known_keys)
{%- endif %}
