with

bounces as (

    select * from {{ ref('events') }}
    where
        {{ is_of_mail() }}
        and event_type in ('bounce', 'soft_bounce')

),

providers as (

    select * from {{ ref('mailbox_providers') }}

),

bounced_addresses as (

    select distinct
        {{ to_date('effective_at') }} as date_day,
        source,
        address,
        event_type,
        coalesce(bounce_class, 'unknown') as bounce_class
    from bounces

),

counted as (

    select
        bounced_addresses.date_day,
        bounced_addresses.source,
        coalesce(providers.provider, 'other') as provider,
        bounced_addresses.event_type,
        bounced_addresses.bounce_class,
        count(*) as addresses
    from bounced_addresses
    left join providers
        on substr(bounced_addresses.address, strpos(bounced_addresses.address, '@') + 1) = providers.domain
    group by
        bounced_addresses.date_day,
        bounced_addresses.source,
        coalesce(providers.provider, 'other'),
        bounced_addresses.event_type,
        bounced_addresses.bounce_class

)

select
    date_day,
    source,
    provider,
    event_type,
    bounce_class,
    addresses
from counted
