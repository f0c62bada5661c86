{{ config(materialized='view') }}

with

changes as (

    select * from {{ ref('int_profile_updates') }}

),

destination_traits as (

    select * from {{ ref('destination_traits') }}

),

-- A positive state is left out of a suppression: nothing is subscribed as a side effect.
trait_values as (

    select
        changes.destination,
        changes.channel,
        changes.scope,
        changes.contact_id,
        changes.action,
        destination_traits.attribute,
        destination_traits.trait,
        case destination_traits.attribute
            when 'subscribed_status'
                then case when not changes.is_subscribed then 'false' when changes.action = 'subscribe' then 'true' end
            when 'opt_in_date' then '"' || {{ iso_text('changes.opt_in_at') }} || '"'
            when 'suppressed' then case when changes.action = 'suppress' then 'true' else 'false' end
            when 'reason' then case when changes.action = 'suppress' then '"' || changes.reason || '"' else 'null' end
        end as value
    from changes
    inner join destination_traits
        on
            changes.destination = destination_traits.destination
            and changes.channel = destination_traits.channel

),

traits as (

    select
        destination,
        channel,
        scope,
        contact_id,
        '{' || string_agg('"' || trait || '":' || value, ',' order by trait) || '}' as traits
    from trait_values
    where
        value is not null
        -- The end of a fault touches no subscription.
        and (action <> 'release' or attribute in ('suppressed', 'reason'))
    group by destination, channel, scope, contact_id

)

select
    changes.destination,
    changes.channel,
    changes.scope,
    changes.address,
    changes.contact_id,
    changes.external_id,
    changes.action,
    changes.reason,
    changes.event_id,
    changes.event_timestamp,
    changes.priority,
    changes.known_run_id,
    changes.known_delta_id,
    traits.traits
from changes
left join traits
    on
        changes.destination = traits.destination
        and changes.channel = traits.channel
        and changes.scope = traits.scope
        and changes.contact_id = traits.contact_id
