{{
    config(
        materialized='incremental',
        incremental_strategy=replace_strategy(),
        unique_key='event_id',
        on_schema_change='fail',
        partition_by=by_day('loaded_at'),
        cluster_by=['loaded_at', 'channel', 'event_type', 'address'],
        meta={'fed_by': 'events', 'merge_predicate': 'merges_corrections'},
    )
}}

{%- set since = watermark('loaded_at') if is_incremental() %}
{%- set new = newly_loaded(since) if is_incremental() %}
-- depends_on: {{ ref('int_events_deduplicated') }}
with

copies as {{ inlined() }} (

    select * from {{ ref('int_events_unioned') }}
    where
        quarantine_reason is null
        and received_at <= {{ as_of() }}
        {%- if is_incremental() %}
        and {{ new }}
        {%- endif %}

),

{% if is_incremental() -%}
deduplicated as (

    select * from {{ ref('int_events_deduplicated') }}
    where
        {{ in_copy_days(new) }}
        and loaded_at > {{ since }}

),

candidates as (

    select copies.*
    from copies
    inner join deduplicated
        on
            copies.event_id = deduplicated.event_id
            and copies.delivery_id = deduplicated.delivery_id
            and copies.position = deduplicated.position
            and copies.received_at = deduplicated.received_at
            and copies.landing_part = deduplicated.landing_part

),
{%- else -%}
candidates as {{ inlined() }} (

    select * from copies

),
{%- endif %}

{{ first_of_each('candidates', 'event_id', copy_order(), 'earliest_copies') }},

pushed as (

    select * from {{ ref('int_pushed_addresses') }}

),

{{ own_events('earliest_copies') }}

select
    earliest_copies.event_id,
    earliest_copies.delivery_id,
    earliest_copies.position,
    earliest_copies.source,
    earliest_copies.channel,
    earliest_copies.event_type,
    earliest_copies.provider_event,
    earliest_copies.address,
    earliest_copies.external_id,
    earliest_copies.email,
    earliest_copies.phone,
    earliest_copies.push_token,
    earliest_copies.push_token_type,
    earliest_copies.platform_id,
    earliest_copies.topic,
    earliest_copies.message_id,
    earliest_copies.sender_domain,
    earliest_copies.trait_value,
    earliest_copies.reason,
    earliest_copies.bounce_class,
    earliest_copies.is_softened,
    earliest_copies.source_of_change,
    earliest_copies.is_machine,
    earliest_copies.is_echo,
    earliest_copies.is_list_entry,
    own_events.event_id is not null
    or coalesce(earliest_copies.source_of_change = 'contact-sync', false) as is_own,
    earliest_copies.event_timestamp,
    earliest_copies.effective_at,
    earliest_copies.received_at,
    {{ build_time() }} as loaded_at
from earliest_copies
left join own_events
    on earliest_copies.event_id = own_events.event_id
