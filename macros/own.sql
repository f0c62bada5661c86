{#- CTEs that end in own_events (event_id, address): what a platform repeats of what we told it. A CTE `pushed` has
    int_pushed_addresses. candidates: a CTE with event_id, source, channel, event_type, provider_event, address, is_echo, effective_at
    and received_at. -#}
{% macro own_events(candidates) -%}
{%- set unmarked_sources = var('unmarked_sources') | join("', '") %}
{%- set minutes_after = timestamp_plus('pushed.pushed_at', var('own_minutes'), 'minute') %}
{%- set is_within %}
pushed.acted_from <= repeatable.effective_at
and (pushed.is_certain or repeatable.effective_at <= {{ minutes_after }})
{%- endset %}
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
    from {{ candidates }}
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
        repeatable.address,
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
    group by
        repeatable.event_id, repeatable.address, repeatable.effective_at, repeatable.is_opt_in, repeatable.is_unmarked,
        repeatable.is_listed

),

-- In doubt an opt-out counts and an opt-in does not.
own_events as (

    select
        event_id,
        address
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
{%- endmacro %}
