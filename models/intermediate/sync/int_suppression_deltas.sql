{{ config(materialized='view') }}

{%- set by_person = var('push_by_person') | join("', '") %}
{%- set of_key = 'partition by {0}.destination, {0}.channel, {0}.scope, {0}.address, {0}.list_name' %}

with

{{ list_suppressions(changes=true) }},

states as {{ inlined() }} (

    select * from {{ ref('int_contact_state') }}
    where address is not null

),

policy as (

    select * from {{ ref('suppression_policy') }}

),

recorded as (

    {{ recorded_events() }}

),

-- Judged by the reasons themselves: an empty or broken list must not look like a release.
refused as (

    select
        destination_reasons.destination,
        destination_reasons.channel,
        destination_reasons.scope,
        destination_reasons.list_name,
        reasons.address
    from reasons
    inner join destination_reasons
        on
            reasons.channel = destination_reasons.channel
            and reasons.reason = destination_reasons.reason
    where
        reasons.holds
        and reasons.is_suppressing

),

-- Placed there by us, and no reason that the destination takes holds any more.
placed as (

    select known.*
    from known
    inner join destinations
        on
            known.destination = destinations.destination
            and known.channel = destinations.channel
            and known.scope = destinations.scope
    left join refused
        on
            known.destination = refused.destination
            and known.channel = refused.channel
            and known.scope = refused.scope
            and known.list_name = refused.list_name
            and known.address = refused.address
    where
        known.action = 'suppress'
        and refused.address is null

),

-- Whether any reason of the file holds, or of the address, and since when the one had held that put it there.
held as (

    select
        placed.*,
        reasons.precedence,
        reasons.ended_at,
        reasons.ended_event_id,
        coalesce(lists.list_name, '') = placed.list_name as is_of_file,
        max(case when reasons.holds and coalesce(lists.list_name, '') = placed.list_name then 1 else 0 end)
            over ({{ of_key.format('placed') }}) = 1 as is_held,
        max(case when reasons.holds then 1 else 0 end) over ({{ of_key.format('placed') }}) = 1 as is_held_elsewhere,
        min(case when placed.reason = reasons.reason then reasons.reason_at end) over ({{ of_key.format('placed') }}) as held_since
    from placed
    left join reasons
        on
            placed.channel = reasons.channel
            and placed.address = reasons.address
    left join lists
        on
            placed.destination = lists.destination
            and placed.channel = lists.channel
            and placed.scope = lists.scope
            and reasons.reason = lists.reason

),

-- What is not younger than undone_from undoes nothing, whatever the reasons say by now (null: the ledger does not know). Silence began
-- a window before it counted: a sign of life since then ends it.
dated as (

    select
        *,
        case
            when reason = 'unengaged' then {{ timestamp_plus('event_timestamp', -var('unengaged_window_days'), 'day') }}
            else event_timestamp
        end as undone_from
    from held

),

-- Of what ended since: ended is what ended last, reason the first of them by precedence.
ended as (

    select
        *,
        coalesce(
            not is_held
            and is_of_file
            and ended_at >= held_since
            and (undone_from is null or ended_at > undone_from),
            false
        ) as is_ending
    from dated

),

freed as (

    select
        *,
        min(case when is_ending then precedence end) over ({{ of_key.format('ended') }}) as ended_precedence
    from ended
    where true
    qualify
        row_number() over (
            {{ of_key.format('ended') }}
            order by case when is_ending then 0 else 1 end, ended_at desc, ended_event_id desc
        ) = 1

),

-- Whether a contact of the address is suppressed all the same: without a reason on record, that is a broken build. And whether
-- the event of the suppression is gone: nobody knows what would have ended it. Silence is no event.
judged as (

    select
        freed.*,
        states.address is not null as is_suppressed,
        freed.undone_from is not null
        and freed.reason <> 'unengaged'
        and recorded.event_id is null as has_vanished
    from freed
    left join recorded
        on freed.event_id = recorded.event_id
    left join states
        on
            freed.channel = states.channel
            and freed.address = states.address
            and states.is_suppressed
    where true
    qualify row_number() over ({{ of_key.format('freed') }} order by states.contact_id) = 1

),

-- What is known by its owner's name alone is freed when no token of the owner's is refused any more.
refusing_owners as (

    select distinct
        refused.destination,
        refused.scope,
        states.external_id
    from refused
    inner join states
        on
            refused.channel = states.channel
            and refused.address = states.address
    where
        refused.channel = 'push'
        and refused.destination in ('{{ by_person }}')
        and states.is_suppressed
        and states.external_id is not null

),

-- Absence is never a release: only an explicit row of state releases, and by itself only where no
-- reason holds at all. What a changed seed or var freed waits for a person, as `policy`.
releases as (

    select
        judged.destination,
        judged.channel,
        judged.scope,
        judged.address,
        judged.list_name,
        states.contact_id,
        states.external_id,
        'release' as action,
        case
            when judged.is_held or judged.has_vanished then 'policy'
            when policy.reason is not null then policy.reason
            when
                judged.reason = 'unengaged'
                and states.engaged_event_id is not null
                and (judged.undone_from is null or states.engaged_at > judged.undone_from)
                and judged.event_id <> {{ unengaged_event_id('judged.address', 'states.engaged_event_id') }}
                then 'unengaged'
            else 'policy'
        end as reason,
        coalesce(case when judged.is_ending then judged.ended_event_id end, states.engaged_event_id) as ended_event_id,
        coalesce(case when judged.is_ending then judged.ended_at end, states.engaged_at) as ended_at,
        judged.run_id as known_run_id,
        -- Of what was attempted alone no answer is on record, and each file is freed by a delta of its own.
        coalesce(judged.delta_id, nullif(judged.list_name, '')) as known_delta_id
    from judged
    inner join states
        on
            judged.channel = states.channel
            and judged.address = states.address
            and states.is_current_owner
    left join policy
        on judged.ended_precedence = policy.precedence
    left join refusing_owners
        on
            judged.channel = 'push'
            and judged.destination = refusing_owners.destination
            and judged.scope = refusing_owners.scope
            and states.external_id = refusing_owners.external_id
    where
        refusing_owners.external_id is null
        and (
            judged.is_held
            or not judged.is_suppressed
            -- Filed apart: what another reason says is in another file.
            or (judged.list_name <> '' and judged.is_held_elsewhere)
        )

),

topic_refusals as (

    select
        source,
        channel,
        address,
        topic,
        max(case when event_type = 'topic_unsubscribe' then last_at end) as refused_at,
        max(case when event_type = 'topic_subscribe' and not is_own then last_at end) as granted_at
    from latest_events
    where
        event_type in ('topic_unsubscribe', 'topic_subscribe')
        and address is not null
        and topic is not null
    group by source, channel, address, topic

),

grants_of_lists as (

    select last_event_id as event_id
    from latest_events
    where
        event_type = 'subscribe'
        and topic is not null

),

-- Topics that the person still refuses there: consent to one list is not consent to all.
kept_topics as (

    select
        releases.destination,
        releases.channel,
        releases.scope,
        releases.address,
        releases.list_name,
        releases.contact_id,
        releases.external_id,
        releases.action,
        releases.reason,
        releases.ended_event_id,
        releases.ended_at,
        releases.known_run_id,
        releases.known_delta_id,
        string_agg(
            case
                when
                    (topic_refusals.granted_at is null or topic_refusals.refused_at >= topic_refusals.granted_at)
                    and (
                        grants_of_lists.event_id is not null
                        or releases.ended_at is null
                        or topic_refusals.refused_at >= releases.ended_at
                    )
                    then topic_refusals.topic
            end,
            ',' order by topic_refusals.topic
        ) as topics
    from releases
    left join topic_refusals
        on
            releases.destination = topic_refusals.source
            and releases.channel = topic_refusals.channel
            and releases.address = topic_refusals.address
    left join grants_of_lists
        on releases.ended_event_id = grants_of_lists.event_id
    group by
        releases.destination,
        releases.channel,
        releases.scope,
        releases.address,
        releases.list_name,
        releases.contact_id,
        releases.external_id,
        releases.action,
        releases.reason,
        releases.ended_event_id,
        releases.ended_at,
        releases.known_run_id,
        releases.known_delta_id

),

other_files as (

    select
        own.destination,
        own.channel,
        own.scope,
        own.list_name,
        string_agg(distinct others.list_name, ',') as files
    from lists as own
    inner join lists as others
        on
            own.destination = others.destination
            and own.channel = others.channel
            and own.scope = others.scope
            and own.list_name <> others.list_name
    group by own.destination, own.channel, own.scope, own.list_name

),

-- Of a platform that files reasons apart, one file is freed at a time.
kept_files as (

    select
        kept_topics.*,
        other_files.files
    from kept_topics
    left join other_files
        on
            kept_topics.destination = other_files.destination
            and kept_topics.channel = other_files.channel
            and kept_topics.scope = other_files.scope
            and kept_topics.list_name = other_files.list_name

)

select
    destination,
    channel,
    scope,
    address,
    contact_id,
    external_id,
    action,
    reason,
    event_id,
    event_timestamp,
    priority,
    known_run_id,
    known_delta_id,
    cast(null as {{ dbt.type_string() }}) as kept_topics
from suppressions

union all

-- Positive verbs come after every suppression; those without an event last.
select
    destination,
    channel,
    scope,
    address,
    contact_id,
    external_id,
    action,
    reason,
    case when reason <> 'policy' then ended_event_id end as event_id,
    case when reason <> 'policy' then ended_at end as event_timestamp,
    case when reason <> 'policy' then 100 else 101 end as priority,
    known_run_id,
    known_delta_id,
    case when list_name = '' then topics else files end as kept_topics
from kept_files
