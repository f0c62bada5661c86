"""The bodies that are in memory at once, and which one gives way.

Of one source and of all only so much: where that is reached, a body that nobody vouches for is
given up, the one that took most room for longest. So neither many large ones nor many slow ones
keep an honest one out, and one source none of the others.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

#: Of all; more where a body may be larger than usual.
MOST_BYTES = 128 * 1024 * 1024
#: Of one source.
MOST_BYTES_OF_SOURCE = 48 * 1024 * 1024


class Body:
    """The body of one request. is_known: its head has shown whose it is."""

    def __init__(self, source: str, *, is_known: bool) -> None:
        self.source = source
        self.is_known = is_known
        self.is_given_up = False
        self.bytes = bytearray()
        self.began_at = time.monotonic()
        self._timeout: asyncio.Timeout | None = None

    @contextmanager
    def reading(self, timeout: asyncio.Timeout) -> Iterator[None]:
        """While it is read it may be given up: the timeout is over then at once."""
        self._timeout = timeout
        try:
            yield
        finally:
            self._timeout = None

    @property
    def may_give_way(self) -> bool:
        """Not once it is whole, for then it is soon done with."""
        return self._timeout is not None and not self.is_known and not self.is_given_up

    def give_up(self) -> None:
        """Ends its reading; what there is of it is let go of."""
        self.is_given_up = True
        self.bytes = bytearray()
        if self._timeout is not None and not self._timeout.expired():
            self._timeout.reschedule(0)


class Bodies:
    """Those that are in memory."""

    def __init__(self, largest: int) -> None:
        """largest: bytes of a body, which must find room."""
        self._most = max(MOST_BYTES, 3 * largest)
        self._most_of_source = max(MOST_BYTES_OF_SOURCE, largest)
        self._held: dict[Body, int] = {}
        self._of = Counter[str]()
        self._total = 0

    @contextmanager
    def holding(self, source: str, *, is_known: bool) -> Iterator[Body]:
        """A body that is about to come; it counts until the caller is done with it."""
        body = Body(source, is_known=is_known)
        self._held[body] = 0
        try:
            yield body
        finally:
            self._count(body, -self._held.pop(body))

    def add(self, body: Body, piece: bytes) -> bool:
        """Whether there is room, if need be that of others, which are given up."""
        if body.is_given_up:
            return False
        self._held[body] += len(piece)
        self._count(body, len(piece))
        while self._is_over(body.source):
            costliest = self._costliest(body.source)
            if costliest is None:
                return False
            self._count(costliest, -self._held[costliest])
            self._held[costliest] = 0
            costliest.give_up()
            if costliest is body:
                return False
        body.bytes += piece
        return True

    def _count(self, body: Body, size: int) -> None:
        self._of[body.source] += size
        self._total += size

    def _is_over(self, source: str) -> bool:
        """A source may also have no more than is free, so that some is left for another one."""
        free = self._most - self._total
        return self._of[source] > min(self._most_of_source, max(free, 0))

    def _costliest(self, source: str) -> Body | None:
        """Bytes times seconds: of this source while it has too much, else of all."""
        own = [body for body in self._held if body.may_give_way and body.source == source]
        is_full = self._of[source] > self._most_of_source
        found = own if is_full else [body for body in self._held if body.may_give_way]
        now = time.monotonic()
        return max(found, key=lambda body: self._held[body] * (now - body.began_at), default=None)
