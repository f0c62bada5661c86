"""How many connections a server holds, and which one gives way to a new one.

A platform's delivery is there for milliseconds; who wants to shut it out must stay. So nobody is
turned away at the door while an older connection has shown nothing: that one is cut instead, of the
address that has most.
"""

from __future__ import annotations

import resource
from typing import Protocol

# Of the files that the process may have open, connections take so much at most.
_SHARE_OF_FILES = 0.75


class Connection(Protocol):
    """What a server holds of one client."""

    def cut(self) -> None:
        """Ends it at once, without an answer."""


class Connections:
    """Those that are open, by address and age."""

    def __init__(self, most: int, most_per_address: int) -> None:
        """most_per_address: 0 for no limit but that of all."""
        self._most = most
        self._most_per_address = most_per_address or most
        self._count = 0
        # Those that have shown nothing yet, the oldest first, and how many have.
        self._unverified: dict[str, dict[Connection, None]] = {}
        self._verified: dict[str, set[Connection]] = {}

    def __len__(self) -> int:
        return self._count

    def add(self, connection: Connection, address: str) -> bool:
        """Whether there is room, if need be that of an older one, which is cut."""
        if self._of(address) >= self._most_per_address and not self._make_room(address):
            return False
        if self._count >= self._most and not self._make_room(self._most_unverified()):
            return False
        self._unverified.setdefault(address, {})[connection] = None
        self._count += 1
        return True

    def verify(self, connection: Connection, address: str) -> None:
        """It carried a delivery that is the platform's, and gives way to none."""
        if connection in self._unverified.get(address, ()):
            self._forget(self._unverified, connection, address)
            self._verified.setdefault(address, set()).add(connection)

    def remove(self, connection: Connection, address: str) -> None:
        """It is gone; may be told twice."""
        if connection in self._unverified.get(address, ()):
            self._forget(self._unverified, connection, address)
            self._count -= 1
        elif connection in self._verified.get(address, ()):
            self._verified[address].discard(connection)
            if not self._verified[address]:
                del self._verified[address]
            self._count -= 1

    def _of(self, address: str) -> int:
        return len(self._unverified.get(address, ())) + len(self._verified.get(address, ()))

    def _make_room(self, address: str) -> bool:
        oldest = next(iter(self._unverified.get(address, ())), None)
        if oldest is None:
            return False
        self.remove(oldest, address)
        oldest.cut()
        return True

    def _most_unverified(self) -> str:
        return max(self._unverified, key=lambda address: len(self._unverified[address]), default="")

    @staticmethod
    def _forget(
        held: dict[str, dict[Connection, None]], connection: Connection, address: str
    ) -> None:
        del held[address][connection]
        if not held[address]:
            del held[address]


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
    return max(1, min(most, int(soft * _SHARE_OF_FILES)))
