"""What the oracle and the histories speak of: events and their copies, as facts, not as payloads.

All instants are naive UTC datetimes, as they stand in the tables.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

CHANNELS = ("email", "sms", "push")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a platform, the sender's log or the directory says happened, already
    normalized.

    `key` identifies it within source, channel, word and whom it names. `timestamp` is what the
    platform wrote, whatever the year; None where it wrote nothing or nothing that parses.
    """

    source: str
    key: str
    event_type: str
    channel: str | None = None
    external_id: str | None = None
    email: str | None = None
    phone: str | None = None
    push_token: str | None = None
    timestamp: datetime | None = None
    topic: str | None = None
    trait_value: bool | None = None
    source_of_change: str | None = None
    is_machine: bool = False
    is_echo: bool = False
    #: A bounce that only says that the address is on the platform's own list of bounces.
    is_list_entry: bool = False
    #: Of a bounce, why.
    bounce_class: str | None = None
    #: What the platform calls it, where its class makes something else of it.
    said_type: str | None = None
    #: What the platform calls it, without its second word.
    word: str = ""

    def address_on(self, channel: str | None) -> str | None:
        """The address that this event names on a channel, None if it names none there."""
        return {"email": self.email, "sms": self.phone, "push": self.push_token}.get(channel or "")


@dataclass(frozen=True, slots=True)
class Copy:
    """An event as one delivery brought it. The same event may be brought by many."""

    event: Event
    delivery_id: str
    position: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Rules:
    """Seeds and vars that state depends on."""

    # (reason, attribute, suppresses), in order of precedence
    policy: tuple[tuple[str, str, str], ...]
    # reason -> event types that may end it
    releases: Mapping[str, frozenset[str]]
    # (source, topic) that count for their channel
    counting_topics: frozenset[tuple[str, str]]
    # sources whose mapping has no `sent`: what they delivered counts as sent
    sources_without_sent: frozenset[str]
    max_addresses_per_contact: int = 50
    unengaged_window: timedelta = timedelta(days=90)
    count_machine_opens: bool = True
    soft_bounce_days: int = 7
    soft_bounce_span: timedelta = timedelta(days=14)
    earliest_event: datetime = field(default=datetime(2005, 1, 1))

    @classmethod
    def from_seeds(
        cls,
        seeds: Path,
        *,
        max_addresses_per_contact: int = 50,
        count_machine_opens: bool = True,
        soft_bounce_days: int = 7,
        soft_bounce_span_days: int = 14,
    ) -> Rules:
        """Read the rules from a project's seeds folder."""
        policy = sorted(
            _rows(seeds / "suppression_policy.csv"), key=lambda row: int(row["precedence"])
        )
        releases: dict[str, set[str]] = {}
        for row in _rows(seeds / "suppression_releases.csv"):
            releases.setdefault(row["reason"], set()).add(row["event_type"])
        topics = _rows(seeds / "topics.csv")
        mapping = _rows(seeds / "provider_events.csv")
        with_sent = {row["source"] for row in mapping if row["event_type"] == "sent"}
        return cls(
            policy=tuple((row["reason"], row["attribute"], row["suppresses"]) for row in policy),
            releases={reason: frozenset(types) for reason, types in releases.items()},
            counting_topics=frozenset(
                (row["source"], row["topic"])
                for row in topics
                if row["suppresses"].lower() == "true"
            ),
            sources_without_sent=frozenset({row["source"] for row in mapping} - with_sent),
            max_addresses_per_contact=max_addresses_per_contact,
            count_machine_opens=count_machine_opens,
            soft_bounce_days=soft_bounce_days,
            soft_bounce_span=timedelta(days=soft_bounce_span_days),
        )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))
