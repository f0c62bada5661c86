"""What `contact-sync status` shows: a verdict, and a view of models/marts/status each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sync.clock import utc_now
from sync.delivery.settings import unready
from sync.run.parts import has_died
from sync.warehouse.base import Warehouse


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the status: the view `status_<key>`.

    columns: those that a person is shown. hint: what to do where it has rows. is_brief: whether it
    is shown without --all.
    """

    key: str
    title: str
    columns: Sequence[str]
    order: str
    hint: str = ""
    is_brief: bool = False

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
        "unmatched_rows",
        "Rows of seeds that nothing matched",
        ("seed", "source", "name", "why"),
        "seed, source, name",
        "Correct the spelling, or remove the row: what it should have said decides nothing.",
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
        is_brief=True,
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
        is_brief=True,
    ),
    Section(
        "failed",
        "Failed, and still pending: the next push tries again",
        ("destination", "channel", "scope", "error", "items", "latest"),
        "destination, channel, scope, items desc, error",
        is_brief=True,
    ),
    Section(
        "rejected",
        "Rejected: the platform will never take these",
        ("destination", "scope", "action", "reason", "error", "items", "latest"),
        "destination, items desc, error",
        is_brief=True,
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


#: What a row of status_findings says, and what to do about it.
FINDINGS: Mapping[str, tuple[str, str]] = {
    "no_build": ("no build is recorded", "Run `dbt build`."),
    "build_failed": (
        "the newest build failed",
        "Run `dbt build`: it says what failed. Nothing is pushed until one succeeds.",
    ),
    "build_old": (
        "the newest build is older than 26 hours",
        "Look whether cron or contact-sync run still runs: nothing is pushed from an old build.",
    ),
    "opt_outs_waiting": (
        "{items:,} opt-outs wait for longer than 48 hours",
        "Run `contact-sync plan`, and push.",
    ),
    "opt_outs_rejected": (
        "platforms will never take {items:,} opt-outs",
        "The table of rejected changes says why. Block these at the platform by hand.",
    ),
    "opt_outs_unlinked": (
        "{items:,} opt-outs name a platform's own id, and no address is known of it",
        "`contact-sync adopt`, or land an export that names both (docs/platform-ids.md).",
    ),
    "run_died": ("contact-sync run died", "Start it again."),
    "pushes_guarded": (
        "the guard stopped the last push to {items:,} destinations",
        "Run `contact-sync plan`, then `contact-sync push --plan HASH` if it is right.",
    ),
    "pushes_failed": (
        "the last push to {items:,} destinations failed",
        "Run `contact-sync push`: it says what failed.",
    ),
    "possible_opt_outs": (
        "{items:,} replies may be opt-outs",
        "Read possible_opt_outs: `contact-sync suppress --person-asked` or `dismiss`.",
    ),
    "failed": (
        "{items:,} changes failed",
        "The next push tries again. The table of failed changes says why.",
    ),
    "rejected": (
        "platforms will never take {items:,} other changes",
        "The table of rejected changes says why.",
    ),
    "requests_5xx": (
        "{items:,} webhook requests of the last 24 hours were answered with 5xx",
        "The receiver's log says why; the platforms send them again.",
    ),
    "quarantined": (
        "{items:,} elements of the last 7 days could not be read",
        "Look at quarantined_deliveries.",
    ),
    "unknown_events": (
        "{items:,} events have no meaning yet",
        "Say what they mean in seeds/provider_events.csv.",
    ),
    "unlisted_topics": (
        "{items:,} opt-outs of topics suppress nothing",
        "Say which do in seeds/topics.csv.",
    ),
    "unmatched_rows": (
        "{items:,} rows of seeds matched nothing",
        "`contact-sync status --all` names them: is a name spelled as the platform writes it?",
    ),
    "contacts_over_address_limit": (
        "{items:,} external ids name too many addresses",
        "Opt-ins and opt-outs do not pass along their links.",
    ),
    "postmaster_unread": (
        "{items:,} statistics of Postmaster Tools cannot be read",
        "postmaster_rows says why (error): correct or remove them where they were loaded.",
    ),
}
#: By the lowest severity among the findings.
_LEVELS = {1: "act now", 2: "attention"}


_FINDINGS = "select * from {marts}.status_findings order by severity, finding"
_NEWEST_BUILD = """
    select invocation_id, started_at, ended_at, as_of, ok from {raw}.builds
    order by ended_at desc, started_at desc limit 1
"""
_ENABLED = """
    select distinct destination from {marts}.destinations where enabled order by destination
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """A row of status_findings. since: of the oldest, UTC, None where that is not known."""

    finding: str
    severity: int
    may_hide_opt_outs: bool
    items: int
    since: datetime | None

    @property
    def says(self) -> str:
        """What was found, in words."""
        return self._words[0].format(items=self.items)

    @property
    def next(self) -> str:
        """What to do about it."""
        return self._words[1]

    @property
    def _words(self) -> tuple[str, str]:
        # A newer build may find what this version has no words for.
        return FINDINGS.get(self.finding, (f"{self.finding}: {{items:,}}", "Update contact-sync."))

    def as_json(self) -> dict[str, Any]:
        """All of it, as data."""
        return {**asdict(self), "says": self.says, "next": self.next}


@dataclass(frozen=True, slots=True)
class Status:
    """The newest build (None: none is recorded) and the rows of every section, by its key.

    findings: the most urgent first. run: as sync.run.parts.read says. unready: why an enabled
    destination cannot be called, by its name.
    """

    findings: Sequence[Finding]
    run: Mapping[str, Any] | None
    build: Mapping[str, Any] | None
    sections: Mapping[str, list[dict[str, Any]]]
    unready: Mapping[str, str]

    @property
    def level(self) -> str:
        """fine, attention or act now."""
        return _LEVELS[self.findings[0].severity] if self.findings else "fine"


def read_status(
    warehouse: Warehouse, environment: Mapping[str, str], run: Mapping[str, Any] | None
) -> Status:
    """Everything that `status` shows. Raises WarehouseMissing before the first build."""
    queries = [_FINDINGS, _NEWEST_BUILD, _ENABLED, *(section.sql for section in SECTIONS)]
    with warehouse.session():
        rows, builds, enabled, *found = warehouse.rows_of_each(queries)
    build = dict(builds[0]) if builds else None
    if build is not None:
        build["age_seconds"] = int((utc_now() - build["ended_at"]).total_seconds())
    sections = {section.key: rows for section, rows in zip(SECTIONS, found, strict=True)}
    destinations = [row["destination"] for row in enabled]
    findings = [Finding(**row) for row in rows]
    if run is not None and has_died(run):
        findings.insert(0, Finding("run_died", 1, True, 1, None))
    return Status(findings, run, build, sections, unready(destinations, environment))
