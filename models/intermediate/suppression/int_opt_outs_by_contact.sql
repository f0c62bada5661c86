{{ config(materialized='view') }}

with

addresses as (

    select * from {{ ref('int_changed_addresses') }}

),

opt_outs as (

    select * from {{ ref('int_opt_outs') }}

),

reached_by_contact as (

    select
        addresses.contact_state_id,
        addresses.first_at as linked_at,
        case when opt_outs.address = addresses.address then 'address' else 'external_id' end as matched_on,
        opt_outs.*
    from opt_outs
    inner join addresses
        on
            opt_outs.channel = addresses.channel
            and opt_outs.external_id = addresses.external_id

),

reached_by_address as (

    select
        addresses.contact_state_id,
        addresses.first_at as linked_at,
        case when opt_outs.platform_id is null then 'address' else 'platform_id' end as matched_on,
        opt_outs.*
    from opt_outs
    inner join addresses
        on
            opt_outs.channel = addresses.channel
            and opt_outs.address = addresses.address
    where opt_outs.external_id is null

),

-- An opt-out that names only an address is every linked contact's own, but on push: there it is the token's alone.
reached_by_link as (

    select
        others.contact_state_id,
        linked.first_at as linked_at,
        'link' as matched_on,
        opt_outs.*
    from opt_outs
    inner join addresses as linked
        on
            opt_outs.channel = linked.channel
            and opt_outs.address = linked.address
    inner join addresses as others
        on
            linked.channel = others.channel
            and linked.external_id = others.external_id
            and linked.address <> others.address
    where
        opt_outs.external_id is null
        and opt_outs.channel <> 'push'
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

    select opt_outs.event_id
    from opt_outs
    inner join first_acts_on_addresses as first_acts
        on
            opt_outs.channel = first_acts.channel
            and opt_outs.address = first_acts.address
            and opt_outs.reason = first_acts.reason
    where
        opt_outs.is_echo
        and first_acts.first_at <= opt_outs.first_at

    union distinct

    select opt_outs.event_id
    from opt_outs
    inner join first_acts_on_contacts as first_acts
        on
            opt_outs.channel = first_acts.channel
            and opt_outs.external_id = first_acts.external_id
            and opt_outs.reason = first_acts.reason
    where
        opt_outs.is_echo
        and opt_outs.address is null
        and first_acts.first_at <= opt_outs.first_at

)

select
    reached.contact_state_id,
    addresses.contact_id,
    addresses.external_id,
    addresses.channel,
    addresses.address,
    addresses.exceeds_address_limit,
    reached.linked_at,
    reached.matched_on,
    reached.external_id as named_external_id,
    reached.platform_id as named_platform_id,
    reached.reason,
    reached.source,
    reached.topic,
    reached.is_topic,
    reached.effective_at,
    reached.event_id,
    reached.received_at,
    reached.source_of_change
from reached
inner join addresses
    on reached.contact_state_id = addresses.contact_state_id
left join explained_echoes
    on
        reached.is_echo
        and reached.event_id = explained_echoes.event_id
where explained_echoes.event_id is null
