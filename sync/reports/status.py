"""What `contact-sync status` shows: one query per section, in the SQL that all engines share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync.clock import utc_now
from sync.warehouse.base import Warehouse


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the status. hint: what to do where it has rows."""

    key: str
    title: str
    columns: Sequence[str]
    sql: str
    hint: str = ""


SECTIONS: tuple[Section, ...] = (
    Section(
        "events",
        "Events",
        ("source", "event_type", "events"),
        """
        select source, event_type, count(*) as events from {marts}.events
        group by source, event_type order by source, event_type
        """,
    ),
    Section(
        "requests",
        "Webhook requests of the last 30 days",
        ("source", "requests_2xx", "requests_4xx", "requests_5xx"),
        """
        select
            source,
            sum(case when status_class = '2xx' then requests else 0 end) as requests_2xx,
            sum(case when status_class = '4xx' then requests else 0 end) as requests_4xx,
            sum(case when status_class = '5xx' then requests else 0 end) as requests_5xx
        from {raw}.webhook_requests group by source order by source
        """,
        "4xx: not believed, or not understood; 5xx: not landed, and sent again. The log says why.",
    ),
    Section(
        "quarantined",
        "Quarantined",
        ("source", "reason", "deliveries"),
        """
        select source, reason, count(*) as deliveries from {marts}.quarantined_deliveries
        group by source, reason order by source, reason
        """,
        "Look at them in quarantined_deliveries.",
    ),
    Section(
        "unknown_events",
        "Unknown events",
        ("source", "provider_event", "events"),
        """
        select source, provider_event, count(*) as events from {marts}.int_events_unioned
        where is_unmapped and provider_event is not null
        group by source, provider_event order by events desc, source, provider_event
        """,
        "Say what they mean in seeds/provider_events.csv.",
    ),
    Section(
        "unlisted_topics",
        "Opt-outs of topics that seeds/topics.csv does not list",
        ("source", "topic", "events"),
        """
        select happened.source, happened.topic, count(*) as events
        from {marts}.events as happened
        left join {marts}.topics as topics
            on happened.source = topics.source and happened.topic = topics.topic
        where happened.event_type = 'topic_unsubscribe' and topics.topic is null
        group by happened.source, happened.topic order by events desc, source, topic
        """,
        "They suppress nothing until a row of seeds/topics.csv says so.",
    ),
    Section(
        "contacts_over_address_limit",
        "External ids that name too many addresses",
        ("channel", "external_id", "addresses"),
        """
        select channel, external_id, count(*) as addresses
        from {marts}.int_contact_addresses
        where exceeds_address_limit
        group by channel, external_id order by addresses desc, channel, external_id
        """,
        "Opt-ins and opt-outs no longer pass along their links (var max_addresses_per_contact).",
    ),
    Section(
        "suppression_list",
        "Suppression list",
        ("channel", "reason", "addresses"),
        """
        select channel, event_type as reason, count(*) as addresses
        from {marts}.suppression_list group by channel, event_type order by channel, reason
        """,
    ),
    Section(
        "ledger",
        "Ledger",
        ("destination", "outcome", "items"),
        """
        select destination, outcome, count(*) as items from {raw}.sync_ledger
        where outcome not in ('intended', 'unsent')
        group by destination, outcome order by destination, outcome
        """,
    ),
    Section(
        "unknown",
        "In an unknown state: a call without an answer yet",
        ("destination", "channel", "scope", "items"),
        """
        select destination, channel, scope, count(*) as items from {marts}.int_synced_state
        where is_unknown group by destination, channel, scope order by destination, channel, scope
        """,
        "The next push sends what holds of them. "
        "`contact-sync reconcile` shows what the platform has.",
    ),
    Section(
        "pending",
        "Pending",
        ("destination", "channel", "scope", "action", "reason", "items", "oldest"),
        """
        select
            destination, channel, scope, action, reason,
            count(*) as items, min(event_timestamp) as oldest
        from {marts}.sync_deltas group by destination, channel, scope, action, reason
        order by destination, channel, scope, min(priority), action, reason
        """,
        "oldest: since when the person's act waits. Next: contact-sync plan",
    ),
    Section(
        "failed",
        "Failed, and still pending: the next push tries again",
        ("destination", "channel", "scope", "error", "items", "latest"),
        """
        with latest_failures as (
            select
                deltas.destination, deltas.channel, deltas.scope, ledger.error, ledger.pushed_at
            from {marts}.sync_deltas as deltas
            inner join {raw}.sync_ledger as ledger on deltas.delta_id = ledger.delta_id
            where ledger.outcome = 'failed'
            qualify row_number() over (
                partition by deltas.delta_id order by ledger.pushed_at desc, ledger.error
            ) = 1
        )
        select
            destination, channel, scope, error, count(*) as items, max(pushed_at) as latest
        from latest_failures
        group by destination, channel, scope, error
        order by destination, channel, scope, items desc, error
        """,
    ),
    Section(
        "rejected",
        "Rejected: the platform will never take these",
        ("destination", "scope", "action", "reason", "error", "items", "latest"),
        """
        select
            destination, scope, action, reason, error,
            count(*) as items, max(pushed_at) as latest
        from {raw}.sync_ledger where outcome = 'rejected'
        group by destination, scope, action, reason, error order by destination, items desc, error
        """,
    ),
    Section(
        "runs",
        "Last runs",
        (
            "run_id",
            "destination",
            "status",
            "started_at",
            "ended_at",
            "suppressed",
            "released",
            "subscribed",
            "rejected",
            "absent",
            "failed",
        ),
        """
        select
            run_id, destination, status, started_at, ended_at,
            suppressed, released, subscribed, confirmed, accepted, rejected, absent, failed,
            plan_hash, expires_at
        from {raw}.sync_runs
        where true
        qualify row_number() over (
            partition by run_id, destination order by ended_at is not null desc, expires_at desc
        ) = 1
        order by started_at desc, destination limit 40
        """,
    ),
)


_NEWEST_BUILD = """
    select invocation_id, started_at, ended_at, as_of, ok from {raw}.builds
    order by ended_at desc, started_at desc limit 1
"""


@dataclass(frozen=True, slots=True)
class Status:
    """The newest build (None: none is recorded) and the rows of every section, by its key."""

    build: Mapping[str, Any] | None
    sections: Mapping[str, list[dict[str, Any]]]


def read_status(warehouse: Warehouse) -> Status:
    """Everything that `status` shows. Raises WarehouseMissing before the first build."""
    with warehouse.session():
        return _read(warehouse)


def _read(warehouse: Warehouse) -> Status:
    builds, *found = warehouse.rows_of_each((_NEWEST_BUILD, *(item.sql for item in SECTIONS)))
    sections = {section.key: rows for section, rows in zip(SECTIONS, found, strict=True)}
    now = utc_now()
    build: dict[str, Any] | None = None
    if builds:
        build = dict(builds[0])
        build["age_seconds"] = int((now - build["ended_at"]).total_seconds())
    for run in sections["runs"]:
        if run["status"] == "running" and run["expires_at"] < now:
            # Nobody was there to write its end.
            run["status"] = "killed"
    return Status(build, sections)
