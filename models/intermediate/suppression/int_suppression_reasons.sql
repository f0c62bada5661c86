{{
    config(
        materialized='incremental',
        incremental_strategy=append_strategy(),
        on_schema_change='fail',
        meta={'fed_by': 'states', 'replaces': 'contact_id'},
    )
}}

with

addresses as (

    select * from {{ ref('int_changed_addresses') }}

),

latest_events as (

    select
        channel,
        -- A push event that names a token is that token's alone, as if it named no contact.
        case when channel = 'push' and address is not null then null else external_id end as external_id,
        address,
        event_type,
        source,
        topic,
        is_echo,
        is_machine,
        first_at,
        first_event_id,
        first_received_at,
        first_source_of_change,
        last_at,
        last_event_id,
        last_received_at,
        last_source_of_change
    from {{ ref('int_changed_events') }}
    where not is_own

),

trait_refusals as (

    select * from {{ ref('int_trait_opt_outs') }}

),

unengaged as (

    select * from {{ ref('unengaged') }}

),

policy as (

    select * from {{ ref('suppression_policy') }}

),

releases as (

    select * from {{ ref('suppression_releases') }}

),

counting_topics as (

    select
        source,
        topic
    from {{ ref('topics') }}
    where suppresses

),

-- Acts and echoes that refuse: a contact's consent ------------------------------------------------

refusal_events as (

    select
        latest_events.*,
        policy.reason,
        false as is_topic
    from latest_events
    inner join policy
        on latest_events.event_type = policy.reason
    where policy.attribute = 'consent'

    union all

    select
        latest_events.*,
        'unsubscribe' as reason,
        true as is_topic
    from latest_events
    inner join counting_topics
        on
            latest_events.source = counting_topics.source
            and latest_events.topic = counting_topics.topic
    where latest_events.event_type = 'topic_unsubscribe'

),

refusal_acts as (

    select
        channel,
        external_id,
        address,
        reason,
        source,
        topic,
        is_topic,
        false as is_echo,
        first_at,
        last_at as effective_at,
        last_event_id as event_id,
        last_received_at as received_at,
        last_source_of_change as source_of_change
    from refusal_events
    where not is_echo

    union all

    select
        channel,
        external_id,
        address,
        'unsubscribe' as reason,
        source,
        null as topic,
        false as is_topic,
        false as is_echo,
        first_at,
        last_at,
        last_event_id,
        last_received_at,
        last_source_of_change
    from trait_refusals

),

-- Only the first echo can be the trace of a missed act.
first_refusal_echoes as (

    select
        channel,
        external_id,
        address,
        reason,
        source,
        topic,
        is_topic,
        true as is_echo,
        first_at,
        first_at as effective_at,
        first_event_id as event_id,
        first_received_at as received_at,
        first_source_of_change as source_of_change
    from refusal_events
    where is_echo
    qualify
        row_number() over (
            partition by channel, reason, address, case when address is null then external_id end
            order by first_at, first_event_id
        ) = 1

),

refusals as (

    select * from refusal_acts
    union all
    select * from first_refusal_echoes

),

-- A refusal reaches far: the contact it names, or every contact ever named with its address ---------

reached_by_contact as (

    select
        addresses.contact_state_id,
        addresses.first_at as linked_at,
        refusals.*
    from refusals
    inner join addresses
        on
            refusals.channel = addresses.channel
            and refusals.external_id = addresses.external_id

),

reached_by_address as (

    select
        addresses.contact_state_id,
        addresses.first_at as linked_at,
        refusals.*
    from refusals
    inner join addresses
        on
            refusals.channel = addresses.channel
            and refusals.address = addresses.address
    where refusals.external_id is null

),

reached_by_link as (

    select
        others.contact_state_id,
        linked.first_at as linked_at,
        refusals.*
    from refusals
    inner join addresses as linked
        on
            refusals.channel = linked.channel
            and refusals.address = linked.address
    inner join addresses as others
        on
            linked.channel = others.channel
            and linked.external_id = others.external_id
            and linked.address <> others.address
    where
        refusals.external_id is null
        and refusals.channel <> 'push'
        and not linked.exceeds_address_limit

),

reached as (

    select * from reached_by_contact
    union all
    select * from reached_by_address
    union all
    select * from reached_by_link

),

-- An echo adds nothing where an earlier act of its reason that reaches the address is on record.
first_acts_on_addresses as (

    select
        addresses.channel,
        addresses.address,
        reached.reason,
        min(reached.first_at) as first_at
    from reached
    inner join addresses
        on reached.contact_state_id = addresses.contact_state_id
    where
        not reached.is_echo
        and addresses.address is not null
    group by addresses.channel, addresses.address, reached.reason

),

first_acts_on_contacts as (

    select
        addresses.channel,
        addresses.external_id,
        reached.reason,
        min(reached.first_at) as first_at
    from reached
    inner join addresses
        on reached.contact_state_id = addresses.contact_state_id
    where
        not reached.is_echo
        and addresses.external_id is not null
    group by addresses.channel, addresses.external_id, reached.reason

),

explained_echoes as (

    select first_refusal_echoes.event_id
    from first_refusal_echoes
    inner join first_acts_on_addresses
        on
            first_refusal_echoes.channel = first_acts_on_addresses.channel
            and first_refusal_echoes.address = first_acts_on_addresses.address
            and first_refusal_echoes.reason = first_acts_on_addresses.reason
    where first_acts_on_addresses.first_at <= first_refusal_echoes.first_at

    union distinct

    select first_refusal_echoes.event_id
    from first_refusal_echoes
    inner join first_acts_on_contacts
        on
            first_refusal_echoes.channel = first_acts_on_contacts.channel
            and first_refusal_echoes.external_id = first_acts_on_contacts.external_id
            and first_refusal_echoes.reason = first_acts_on_contacts.reason
    where
        first_refusal_echoes.address is null
        and first_acts_on_contacts.first_at <= first_refusal_echoes.first_at

),

standing_refusals as (

    select
        reached.*,
        addresses.contact_id,
        addresses.external_id as row_external_id,
        addresses.address as row_address,
        addresses.exceeds_address_limit
    from reached
    inner join addresses
        on reached.contact_state_id = addresses.contact_state_id
    left join explained_echoes
        on
            reached.is_echo
            and reached.event_id = explained_echoes.event_id
    where explained_echoes.event_id is null

),

-- A grant reaches near -------------------------------------------------------------------------------

grants as (

    select
        channel,
        external_id,
        address,
        event_type,
        source,
        topic,
        false as is_topic,
        last_at as effective_at,
        last_event_id as event_id
    from latest_events
    where
        not is_echo
        and event_type in (
            select releases.event_type
            from releases
            inner join policy
                on releases.reason = policy.reason
            where policy.attribute = 'consent'
        )

    union all

    select
        latest_events.channel,
        latest_events.external_id,
        latest_events.address,
        'subscribe' as event_type,
        latest_events.source,
        latest_events.topic,
        true as is_topic,
        latest_events.last_at as effective_at,
        latest_events.last_event_id as event_id
    from latest_events
    inner join counting_topics
        on
            latest_events.source = counting_topics.source
            and latest_events.topic = counting_topics.topic
    where
        latest_events.event_type = 'topic_subscribe'
        and not latest_events.is_echo

),

endings_of_refusals as (

    select
        standing_refusals.contact_state_id,
        standing_refusals.event_id as refusal_event_id,
        grants.effective_at,
        grants.event_id
    from standing_refusals
    inner join releases
        on standing_refusals.reason = releases.reason
    inner join grants
        on
            releases.event_type = grants.event_type
            and standing_refusals.channel = grants.channel
            and standing_refusals.row_address = grants.address
    where
        {{ grant_follows('standing_refusals', 'grants') }}
        and (
            grants.external_id is null
            or standing_refusals.external_id is null
            or grants.external_id = standing_refusals.external_id
        )

    union all

    select
        standing_refusals.contact_state_id,
        standing_refusals.event_id as refusal_event_id,
        grants.effective_at,
        grants.event_id
    from standing_refusals
    inner join releases
        on standing_refusals.reason = releases.reason
    inner join grants
        on
            releases.event_type = grants.event_type
            and standing_refusals.channel = grants.channel
            and standing_refusals.row_external_id = grants.external_id
    where
        {{ grant_follows('standing_refusals', 'grants') }}
        and not standing_refusals.exceeds_address_limit
        and (standing_refusals.external_id is not null or standing_refusals.linked_at <= grants.effective_at)

),

last_endings_of_refusals as (

    select
        contact_state_id,
        refusal_event_id,
        {{ last_of(['effective_at', 'event_id']) }} as ending
    from endings_of_refusals
    group by contact_state_id, refusal_event_id

),

consent_facts as (

    select
        standing_refusals.contact_state_id,
        standing_refusals.reason,
        standing_refusals.effective_at,
        standing_refusals.event_id,
        standing_refusals.received_at,
        standing_refusals.source,
        standing_refusals.source_of_change,
        standing_refusals.topic,
        standing_refusals.is_topic,
        standing_refusals.external_id as refusal_external_id,
        standing_refusals.linked_at,
        last_endings_of_refusals.ending.effective_at as ended_at,
        last_endings_of_refusals.ending.event_id as ended_event_id
    from standing_refusals
    left join last_endings_of_refusals
        on
            standing_refusals.contact_state_id = last_endings_of_refusals.contact_state_id
            and standing_refusals.event_id = last_endings_of_refusals.refusal_event_id

),

-- Deliverability, block and engagement are per address ----------------------------------------------

address_acts as (

    select
        latest_events.channel,
        latest_events.address,
        policy.reason,
        min(latest_events.first_at) as first_at,
        {{ last_of(['last_at', 'last_event_id', 'last_received_at', 'source', 'last_source_of_change']) }} as act
    from latest_events
    inner join policy
        on latest_events.event_type = policy.reason
    where
        policy.attribute in ('deliverability', 'operator')
        and latest_events.address is not null
        and not latest_events.is_echo
    group by latest_events.channel, latest_events.address, policy.reason

),

address_echoes as (

    select
        latest_events.channel,
        latest_events.address,
        policy.reason,
        {{ first_of(['first_at', 'first_event_id', 'first_received_at', 'source', 'first_source_of_change']) }} as echo
    from latest_events
    inner join policy
        on latest_events.event_type = policy.reason
    where
        policy.attribute in ('deliverability', 'operator')
        and latest_events.address is not null
        and latest_events.is_echo
    group by latest_events.channel, latest_events.address, policy.reason

),

address_reasons as (

    select
        channel,
        address,
        reason,
        act.last_at as effective_at,
        act.last_event_id as event_id,
        act.last_received_at as received_at,
        act.source,
        act.last_source_of_change as source_of_change
    from address_acts

    union all

    -- Where acts came later than the first echo they are the latest, and the echo changes nothing.
    select
        address_echoes.channel,
        address_echoes.address,
        address_echoes.reason,
        address_echoes.echo.first_at,
        address_echoes.echo.first_event_id,
        address_echoes.echo.first_received_at,
        address_echoes.echo.source,
        address_echoes.echo.first_source_of_change
    from address_echoes
    left join address_acts
        on
            address_echoes.channel = address_acts.channel
            and address_echoes.address = address_acts.address
            and address_echoes.reason = address_acts.reason
    where address_acts.reason is null

    union all

    select
        'email' as channel,
        address,
        'unengaged' as reason,
        unengaged_at,
        event_id,
        unengaged_at as received_at,
        'contact_sync' as source,
        null as source_of_change
    from unengaged

),

signs as (

    select
        channel,
        address,
        event_type,
        last_at as effective_at,
        last_event_id as event_id
    from latest_events
    where
        address is not null
        and not is_echo
        {%- if not var('count_machine_opens') %}
        and not (is_machine and event_type in ('open', 'click'))
        {%- endif %}

),

endings_at_addresses as (

    select
        address_reasons.channel,
        address_reasons.address,
        address_reasons.reason,
        signs.effective_at,
        signs.event_id
    from address_reasons
    inner join releases
        on address_reasons.reason = releases.reason
    inner join signs
        on
            address_reasons.channel = signs.channel
            and address_reasons.address = signs.address
            and releases.event_type = signs.event_type
    where signs.effective_at > address_reasons.effective_at

    union all

    -- A subscribe that names only a contact ends `unengaged` for its addresses.
    select
        address_reasons.channel,
        address_reasons.address,
        address_reasons.reason,
        grants.effective_at,
        grants.event_id
    from address_reasons
    inner join policy
        on
            address_reasons.reason = policy.reason
            and policy.attribute = 'engagement'
    inner join releases
        on
            address_reasons.reason = releases.reason
            and releases.event_type = 'subscribe'
    inner join addresses
        on
            address_reasons.channel = addresses.channel
            and address_reasons.address = addresses.address
    inner join grants
        on
            addresses.channel = grants.channel
            and addresses.external_id = grants.external_id
    where
        grants.event_type = 'subscribe'
        and grants.address is null
        and not grants.is_topic
        and not addresses.exceeds_address_limit
        and grants.effective_at > address_reasons.effective_at

),

last_endings_at_addresses as (

    select
        channel,
        address,
        reason,
        {{ last_of(['effective_at', 'event_id']) }} as ending
    from endings_at_addresses
    group by channel, address, reason

),

address_facts as (

    select
        addresses.contact_state_id,
        address_reasons.reason,
        address_reasons.effective_at,
        address_reasons.event_id,
        address_reasons.received_at,
        address_reasons.source,
        address_reasons.source_of_change,
        cast(null as {{ dbt.type_string() }}) as topic,
        false as is_topic,
        cast(null as {{ dbt.type_string() }}) as refusal_external_id,
        addresses.first_at as linked_at,
        last_endings_at_addresses.ending.effective_at as ended_at,
        last_endings_at_addresses.ending.event_id as ended_event_id
    from address_reasons
    inner join addresses
        on
            address_reasons.channel = addresses.channel
            and address_reasons.address = addresses.address
    left join last_endings_at_addresses
        on
            address_reasons.channel = last_endings_at_addresses.channel
            and address_reasons.address = last_endings_at_addresses.address
            and address_reasons.reason = last_endings_at_addresses.reason

),

facts_at_home as (

    select * from consent_facts
    union all
    select * from address_facts

),

-- Reasons that the policy carries to every channel of the contact ------------------------------------

travelling_facts as (

    select
        addresses.contact_id,
        addresses.channel as home_channel,
        facts_at_home.reason,
        facts_at_home.effective_at,
        facts_at_home.event_id,
        facts_at_home.received_at,
        facts_at_home.source,
        facts_at_home.source_of_change,
        facts_at_home.topic,
        facts_at_home.is_topic,
        facts_at_home.refusal_external_id,
        min(facts_at_home.linked_at) as linked_at,
        -- Ended at home is ended on every row there.
        max(case when facts_at_home.ended_event_id is null then 1 else 0 end) = 1 as holds_at_home,
        {{ last_of(['ended_at', 'ended_event_id']) }} as ending
    from facts_at_home
    inner join policy
        on facts_at_home.reason = policy.reason
    inner join addresses
        on facts_at_home.contact_state_id = addresses.contact_state_id
    where
        policy.suppresses = 'all'
        -- An external_id beyond the address limit passes along no refusal that names only an address.
        and not (addresses.exceeds_address_limit and facts_at_home.refusal_external_id is null)
    group by
        addresses.contact_id,
        addresses.channel,
        facts_at_home.reason,
        facts_at_home.effective_at,
        facts_at_home.event_id,
        facts_at_home.received_at,
        facts_at_home.source,
        facts_at_home.source_of_change,
        facts_at_home.topic,
        facts_at_home.is_topic,
        facts_at_home.refusal_external_id

),

arrived_facts as (

    select
        addresses.contact_state_id,
        addresses.channel,
        addresses.external_id as row_external_id,
        addresses.address as row_address,
        addresses.exceeds_address_limit,
        travelling_facts.reason,
        travelling_facts.effective_at,
        travelling_facts.event_id,
        travelling_facts.received_at,
        travelling_facts.source,
        travelling_facts.source_of_change,
        travelling_facts.topic,
        travelling_facts.is_topic,
        travelling_facts.refusal_external_id as external_id,
        travelling_facts.linked_at,
        case when not travelling_facts.holds_at_home then travelling_facts.ending.ended_at end as ended_at_home,
        case when not travelling_facts.holds_at_home then travelling_facts.ending.ended_event_id end as ended_event_id_at_home
    from travelling_facts
    inner join addresses
        on
            travelling_facts.contact_id = addresses.contact_id
            and travelling_facts.home_channel <> addresses.channel

),

endings_abroad as (

    select
        arrived_facts.contact_state_id,
        arrived_facts.event_id as refusal_event_id,
        grants.effective_at,
        grants.event_id
    from arrived_facts
    inner join policy
        on
            arrived_facts.reason = policy.reason
            and policy.attribute = 'consent'
    inner join releases
        on arrived_facts.reason = releases.reason
    inner join grants
        on
            releases.event_type = grants.event_type
            and arrived_facts.channel = grants.channel
    where
        {{ grant_follows('arrived_facts', 'grants') }}
        and (
            (
                arrived_facts.row_address = grants.address
                and (
                    grants.external_id is null
                    or arrived_facts.external_id is null
                    or grants.external_id = arrived_facts.external_id
                )
            )
            or (
                arrived_facts.row_external_id = grants.external_id
                and not arrived_facts.exceeds_address_limit
                and (arrived_facts.external_id is not null or arrived_facts.linked_at <= grants.effective_at)
            )
        )

    union all

    select
        arrived_facts.contact_state_id,
        arrived_facts.event_id as refusal_event_id,
        signs.effective_at,
        signs.event_id
    from arrived_facts
    inner join policy
        on
            arrived_facts.reason = policy.reason
            and policy.attribute <> 'consent'
    inner join releases
        on arrived_facts.reason = releases.reason
    inner join signs
        on
            arrived_facts.channel = signs.channel
            and arrived_facts.row_address = signs.address
            and releases.event_type = signs.event_type
    where signs.effective_at > arrived_facts.effective_at

),

last_endings_abroad as (

    select
        contact_state_id,
        refusal_event_id,
        {{ last_of(['effective_at', 'event_id']) }} as ending
    from endings_abroad
    group by contact_state_id, refusal_event_id

),

facts as (

    select
        contact_state_id,
        reason,
        effective_at,
        event_id,
        received_at,
        source,
        source_of_change,
        ended_at,
        ended_event_id
    from facts_at_home

    union all

    select
        arrived_facts.contact_state_id,
        arrived_facts.reason,
        arrived_facts.effective_at,
        arrived_facts.event_id,
        arrived_facts.received_at,
        arrived_facts.source,
        arrived_facts.source_of_change,
        coalesce(arrived_facts.ended_at_home, last_endings_abroad.ending.effective_at) as ended_at,
        coalesce(arrived_facts.ended_event_id_at_home, last_endings_abroad.ending.event_id) as ended_event_id
    from arrived_facts
    left join last_endings_abroad
        on
            arrived_facts.contact_state_id = last_endings_abroad.contact_state_id
            and arrived_facts.event_id = last_endings_abroad.refusal_event_id

),

-- One fact decides: one that holds before one that has ended, then the latest.
deciding_facts as (

    select
        *,
        ended_event_id is null as holds
    from facts
    where true
    qualify
        row_number() over (
            partition by contact_state_id, reason
            order by case when ended_event_id is null then 0 else 1 end, effective_at desc, event_id desc
        ) = 1

)

select
    {{ surrogate_key(['deciding_facts.contact_state_id', 'deciding_facts.reason']) }} as suppression_reason_id,
    deciding_facts.contact_state_id,
    addresses.contact_id,
    addresses.external_id,
    addresses.channel,
    addresses.address,
    deciding_facts.reason,
    policy.attribute,
    policy.precedence,
    policy.suppresses <> 'none' as is_suppressing,
    deciding_facts.holds,
    deciding_facts.effective_at as reason_at,
    deciding_facts.event_id as reason_event_id,
    deciding_facts.received_at as reason_received_at,
    deciding_facts.source,
    deciding_facts.source_of_change,
    deciding_facts.ended_at,
    deciding_facts.ended_event_id,
    {{ build_time() }} as computed_at
from deciding_facts
inner join addresses
    on deciding_facts.contact_state_id = addresses.contact_state_id
inner join policy
    on deciding_facts.reason = policy.reason
