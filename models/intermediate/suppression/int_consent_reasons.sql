{{ config(materialized='view') }}

with

opt_outs as (

    select * from {{ ref('int_opt_outs_by_contact') }}

),

opt_ins as (

    select * from {{ ref('int_opt_ins') }}

),

releases as (

    select * from {{ ref('suppression_releases') }}

),

ended_by_address as (

    select
        opt_outs.contact_state_id,
        opt_outs.event_id as opt_out_event_id,
        opt_ins.effective_at,
        opt_ins.event_id
    from opt_outs
    inner join releases
        on opt_outs.reason = releases.reason
    inner join opt_ins
        on
            releases.event_type = opt_ins.event_type
            and opt_outs.channel = opt_ins.channel
            and opt_outs.address = opt_ins.address
    where
        {{ opt_in_follows('opt_outs', 'opt_ins') }}
        and {{ opt_in_names_nobody_else('opt_outs', 'opt_ins') }}

),

ended_by_contact as (

    select
        opt_outs.contact_state_id,
        opt_outs.event_id as opt_out_event_id,
        opt_ins.effective_at,
        opt_ins.event_id
    from opt_outs
    inner join releases
        on opt_outs.reason = releases.reason
    inner join opt_ins
        on
            releases.event_type = opt_ins.event_type
            and opt_outs.channel = opt_ins.channel
            and opt_outs.external_id = opt_ins.external_id
    where
        {{ opt_in_follows('opt_outs', 'opt_ins') }}
        and not opt_outs.exceeds_address_limit
        -- The owner's preference switches no device on.
        and (opt_outs.channel <> 'push' or opt_outs.named_external_id is not null)
        -- The contact did not speak of an address that was linked later.
        and (opt_outs.named_external_id is not null or opt_outs.linked_at <= opt_ins.effective_at)

),

-- What a platform's own id opted out of, the same id ends.
ended_by_platform_id as (

    select
        opt_outs.contact_state_id,
        opt_outs.event_id as opt_out_event_id,
        opt_ins.effective_at,
        opt_ins.event_id
    from opt_outs
    inner join releases
        on opt_outs.reason = releases.reason
    inner join opt_ins
        on
            releases.event_type = opt_ins.event_type
            and opt_outs.channel = opt_ins.channel
            and opt_outs.named_platform_id = opt_ins.platform_id
    where
        {{ opt_in_follows('opt_outs', 'opt_ins') }}
        and {{ opt_in_names_nobody_else('opt_outs', 'opt_ins') }}

),

endings as (

    select * from ended_by_address
    union all
    select * from ended_by_contact
    union all
    select * from ended_by_platform_id

),

last_endings as (

    select
        contact_state_id,
        opt_out_event_id,
        {{ last_of(['effective_at', 'event_id']) }} as ending
    from endings
    group by contact_state_id, opt_out_event_id

)

select
    opt_outs.contact_state_id,
    opt_outs.contact_id,
    opt_outs.channel,
    opt_outs.exceeds_address_limit,
    opt_outs.linked_at,
    opt_outs.matched_on,
    opt_outs.named_external_id,
    opt_outs.reason,
    opt_outs.source,
    opt_outs.topic,
    opt_outs.is_topic,
    opt_outs.effective_at,
    opt_outs.event_id,
    opt_outs.received_at,
    opt_outs.source_of_change,
    last_endings.ending.effective_at as ended_at,
    last_endings.ending.event_id as ended_event_id
from opt_outs
left join last_endings
    on
        opt_outs.contact_state_id = last_endings.contact_state_id
        and opt_outs.event_id = last_endings.opt_out_event_id
