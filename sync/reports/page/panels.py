"""What the report shows: each panel a query, the columns of its table, and a chart of its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync.reports.page import charts

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the page.

    question: what it answers. sql: {marts} stands for the schema of the models, {month} and {week}
    for the instants 30 and 7 days ago, {month_day} for the day 30 days ago, {length} for 10 (days)
    or 7 (months). columns: names in the rows, and what people read. empty: said where there is no
    row; "": without rows the panel is not shown. hint: what to do. chart: of the rows; None where
    they have nothing to draw.
    """

    key: str
    title: str
    question: str
    sql: str
    columns: Mapping[str, str]
    empty: str
    hint: str = ""
    chart: Callable[[Rows], charts.Chart | None] | None = None


#: In the order of the page.
PANELS: tuple[Panel, ...] = (
    Panel(
        "obedience",
        "Is every opt-out obeyed?",
        "Complaints and unsubscribes that platforms confirmed in the last 30 days, and those that"
        " are open.",
        """
        with opt_outs as (
            select
                *,
                cume_dist() over (
                    partition by destination, channel, state, seconds_since_arrival is null
                    order by seconds_since_arrival
                ) as share
            from {marts}.obedience_lag
            where
                state in ('obeyed', 'open', 'rejected')
                and (state <> 'obeyed' or confirmed_at >= {month})
        )
        select
            destination,
            channel,
            count(*) as opt_outs,
            count(case when state = 'obeyed' then 1 end) as obeyed,
            count(case when state = 'open' then 1 end) as still_open,
            count(case when state = 'rejected' then 1 end) as rejected,
            count(case when state <> 'obeyed' and is_over_48_hours then 1 end) as late,
            min(case when state = 'obeyed' and share >= 0.5 then seconds_since_arrival end)
                as p50_seconds,
            min(case when state = 'obeyed' and share >= 0.95 then seconds_since_arrival end)
                as p95_seconds
        from opt_outs
        group by destination, channel
        order by destination, channel
        """,
        {
            "destination": "platform",
            "channel": "channel",
            "opt_outs": "opt-outs",
            "obeyed": "obeyed",
            "still_open": "open",
            "rejected": "never taken",
            "late": "of these, over 48 hours",
            "p50_seconds": "half within, seconds",
            "p95_seconds": "95 % within, seconds",
        },
        "No platform had to be told of an opt-out.",
        "An opt-out at two lists counts twice. Seconds are from its arrival here to the platform's"
        " answer; Segment and mParticle take a call and never say more. Open ones are of any age.",
        charts.lag,
    ),
    Panel(
        "growth",
        "How did the suppression list grow?",
        "Addresses on the list, by the reason that put them there and the day of the act.",
        """
        with periods as (
            select
                substr(cast(date_day as string), 1, {length}) as period,
                reason,
                sum(entries) as entries,
                sum(exits) as exits
            from {marts}.list_history
            group by substr(cast(date_day as string), 1, {length}), reason
        )
        select
            period,
            reason,
            entries,
            exits,
            sum(entries - exits) over (
                partition by reason order by period
                rows between unbounded preceding and current row
            ) as listed
        from periods
        order by period desc, reason
        """,
        {
            "period": "period",
            "reason": "reason",
            "entries": "came",
            "exits": "left",
            "listed": "listed then",
        },
        "Nobody was ever on the list.",
        chart=charts.growth,
    ),
    Panel(
        "deliverability",
        "Does our mail arrive?",
        "Mail of the last 30 days, by platform with at least 100 sends. Rates are of a million.",
        """
        with totals as (
            select
                source,
                sum(sent) as messages,
                sum(delivered) as arrived,
                sum(hard_bounces) as hard,
                sum(sender_bounces) as refused,
                sum(complaints) as complained,
                sum(unsubscribes) as left_by
            from {marts}.deliverability_daily
            where date_day >= {month_day}
            group by source
        )
        select
            source,
            messages,
            arrived,
            cast(round(hard * 1000000 / messages) as int64) as hard_bounces,
            cast(round(refused * 1000000 / messages) as int64) as sender_bounces,
            cast(round(complained * 1000000 / nullif(arrived, 0)) as int64) as complaints,
            cast(round(left_by * 1000000 / nullif(arrived, 0)) as int64) as unsubscribes
        from totals
        where messages >= 100
        order by source
        """,
        {
            "source": "platform",
            "messages": "sent",
            "arrived": "delivered",
            "hard_bounces": "hard bounces",
            "sender_bounces": "refused for our fault",
            "complaints": "complaints",
            "unsubscribes": "unsubscribes",
        },
        "No platform reported so much mail in the last 30 days.",
        "5,000 of a million are 0.5 %. Complaints and unsubscribes are of what was delivered. Gmail"
        " reports no person's complaint: its rate is in Google's Postmaster Tools alone"
        " (docs/report.md says how to load it).",
    ),
    Panel(
        "postmaster",
        "What does Gmail say of our mail?",
        "Google's Postmaster Tools of the last 30 days, by sending domain. Rates are of a million.",
        """
        select
            domain,
            max(date_day) as newest,
            count(*) as days,
            max(case when place = 1 then spam_per_million end) as spam,
            max(spam_per_million) as worst_spam,
            count(case when spam_per_million >= 1000 then 1 end) as days_from_1000,
            count(case when spam_per_million >= 3000 then 1 end) as days_from_3000,
            max(delivery_errors_per_million) as worst_errors,
            min(dmarc_per_million) as least_dmarc
        from (
            select
                *,
                row_number() over (partition by domain order by date_day desc) as place
            from {marts}.deliverability_gmail
            where date_day >= {month_day}
        ) as by_day
        group by domain
        order by worst_spam desc, domain
        """,
        {
            "domain": "domain",
            "newest": "newest day",
            "days": "days",
            "spam": "reported as spam on the newest",
            "worst_spam": "on the worst day",
            "days_from_1000": "days from 1,000 on",
            "days_from_3000": "days from 3,000 on",
            "worst_errors": "refused or put off, worst day",
            "least_dmarc": "passed DMARC, worst day",
        },
        "",
        "Google asks for less than 1,000 (0.1 %), and never 3,000 (0.3 %). Days of little mail are"
        " left out by Google; deliverability_gmail has each day, SPF and DKIM.",
    ),
    Panel(
        "thresholds",
        "Which rates were too high?",
        "Days of the last 30 on which a rate reached a threshold of"
        " seeds/deliverability_thresholds.csv.",
        """
        select date_day, source, provider, metric, level, per_million, warn, fail, sent
        from {marts}.deliverability_alerts
        where date_day >= {month_day}
        order by date_day desc, source, provider, metric
        """,
        {
            "date_day": "day",
            "source": "platform",
            "provider": "mailbox provider",
            "metric": "rate",
            "level": "level",
            "per_million": "of a million",
            "warn": "warn from",
            "fail": "fail from",
            "sent": "sent",
        },
        "None.",
        "fail: platforms or mailbox providers act themselves from there on. docs/bounces.md says"
        " why mail bounces.",
    ),
    Panel(
        "bounces",
        "Why did mail bounce?",
        "Bounced addresses of the last 30 days, each once a day, by platform and class.",
        """
        select source, bounce_class, event_type, sum(addresses) as bounced
        from {marts}.deliverability_bounces
        where date_day >= {month_day}
        group by source, bounce_class, event_type
        order by sum(addresses) desc, source, bounce_class, event_type
        """,
        {
            "source": "platform",
            "bounce_class": "class",
            "event_type": "counts as",
            "bounced": "addresses",
        },
        "No mail bounced in the last 30 days.",
        "What counts as soft_bounce suppresses nobody by itself. docs/bounces.md has the classes.",
    ),
    Panel(
        "arrivals",
        "What arrived, and when?",
        "Events by source and hour of the last 7 days. In an empty hour nothing came.",
        """
        select
            source,
            substr(cast(received_at as string), 1, 13) as hour,
            count(*) as events
        from {marts}.events
        where received_at >= {week}
        group by source, substr(cast(received_at as string), 1, 13)
        order by source, hour
        """,
        {"source": "source", "hour": "hour (UTC)", "events": "events"},
        "Nothing arrived in the last 7 days.",
        chart=charts.arrivals,
    ),
    Panel(
        "requests",
        "How did the receiver answer?",
        "Webhook requests of the last 30 days.",
        """
        select source, requests_2xx, requests_4xx, requests_5xx
        from {marts}.status_requests
        order by source
        """,
        {
            "source": "source",
            "requests_2xx": "landed (2xx)",
            "requests_4xx": "refused (4xx)",
            "requests_5xx": "failed (5xx)",
        },
        "The receiver has counted no request.",
        "4xx: not believed, or not understood. 5xx: not landed; the platform sends it again.",
    ),
    Panel(
        "quarantined",
        "What could not be read?",
        "Elements of deliveries that became no event. Nothing of them is lost.",
        """
        select source, reason, count(*) as elements, max(received_at) as newest
        from {marts}.quarantined_deliveries
        group by source, reason
        order by elements desc, source, reason
        """,
        {"source": "source", "reason": "reason", "elements": "elements", "newest": "newest"},
        "Everything could be read.",
        "Look at quarantined_deliveries; what is mended in the models counts after a full refresh.",
    ),
    Panel(
        "failed",
        "What did platforms not take?",
        "Changes that failed and are tried again, and those that a platform will never take.",
        """
        select 'failed' as outcome, destination, error, sum(items) as items, max(latest) as latest
        from {marts}.status_failed
        group by destination, error
        union all
        select 'rejected' as outcome, destination, error, sum(items) as items, max(latest) as latest
        from {marts}.status_rejected
        group by destination, error
        order by items desc, destination, error
        """,
        {
            "outcome": "outcome",
            "destination": "platform",
            "error": "what the platform said",
            "items": "changes",
            "latest": "latest",
        },
        "Platforms took all that they were told.",
        "failed: the next push tries again. rejected: block the address at the platform by hand.",
    ),
    Panel(
        "segments",
        "How large are the segments?",
        "Contacts that meet every condition of a segment (seeds/segments.csv).",
        """
        select segments.segment, count(distinct members.contact_id) as contacts
        from {marts}.segments as segments
        left join {marts}.contact_segments as members on segments.segment = members.segment
        group by segments.segment
        order by segments.segment
        """,
        {"segment": "segment", "contacts": "contacts"},
        "seeds/segments.csv names none.",
        "contact-sync segment NAME writes one to a file.",
    ),
)
