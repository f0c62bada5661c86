{%- set sender_classes = "('authentication', 'reputation', 'spam', 'policy', 'rate', 'content')" %}

with

-- What platforms report of mail, without what only repeats it: an entry of a platform's list is no bounce of a message.
events as (

    select * from {{ ref('events') }}
    where
        {{ is_of_mail() }}
        and event_type in ('sent', 'delivered', 'open', 'click', 'bounce', 'soft_bounce', 'complaint', 'unsubscribe')

),

providers as (

    select * from {{ ref('mailbox_providers') }}

),

-- A retried webhook may name another event id: of one message it has the same second. All but sends counts once a day and address.
occurrences as (

    select distinct
        {{ to_date('effective_at') }} as date_day,
        source,
        address,
        event_type,
        case when event_type in ('sent', 'delivered') then effective_at end as sent_at,
        is_machine,
        case
            when event_type <> 'soft_bounce' then null
            when bounce_class in {{ sender_classes }} then 'sender'
            else 'other'
        end as soft_bounce_class
    from events

),

by_provider as (

    select
        occurrences.*,
        coalesce(providers.provider, 'other') as provider
    from occurrences
    left join providers
        on substr(occurrences.address, strpos(occurrences.address, '@') + 1) = providers.domain

),

counted as (

    select
        date_day,
        source,
        provider,
        count(case when event_type = 'sent' then 1 end) as reported_sent,
        count(case when event_type = 'delivered' then 1 end) as delivered,
        count(distinct case when event_type = 'bounce' then address end) as hard_bounces,
        count(distinct case when event_type = 'soft_bounce' then address end) as soft_bounces,
        count(distinct case when soft_bounce_class = 'sender' then address end) as sender_bounces,
        count(distinct case when event_type = 'complaint' then address end) as complaints,
        count(distinct case when event_type = 'unsubscribe' then address end) as unsubscribes,
        count(distinct case when event_type = 'open' and not is_machine then address end) as opens,
        count(distinct case when event_type = 'open' and is_machine then address end) as machine_opens,
        count(distinct case when event_type = 'click' and not is_machine then address end) as clicks
    from by_provider
    group by date_day, source, provider

),

-- A platform that does not report sends: what arrived and what came back.
volumes as (

    select
        *,
        greatest(reported_sent, delivered + hard_bounces) as sent
    from counted

)

select
    date_day,
    source,
    provider,
    sent,
    delivered,
    hard_bounces,
    soft_bounces,
    sender_bounces,
    complaints,
    unsubscribes,
    opens,
    machine_opens,
    clicks,
    {% for number, of in {'hard_bounces': 'sent', 'complaints': 'delivered', 'unsubscribes': 'delivered'}.items() -%}
    case when sent >= {{ var('rates_from_volume') }} then {{ per_million(number, of) }} end
        as {{ number }}_per_million{{ ',' if not loop.last }}
    {% endfor %}
from volumes
