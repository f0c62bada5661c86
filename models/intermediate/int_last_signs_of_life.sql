with

latest_events as (

    select * from {{ ref('int_latest_events') }}
    where
        channel = 'email'
        and last_at is not null
        and not is_own
        and (
            event_type = 'subscribe'
            or (
                event_type in ('open', 'click')
                {%- if not var('count_machine_opens') %}
                and not is_machine
                {%- endif %}
            )
        )

),

addresses as (

    select * from {{ ref('int_contact_addresses') }}
    where
        channel = 'email'
        and address is not null
        and not is_crowded

),

signs as (

    select
        address,
        last_at as effective_at,
        last_event_id as event_id
    from latest_events
    where address is not null

    union all

    -- A person who subscribes by name is alive behind all of their addresses.
    select
        addresses.address,
        latest_events.last_at,
        latest_events.last_event_id
    from latest_events
    inner join addresses
        on latest_events.external_id = addresses.external_id
    where
        latest_events.address is null
        and latest_events.event_type = 'subscribe'

),

last_signs as (

    select
        address,
        {{ last_of(['effective_at', 'event_id']) }} as sign
    from signs
    group by address

)

select
    address,
    sign.effective_at as engaged_at,
    sign.event_id as engaged_event_id
from last_signs
