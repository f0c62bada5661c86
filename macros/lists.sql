{#-
    CTEs, up to `suppressions`: what each do-not-send list should hold by suppression_list, a row per destination row, file and
    address with the first reason that the row takes. changes: of what int_deltas_changed names alone, and not what is known to
    be there already.
-#}
{% macro list_suppressions(changes) -%}
{%- set of_key = 'partition by {0}.destination, {0}.channel, {0}.scope, {0}.address, {0}.list_name' -%}
destinations as {{ inlined() }} (

    select
        destination,
        channel,
        coalesce(scope, '') as scope,
        audience
    from {{ ref('destinations') }}
    where
        enabled
        and mode = 'suppression'

),

lists as (

    select * from {{ ref('int_destination_lists') }}

),

-- The file of the platform that each reason goes to; one for all where it files no reasons apart.
destination_reasons as {{ inlined() }} (

    select
        taken.destination,
        taken.channel,
        coalesce(taken.scope, '') as scope,
        taken.reason,
        coalesce(lists.list_name, '') as list_name
    from {{ ref('destination_reasons') }} as taken
    left join lists
        on
            taken.destination = lists.destination
            and taken.channel = lists.channel
            and coalesce(taken.scope, '') = lists.scope
            and taken.reason = lists.reason

),

suppression_list as (

    select entries.*
    from {{ ref('suppression_list') }} as entries
    {{ join_changed_addresses('entries', 'address') if changes }}

),

reasons as {{ inlined() }} (

    select reasons_at.*
    from {{ ref('int_suppression_reasons') }} as reasons_at
    {{ join_changed_addresses('reasons_at', 'address') if changes }}
    where reasons_at.address is not null

),

latest_events as (

    select happened.*
    from {{ ref('int_events_latest') }} as happened
    {{ join_changed_addresses('happened', 'address') if changes }}
    where happened.last_at is not null

),

known as {{ inlined() }} (

    select
        synced.destination,
        synced.channel,
        synced.scope,
        synced.subject as address,
        synced.list_name,
        synced.action,
        synced.reason,
        synced.event_id,
        synced.event_timestamp,
        synced.run_id,
        synced.delta_id,
        synced.is_unknown
    from {{ ref('int_synced_state') }} as synced
    {{ join_changed_addresses('synced', 'subject') if changes }}

),

files as {{ inlined() }} (

    select distinct
        destinations.destination,
        destinations.channel,
        destinations.scope,
        destinations.audience,
        destination_reasons.list_name
    from destinations
    inner join destination_reasons
        on
            destinations.destination = destination_reasons.destination
            and destinations.channel = destination_reasons.channel
            and destinations.scope = destination_reasons.scope

),

-- Addresses that a platform ever reported, where it is to be told of no others.
seen as (

    select distinct
        latest_events.source,
        latest_events.channel,
        latest_events.address
    from latest_events
    inner join destinations
        on
            latest_events.source = destinations.destination
            and latest_events.channel = destinations.channel
    where
        destinations.audience = 'seen'
        and latest_events.address is not null

),

-- Listed, and what is known of each place that should have it.
listed as (

    select
        files.destination,
        files.channel,
        files.scope,
        files.list_name,
        suppression_list.address,
        suppression_list.contact_id,
        suppression_list.external_id,
        -- Whose last call has no answer is not said to be there.
        case when known.is_unknown then null else known.action end as known_action,
        known.run_id as known_run_id,
        known.delta_id as known_delta_id
    from suppression_list
    inner join files
        on suppression_list.channel = files.channel
    left join known
        on
            files.destination = known.destination
            and files.channel = known.channel
            and files.scope = known.scope
            and files.list_name = known.list_name
            and suppression_list.address = known.address
    left join seen
        on
            files.destination = seen.source
            and files.channel = seen.channel
            and suppression_list.address = seen.address
    where
        (files.audience <> 'seen' or seen.address is not null)
        {%- if changes %}
        and (known.action is null or known.action <> 'suppress' or known.is_unknown)
        {%- endif %}

),

-- Of the reasons that hold, the first that the destination takes.
suppressions as (

    select
        listed.destination,
        listed.channel,
        listed.scope,
        listed.list_name,
        listed.address,
        listed.contact_id,
        listed.external_id,
        'suppress' as action,
        reasons.reason,
        reasons.reason_event_id as event_id,
        reasons.reason_at as event_timestamp,
        reasons.precedence as priority,
        listed.known_action,
        listed.known_run_id,
        listed.known_delta_id
    from listed
    inner join reasons
        on
            listed.channel = reasons.channel
            and listed.address = reasons.address
    inner join destination_reasons
        on
            listed.destination = destination_reasons.destination
            and listed.channel = destination_reasons.channel
            and listed.scope = destination_reasons.scope
            and listed.list_name = destination_reasons.list_name
            and reasons.reason = destination_reasons.reason
    where
        reasons.holds
        and reasons.is_suppressing
    qualify
        row_number() over (
            {{ of_key.format('listed') }}
            order by reasons.precedence, reasons.reason_at desc, reasons.reason_event_id desc
        ) = 1

)
{%- endmacro %}

{#- Joins: rows of the addresses (of the contacts) whose deltas this build computes. Unit tests compute all of what they are given. -#}
{% macro join_changed_addresses(relation, address) -%}
    {%- if model.resource_type != 'unit_test' -%}
    inner join {{ ref('int_deltas_changed') }} as deltas_changed
        on
            {{ relation }}.channel = deltas_changed.channel
            and {{ relation }}.{{ address }} = deltas_changed.address
    {%- endif -%}
{%- endmacro %}
{% macro join_changed_contacts(relation) -%}
    {%- if model.resource_type != 'unit_test' -%}
    inner join {{ ref('int_deltas_changed') }} as deltas_changed
        on {{ relation }}.contact_id = deltas_changed.contact_id
    {%- endif -%}
{%- endmacro %}

{#- The id of a delta: equal on retry, new on every change. Columns in scope: those that it names, and `subject`. -#}
{% macro delta_id() -%}
    {{ surrogate_key([
        'destination', 'channel', 'scope', 'subject', 'action', 'reason', 'event_id', 'known_run_id', 'known_delta_id',
    ]) }}
{%- endmacro %}

{#-
    What a delta of a list is about. Some platforms know a push token by its kind or its owner only: once those are known, it is
    another delta than the one that was refused for want of them. changes, tokens: the relations.
-#}
{% macro list_subject(changes, tokens) -%}
    case
        when {{ changes }}.channel = 'push'
            then {{ changes }}.address || {{ surrogate_key([changes ~ '.external_id', tokens ~ '.push_token_type']) }}
        else {{ changes }}.address
    end
{%- endmacro %}
