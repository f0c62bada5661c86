"""What the contract suite must know of a destination: one file each, named as the destination."""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sync.clock import utc_now
from sync.destinations.base import Item
from tests.python.sync.world import item


@dataclass(frozen=True)
class Row:
    """A row of seeds/destinations.csv that the platform is tried with.

    keeps: whether nobody is released from it, where the platform releases from others.
    """

    channel: str
    scope: str = ""
    keeps: bool = False


def everyone(lists: Any) -> set[str]:
    """Every address on any list."""
    if isinstance(lists, dict):
        return set().union(*(everyone(inner) for inner in lists.values()))
    return set(lists)


@dataclass(frozen=True)
class Case:
    """One destination.

    settings: its variables that are no secret, and secrets of a shape of their own. success: the
    outcome of what the platform took. release: the outcome of undoing an opt-out. suppressed: whom
    the platform's lists keep from messages, by address (a profile platform: by external_id).
    is_profile: the verbs are suppress and subscribe, and items name a contact. calls_beside: calls
    besides those of the items (a token that is fetched first). values: of every item of it.
    """

    name: str
    rows: tuple[Row, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    success: str = "confirmed"
    release: str = "confirmed"
    is_profile: bool = False
    suppressed: Callable[[dict[str, Any]], set[str]] = everyone
    calls_beside: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)

    def release_of(self, row: Row) -> str:
        """The outcome of undoing an opt-out of a row."""
        return "rejected" if row.keeps else self.release

    def people(self, row: Row, count: int, **values: Any) -> list[Item]:
        """So many items of a row, each of somebody else."""
        return [self.person(row, address_of(row.channel, n), **values) for n in range(count)]

    def person(self, row: Row, address: str, **values: Any) -> Item:
        """An item of a row."""
        identity = "|".join([self.name, row.channel, row.scope, address, str(values.get("action"))])
        name = f"user-{hashlib.md5(address.encode()).hexdigest()[:8]}"
        email = address if row.channel == "email" else None
        defaults: dict[str, Any] = {
            "delta_id": hashlib.md5(identity.encode()).hexdigest(),
            "destination": self.name,
            "channel": row.channel,
            "scope": row.scope,
            "contact_id": name,
            "external_id": name,
            "email": email,
            "phone": address if row.channel == "sms" else None,
            "reason": "unsubscribe",
            "suppressed_at": utc_now(),
        }
        if self.is_profile:
            attribute = {
                "email": "email_subscribed_status",
                "sms": "sms_subscribed_status",
                "push": "push_notification_enabled",
            }[row.channel]
            is_on = str(values.get("action") == "subscribe").lower()
            defaults["traits"] = f'{{"{attribute}":{is_on}}}'
        return item(address, **{**defaults, **self.values, **values})

    def identity(self, one: Item) -> str:
        """How the platform's lists show an item."""
        found = one.external_id if self.is_profile else one.address
        assert found
        return found


def address_of(channel: str, number: int) -> str:
    """An address of a channel, another for every number."""
    if channel == "email":
        return f"person{number}@example.com"
    if channel == "sms":
        return f"+1415555{number:04d}"
    return f"token{number:05d}:APA91b-sandbox_{number}"


def all_cases() -> list[Case]:
    """The cases of all files beside this one."""
    found = []
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        found.append(importlib.import_module(f"{__name__}.{module.name}").CASE)
    return found
