"""Reads a platform's own lists, row by row of seeds/destinations.csv."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from sync.delivery.connection import connected
from sync.delivery.settings import read_settings
from sync.destinations import get
from sync.destinations.base import Destination, Entry
from sync.errors import (
    ConfigError,
    ListNotReadable,
    PlatformError,
    Stopped,
    SyncError,
    UnknownScope,
)
from sync.landing import Statement, instant_text
from sync.privacy.tombstones import Tombstones
from sync.warehouse.base import Warehouse

_CONNECTIONS = 4
_ADDRESS = {"email": "email", "sms": "phone", "push": "push_token"}


class Row(NamedTuple):
    """A row of seeds/destinations.csv: the platform's list that it feeds."""

    channel: str
    scope: str


class Listed(NamedTuple):
    """An entry, and the row whose list it is on."""

    row: Row
    entry: Entry


class Reader:
    """Reads the lists of one destination."""

    def __init__(
        self, destination: Destination, stop: threading.Event, tombstones: Tombstones | None
    ) -> None:
        """stop: ends the reading after the page that is under way."""
        self._destination = destination
        self._stop = stop
        self._tombstones = tombstones
        #: Entries of people who were forgotten.
        self.forgotten = 0
        #: The rows whose list could not be read to its end, and why.
        self.unread: dict[Row, SyncError] = {}

    def is_placement(self, entry: Entry) -> bool:
        """Whether it is on a list that we put people on."""
        placed_in = self._destination.placed_in
        return placed_in is None or entry.listed_in in placed_in

    def read(
        self, rows: Sequence[Row], advance: Callable[[int], None] = lambda _: None
    ) -> Iterator[Listed]:
        """The entries of the rows' lists, one row after the other. advance: told of each.

        A row that cannot be read stops no other: it is `unread`. Raises Stopped.
        """
        for row in rows:
            try:
                yield from self.entries(row, advance)
            except (ListNotReadable, UnknownScope, PlatformError) as error:
                self.unread[row] = error

    def entries(
        self, row: Row, advance: Callable[[int], None] = lambda _: None
    ) -> Iterator[Listed]:
        """The entries of a row's lists. advance: told of each.

        Those of the forgotten are passed over: to stop them is all that is left of them. Raises
        UnknownScope, ListNotReadable, Stopped, or what the platform answers.
        """
        for entry in self._entries(row):
            advance(1)
            if self._tombstones and self._tombstones.has_refused(entry.channel, entry.address):
                self.forgotten += 1
            else:
                yield Listed(row, entry)

    def _entries(self, row: Row) -> Iterator[Entry]:
        """Stopped is raised once SIGTERM came, also where it cut a call off."""
        stopped = Stopped(f"{self._destination.name}: stopped while its lists were read.")
        try:
            for entry in self._destination.entries(row.channel, row.scope):
                if self._stop.is_set():
                    raise stopped
                yield entry
        except PlatformError:
            if self._stop.is_set():
                raise stopped from None
            raise


@contextmanager
def reading(
    name: str,
    environment: Mapping[str, str],
    stop: threading.Event,
    tombstones: Tombstones | None = None,
) -> Iterator[Reader]:
    """A reader of a platform's lists. tombstones: what the forgotten refused.

    Raises UnknownDestination, ConfigError.
    """
    kind = get(name)
    settings = read_settings(kind, environment)
    workers = min(_CONNECTIONS, settings.connections)
    with connected(kind, settings, stop=stop, workers=workers) as (destination, _):
        yield Reader(destination, stop, tombstones)


def rows_of(warehouse: Warehouse, name: str, scopes: Sequence[str]) -> list[Row]:
    """The enabled rows of a destination that keep a list, or those of the scopes that are named.

    Raises UnknownDestination, ListNotReadable, and ConfigError where there is no row.
    """
    kind = get(name)
    if kind.entries is Destination.entries:
        raise ListNotReadable(
            f"{kind.title} shows no list of those who are stopped: there is nothing to read "
            "(docs/lists.md says what there is instead)."
        )
    if scopes:
        return [Row(channel, scope) for channel in sorted(kind.channels) for scope in scopes]
    found = warehouse.rows(
        "select channel, scope from {marts}.destinations"
        " where destination = @name and enabled and mode = 'suppression' order by channel, scope",
        {"name": name},
    )
    if not found:
        raise ConfigError(
            f"{name} has no enabled row of mode `suppression` in seeds/destinations.csv: enable "
            "one and run `dbt build`, or name the list with --scope (empty for the platform's own)."
        )
    return [Row(row["channel"], row["scope"] or "") for row in found]


def is_fault(error: SyncError) -> bool:
    """Whether an unread row is something to mend: a list that nobody is shown is not."""
    return not isinstance(error, ListNotReadable)


def statement_of(platform: str, entry: Entry) -> Statement:
    """What an entry says, as a statement of the platform."""
    return {
        "event": "list",
        "detail": entry.listed_in,
        "platform": platform,
        "channel": entry.channel,
        _ADDRESS[entry.channel]: entry.address,
        "topic": entry.topic,
        "platform_id": entry.platform_id and f"{platform}:{entry.platform_id}",
        "reason": f"on the list {entry.listed_in} of {platform}",
        "at": instant_text(entry.since),
    }
