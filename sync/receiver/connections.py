"""How many connections a server holds, and which one gives way to a new one.

A platform's delivery is there for milliseconds; who wants to shut it out must stay. So nobody is
turned away at the door while an older connection has shown nothing: that one is cut instead, of the
address that has most.
"""

from __future__ import annotations

import logging
import resource
import time
from typing import Protocol

log = logging.getLogger(__name__)

# Of the files that the process may have open, connections take so much at most.
_SHARE_OF_FILES = 0.75
# The least that is kept for landing and all else.
_FILES_KEPT = 64
# Of all connections, one address may have so many, unless something else is set.
_SHARE_OF_ADDRESS = 0.75
# One line in so many seconds.
_QUIET = 60.0


class Connection(Protocol):
    """What a server holds of one client."""

    def cut(self) -> None:
        """Ends it at once, without an answer."""


class Connections:
    """Those that are open, by address and age."""

    def __init__(self, most: int, most_of_address: int = 0) -> None:
        """most_of_address: 0 for the usual share of all."""
        self._most = most
        self._most_of_address = most_of_address or max(1, int(most * _SHARE_OF_ADDRESS))
        self._count = 0
        # Of each address those that have shown nothing yet, the oldest first, and the others.
        self._unknown: dict[str, dict[Connection, None]] = {}
        self._known: dict[str, dict[Connection, None]] = {}
        self._cut = 0
        self._told_at = -_QUIET

    def __len__(self) -> int:
        return self._count

    def add(self, connection: Connection, address: str) -> bool:
        """Whether there is room, if need be that of an older one, which is cut."""
        if self._of(address) >= self._most_of_address and not self._make_room(address):
            return False
        if self._count >= self._most and not self._make_room(self._busiest()):
            return False
        self._unknown.setdefault(address, {})[connection] = None
        self._count += 1
        return True

    def vouch(self, connection: Connection, address: str) -> None:
        """It carries a delivery that is the platform's, and gives way to none."""
        if _drop(self._unknown, connection, address):
            self._known.setdefault(address, {})[connection] = None

    def end_vouching(self, connection: Connection, address: str) -> None:
        """The delivery was answered; whoever stays must show the next one."""
        if _drop(self._known, connection, address):
            self._unknown.setdefault(address, {})[connection] = None

    def remove(self, connection: Connection, address: str) -> None:
        """It is gone; may be told twice."""
        if _drop(self._unknown, connection, address) or _drop(self._known, connection, address):
            self._count -= 1

    def _of(self, address: str) -> int:
        return len(self._unknown.get(address, ())) + len(self._known.get(address, ()))

    def _busiest(self) -> str:
        return max(self._unknown, key=lambda address: len(self._unknown[address]), default="")

    def _make_room(self, address: str) -> bool:
        """Cuts the oldest of that address; whether there was one."""
        self._tell()
        oldest = next(iter(self._unknown.get(address, ())), None)
        if oldest is None:
            return False
        self.remove(oldest, address)
        oldest.cut()
        return True

    def _tell(self) -> None:
        self._cut += 1
        now = time.monotonic()
        if now - self._told_at >= _QUIET:
            log.warning(
                "All %d connections are taken, or an address has all of its %d: "
                "%d were cut since the last such line.",
                self._most,
                self._most_of_address,
                self._cut,
            )
            self._told_at, self._cut = now, 0


def _drop(held: dict[str, dict[Connection, None]], connection: Connection, address: str) -> bool:
    of_address = held.get(address, {})
    if connection not in of_address:
        return False
    del of_address[connection]
    if not of_address:
        del held[address]
    return True


def within_open_files(most: int) -> int:
    """So many connections, or what the process's limit of open files has room for.

    The soft limit is raised as far as it may be; some files are kept for the sink.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = int(most / _SHARE_OF_FILES) + 1
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return most
    return max(1, min(most, int(soft * _SHARE_OF_FILES), soft - _FILES_KEPT))
