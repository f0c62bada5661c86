"""What `contact-sync status` shows: the newest build, and a view of models/marts/status each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync.clock import utc_now
from sync.delivery.settings import unready
from sync.warehouse.base import Warehouse


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the status: the view `status_<key>`.

    columns: those that a person is shown. hint: what to do where it has rows.
    """

    key: str
    title: str
    columns: Sequence[str]
    order: str
    hint: str = ""

    @property
    def sql(self) -> str:
        """The query of its rows."""
        return f"select * from {{marts}}.status_{self.key} order by {self.order}"


SECTIONS: tuple[Section, ...] = (
    Section("events", "Events", ("source", "event_type", "events"), "source, event_type"),
    Section(
        "requests",
        "Webhook requests of the last 30 days",
        ("source", "requests_2xx", "requests_4xx", "requests_5xx"),
        "source",
        "4xx: not believed, or not understood; 5xx: not landed, and sent again. The log says why.",
    ),
    Section(
        "quarantined",
        "Quarantined",
        ("source", "reason", "deliveries"),
        "source, reason",
        "Look at them in quarantined_deliveries.",
    ),
    Section(
        "unknown_events",
        "Unknown events",
        ("source", "provider_event", "events"),
        "events desc, source, provider_event",
        "Say what they mean in seeds/provider_events.csv.",
    ),
    Section(
        "unlisted_topics",
        "Opt-outs of topics that seeds/topics.csv does not list",
        ("source", "topic", "events"),
        "events desc, source, topic",
        "They suppress nothing until a row of seeds/topics.csv says so.",
    ),
    Section(
        "possible_opt_outs",
        "Replies that may be opt-outs",
        ("source", "channel", "replies", "oldest"),
        "source, channel",
        "Read them (possible_opt_outs): `contact-sync suppress --person-asked` records a refusal, "
        "`contact-sync dismiss` that it is none.",
    ),
    Section(
        "waiting_opt_outs",
        "Opt-outs that wait: a platform's own id, and no address is known of it",
        ("source", "channel", "opt_outs", "oldest"),
        "source, channel",
        "They suppress nobody until `contact-sync adopt` or an export (`contact-sync backfill`) "
        "says whose ids they are: docs/platform-ids.md",
    ),
    Section(
        "contacts_over_address_limit",
        "External ids that name too many addresses",
        ("channel", "external_id", "addresses"),
        "addresses desc, channel, external_id",
        "Opt-ins and opt-outs no longer pass along their links (var max_addresses_per_contact).",
    ),
    Section(
        "suppression_list",
        "Suppression list",
        ("channel", "reason", "addresses"),
        "channel, reason",
    ),
    Section("ledger", "Ledger", ("destination", "outcome", "items"), "destination, outcome"),
    Section(
        "unknown",
        "In an unknown state: a call without an answer yet",
        ("destination", "channel", "scope", "items"),
        "destination, channel, scope",
        "The next push sends what holds of them. "
        "`contact-sync reconcile` shows what the platform has.",
    ),
    Section(
        "pending",
        "Pending",
        ("destination", "channel", "scope", "action", "reason", "items", "oldest"),
        "destination, channel, scope, priority, action, reason",
        "oldest: since when the person's act waits. Next: contact-sync plan",
    ),
    Section(
        "failed",
        "Failed, and still pending: the next push tries again",
        ("destination", "channel", "scope", "error", "items", "latest"),
        "destination, channel, scope, items desc, error",
    ),
    Section(
        "rejected",
        "Rejected: the platform will never take these",
        ("destination", "scope", "action", "reason", "error", "items", "latest"),
        "destination, items desc, error",
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
        "started_at desc, destination limit 40",
    ),
)


_NEWEST_BUILD = """
    select invocation_id, started_at, ended_at, as_of, ok from {raw}.builds
    order by ended_at desc, started_at desc limit 1
"""
_ENABLED = """
    select distinct destination from {marts}.destinations where enabled order by destination
"""


@dataclass(frozen=True, slots=True)
class Status:
    """The newest build (None: none is recorded) and the rows of every section, by its key.

    unready: why an enabled destination cannot be called, by its name.
    """

    build: Mapping[str, Any] | None
    sections: Mapping[str, list[dict[str, Any]]]
    unready: Mapping[str, str]


def read_status(warehouse: Warehouse, environment: Mapping[str, str]) -> Status:
    """Everything that `status` shows. Raises WarehouseMissing before the first build."""
    queries = [_NEWEST_BUILD, _ENABLED, *(section.sql for section in SECTIONS)]
    with warehouse.session():
        builds, enabled, *found = warehouse.rows_of_each(queries)
    build = dict(builds[0]) if builds else None
    if build is not None:
        build["age_seconds"] = int((utc_now() - build["ended_at"]).total_seconds())
    sections = {section.key: rows for section, rows in zip(SECTIONS, found, strict=True)}
    destinations = [row["destination"] for row in enabled]
    return Status(build, sections, unready(destinations, environment))
