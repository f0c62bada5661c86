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
{%- set unmarked_sources = var('unmarked_sources') | join("', '") %}
{%- set minutes_after = timestamp_plus('pushed.pushed_at', var('own_minutes'), 'minute') %}
{%- set is_within %}
pushed.acted_from <= repeatable.effective_at
and (pushed.is_certain or repeatable.effective_at <= {{ minutes_after }})
{%- endset %}
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

-- What a platform may say because we told it so: an older act, an act of staff or API, an opt-in, an entry of its list.
repeatable as (

    select
        event_id,
        source,
        channel,
        address,
        effective_at,
        received_at,
        event_type in ('subscribe', 'topic_subscribe', 'reactivate') as is_opt_in,
        not is_echo and event_type in ('bounce', 'complaint', 'unsubscribe') as is_unmarked,
        provider_event like 'list/%' as is_listed
    from earliest_copies
    where
        address is not null
        and (
            is_echo
            or event_type in ('block', 'subscribe', 'topic_subscribe', 'reactivate')
            or (event_type = 'unsubscribe' and source in ('{{ unmarked_sources }}'))
            or (event_type in ('bounce', 'complaint', 'unsubscribe') and provider_event like 'list/%')
        )

),

-- A call whose end is unknown is ours for minutes. What does not say who acted needs an answer, and is given a moment.
pushed_before as (

    select
        repeatable.event_id,
        repeatable.effective_at,
        repeatable.is_opt_in,
        repeatable.is_unmarked,
        repeatable.is_listed,
        max(case when pushed.action = 'suppress' and {{ is_within }} then pushed.pushed_at end) as suppressed_at,
        max(
            case
                when
                    pushed.action = 'suppress'
                    and pushed.is_certain
                    and pushed.pushed_at <= {{ timestamp_plus('repeatable.effective_at', 60, 'second') }}
                    then pushed.pushed_at
            end
        ) as confirmed_at,
        max(
            case when pushed.action <> 'suppress' and pushed.pushed_at <= repeatable.effective_at then pushed.pushed_at end
        ) as freed_at,
        max(
            case
                when
                    pushed.action <> 'suppress'
                    and {{ is_within }}
                    and repeatable.effective_at <= {{ timestamp_plus('pushed.pushed_at', var('own_hours'), 'hour') }}
                    then pushed.pushed_at
            end
        ) as freed_lately_at
    from repeatable
    inner join pushed
        on
            repeatable.source = pushed.destination
            and repeatable.channel = pushed.channel
            and repeatable.address = pushed.address
            -- What came in before the run began made us push, and repeats nothing of it.
            and repeatable.received_at >= pushed.begun_at
    group by repeatable.event_id, repeatable.effective_at, repeatable.is_opt_in, repeatable.is_unmarked, repeatable.is_listed

),

-- In doubt an opt-out counts and an opt-in does not.
own_events as (

    select event_id
    from pushed_before
    where
        case
            when is_opt_in then freed_lately_at is not null
            -- The date of an entry is that of our call, or of one that was repeated.
            when is_unmarked and is_listed
                then
                    (freed_at is null or freed_at <= suppressed_at)
                    and effective_at <= {{ timestamp_plus('suppressed_at', var('own_minutes'), 'minute') }}
            when is_unmarked
                then
                    (freed_at is null or freed_at <= confirmed_at)
                    and effective_at <= {{ timestamp_plus('confirmed_at', var('own_minutes'), 'minute') }}
            else
                suppressed_at is not null
                and (freed_at is null or freed_at <= suppressed_at)
        end

)

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
    earliest_copies.topic,
    earliest_copies.trait_value,
    earliest_copies.reason,
    earliest_copies.bounce_class,
    earliest_copies.source_of_change,
    earliest_copies.is_machine,
    earliest_copies.is_echo,
    own_events.event_id is not null
    or coalesce(earliest_copies.source_of_change = 'contact-sync', false) as is_own,
    earliest_copies.event_timestamp,
    earliest_copies.effective_at,
    earliest_copies.received_at,
    {{ build_time() }} as loaded_at
from earliest_copies
left join own_events
    on earliest_copies.event_id = own_events.event_id
