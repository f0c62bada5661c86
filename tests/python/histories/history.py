"""What one small world of people, addresses and devices did, and how the news of it arrived.

Everything in it is a local number (the second email, the third contact), so that the same history
can be told of any number of people: `n` decides the names, and keeps histories apart in one
database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Element:
    """One thing that a platform reports; some make several events. Which fields matter depends on
    `kind`.
    """

    source: str
    kind: str
    uid: int  # identifies it within the history; a second element with the same uid is a copy
    contact: int | None = None
    email: int | None = None
    phone: int | None = None
    token: int | None = None
    at: datetime | None = None  # None: no time, or none that parses
    channel: str | None = None
    topic: int | None = None
    traits: tuple[tuple[str, bool], ...] = ()  # (channel, subscribed)
    is_machine: bool = False
    style: int = 0  # which of several equivalent spellings


@dataclass(frozen=True, slots=True)
class Delivery:
    """One HTTP delivery. `rank` orders the delivery ids within the history; `step` is the build
    that first sees it.
    """

    rank: int
    source: str
    received_at: datetime
    elements: tuple[Element, ...]
    step: int
    style: int = 0


@dataclass(frozen=True, slots=True)
class Mail:
    """A row of email_sends or email_opens."""

    table: str
    uid: int
    email: int
    at: datetime
    step: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the directory."""

    contact: int
    email: int | None
    phone: int | None
    token: int | None
    at: datetime | None
    step: int


@dataclass(frozen=True, slots=True)
class History:
    """All that happened to a few people, and in which order it landed."""

    deliveries: tuple[Delivery, ...] = ()
    mails: tuple[Mail, ...] = ()
    entries: tuple[Entry, ...] = ()

    @property
    def size(self) -> int:
        """Number of things reported."""
        return (
            sum(len(delivery.elements) for delivery in self.deliveries)
            + len(self.mails)
            + len(self.entries)
        )


def external_id(n: int, contact: int | None) -> str | None:
    """The name of a contact of history n."""
    return None if contact is None else f"h{n:05d}-c{contact}"


def email(n: int, index: int | None) -> str | None:
    """An email address of history n, normalized."""
    return None if index is None else f"h{n:05d}.e{index}@example.org"


def phone(n: int, index: int | None) -> str | None:
    """A phone number of history n, in E.164."""
    return None if index is None else f"+1{2_020_000_000 + 10 * n + index}"


def push_token(n: int, index: int | None) -> str | None:
    """A push token of history n. Case matters."""
    return None if index is None else f"h{n:05d}-tOk{index}:APA91b"


def history_of(text: str) -> int | None:
    """The history that an address, external_id or token belongs to; None if it is none of ours."""
    if text.startswith("h") and text[1:6].isdigit():
        return int(text[1:6])
    if text.startswith("+1") and text[2:].isdigit():
        return (int(text[2:]) - 2_020_000_000) // 10
    return None
