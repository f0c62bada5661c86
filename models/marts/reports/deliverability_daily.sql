{%- set sender_classes = "('authentication', 'reputation', 'spam', 'policy', 'rate', 'content')" %}
{%- set numbers = [
    'reported_sent', 'delivered', 'hard_bounces', 'soft_bounces', 'sender_bounces', 'complaints', 'unsubscribes', 'opens',
    'machine_opens', 'clicks',
] %}

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

-- A retried webhook may name another event id: it has the same message id, or, where the platform names none, the same second.
messages as (

    select
        {{ to_date('effective_at') }} as date_day,
        source,
        address,
        event_type,
        is_machine,
        message_id,
        case when message_id is null and event_type in ('sent', 'delivered') then effective_at end as sent_at,
        max(sender_domain) as sender_domain,
        case when max(sender_domain) is null then message_id end as unattributed_message_id,
        max(case when event_type = 'soft_bounce' and bounce_class in {{ sender_classes }} then 1 else 0 end) as is_sender_bounce
    from events
    group by
        {{ to_date('effective_at') }},
        source,
        address,
        event_type,
        is_machine,
        message_id,
        case when message_id is null and event_type in ('sent', 'delivered') then effective_at end

),

-- What names no message may repeat what does (an opt-out, and the change of the list that it made).
named_acts as (

    select distinct
        {{ to_date('effective_at') }} as date_day,
        source,
        address,
        event_type
    from events
    where
        message_id is not null
        and event_type in ('bounce', 'soft_bounce', 'complaint', 'unsubscribe')

),

-- Some platforms name the sender in a part of a message's events (Braze: not of what it sent).
senders as (

    select distinct
        source,
        message_id,
        address,
        sender_domain
    from events
    where
        message_id is not null
        and sender_domain is not null

),

senders_by_address as (

    select
        source,
        message_id,
        address,
        min(sender_domain) as only_sender
    from senders
    group by source, message_id, address
    having min(sender_domain) = max(sender_domain)

),

-- One id may go to many: of whom no event names the sender, the one of all others.
senders_by_message as (

    select
        source,
        message_id,
        min(sender_domain) as only_sender
    from senders
    group by source, message_id
    having min(sender_domain) = max(sender_domain)

),

by_sender_and_provider as (

    select
        messages.date_day,
        messages.source,
        coalesce(messages.sender_domain, senders_by_address.only_sender, senders_by_message.only_sender) as sender_domain,
        coalesce(providers.provider, 'other') as provider,
        messages.event_type,
        messages.is_machine,
        messages.is_sender_bounce
    from messages
    left join named_acts
        on
            messages.date_day = named_acts.date_day
            and messages.source = named_acts.source
            and messages.address = named_acts.address
            and messages.event_type = named_acts.event_type
    left join senders_by_address
        on
            messages.source = senders_by_address.source
            and messages.unattributed_message_id = senders_by_address.message_id
            and messages.address = senders_by_address.address
    left join senders_by_message
        on
            messages.source = senders_by_message.source
            and messages.unattributed_message_id = senders_by_message.message_id
    left join providers
        on substr(messages.address, strpos(messages.address, '@') + 1) = providers.domain
    where
        messages.message_id is not null
        or named_acts.address is null

),

counted as (

    select
        date_day,
        source,
        sender_domain,
        provider,
        count(case when event_type = 'sent' then 1 end) as reported_sent,
        count(case when event_type = 'delivered' then 1 end) as delivered,
        count(case when event_type = 'bounce' then 1 end) as hard_bounces,
        count(case when event_type = 'soft_bounce' then 1 end) as soft_bounces,
        sum(is_sender_bounce) as sender_bounces,
        count(case when event_type = 'complaint' then 1 end) as complaints,
        count(case when event_type = 'unsubscribe' then 1 end) as unsubscribes,
        count(case when event_type = 'open' and not is_machine then 1 end) as opens,
        count(case when event_type = 'open' and is_machine then 1 end) as machine_opens,
        count(case when event_type = 'click' and not is_machine then 1 end) as clicks
    from by_sender_and_provider
    group by date_day, source, sender_domain, provider

),

-- Where the sender is known of a part of the mail alone (Postmark: of what bounced), rates of that part would be wrong.
split as (

    select
        *,
        case
            when sum(delivered) over of_day > 0
                then sum(case when sender_domain is null then delivered else 0 end) over of_day * 100 <= sum(delivered) over of_day
            else sum(case when sender_domain is null then reported_sent else 0 end) over of_day * 100 <= sum(reported_sent) over of_day
        end as names_senders
    from counted
    window of_day as (partition by date_day, source)

),

summed as (

    select
        date_day,
        source,
        case when names_senders then sender_domain end as sender_domain,
        provider,
        {% for number in numbers -%}
        sum({{ number }}) as {{ number }}{{ ',' if not loop.last }}
        {% endfor %}
    from split
    group by date_day, source, case when names_senders then sender_domain end, provider

),

-- A platform that does not report sends: what arrived and what came back.
volumes as (

    select
        *,
        greatest(reported_sent, delivered + hard_bounces) as sent
    from summed

)

select
    date_day,
    source,
    sender_domain,
    provider,
    {% for number in ['sent'] + numbers[1:] -%}
    cast({{ number }} as {{ type_int64() }}) as {{ number }},
    {% endfor -%}
    {% for number, of in {'hard_bounces': 'sent', 'complaints': 'delivered', 'unsubscribes': 'delivered'}.items() -%}
    case when {{ of }} >= {{ var('rates_from_volume') }} then {{ per_million(number, of) }} end
        as {{ number }}_per_million{{ ',' if not loop.last }}
    {% endfor %}
from volumes
