"""How fast one credential may call: even spacing within sliding windows, shared by all threads.

Our own: no library (pyrate-limiter, aiolimiter, limits) moves the whole schedule when a platform
says when to come back, lets SIGTERM end a wait, or counts a call until its answer is there, without
which the network can push the calls of two windows into one.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sync.destinations.base import Limit, Request
from sync.errors import Stopped

# So many windows, one for each value of a part of the path, are kept before idle ones go.
_MOST_WINDOWS = 10_000


class Window:
    """The calls of one limit that count: those under way, and those that ended within its length.

    A call reaches the platform between its start and its end. So whatever the network does, no
    stretch of the window's length holds more arrivals than the limit allows.
    """

    def __init__(self, limit: Limit) -> None:
        self._calls, self._seconds = limit.calls, limit.seconds
        self._under_way = 0
        #: Calls that wait or are under way.
        self.users = 0
        self._ended: deque[float] = deque()

    def free_at(self, now: float) -> float:
        """When a call may start: now, or a time at which to ask again."""
        while self._ended and self._ended[0] + self._seconds <= now:
            self._ended.popleft()
        over = self._under_way + len(self._ended) - self._calls
        if over < 0:
            return now
        # Where those under way fill it, the first to end is not over before now.
        return (self._ended[over] if over < len(self._ended) else now) + self._seconds

    def is_idle(self, now: float) -> bool:
        """Whether no call counts or waits."""
        self.free_at(now)
        return not self.users and not self._ended

    def enter(self) -> None:
        """A call starts."""
        self._under_way += 1

    def leave(self, now: float) -> None:
        """A call ended."""
        self._under_way -= 1
        self._ended.append(now)


class Schedule:
    """Gives out start times 1/rate apart; what is late catches up, so that the mean is exact."""

    def __init__(
        self,
        calls_per_second: float | None,
        *,
        burst: int = 2,
        limits: Sequence[Limit] = (),
        clock: Callable[[], float] = time.monotonic,
        moved: Callable[[float], None] = lambda _: None,
    ) -> None:
        """calls_per_second: None for no spacing. burst: calls that may start at once when late.

        limits: hold whatever the burst. moved: told by how many seconds each `move` put it off.
        """
        self._moved = moved
        self._limits = tuple(limits)
        self._windows: dict[tuple[Limit, str], Window] = {}
        self._clock = clock
        self._interval = 1.0 / calls_per_second if calls_per_second else 0.0
        self._slack = self._interval * max(burst - 1, 0)
        self._lock = threading.Lock()
        self._next = 0.0
        self._not_before = 0.0

    @contextmanager
    def turn(self, request: Request, stop: threading.Event) -> Iterator[None]:
        """The block makes the call, once it may start; Stopped is raised once stop is set."""
        with self._lock:
            windows = self._windows_of(request)
        try:
            self.wait(stop, windows)
            try:
                yield
            finally:
                with self._lock:
                    for window in windows:
                        window.leave(self._clock())
        finally:
            with self._lock:
                for window in windows:
                    window.users -= 1

    def wait(self, stop: threading.Event, windows: Sequence[Window] = ()) -> None:
        """Returns when the call may start, which the windows count from then on; or Stopped."""
        due = self.reserve()
        while True:
            if stop.is_set():
                raise Stopped("Stopped before the next call.")
            with self._lock:
                if due < self._not_before:
                    # The schedule was moved while we waited: queue again behind the new start.
                    due = self._slot()
                now = self._clock()
                start = max([due, *(window.free_at(now) for window in windows)])
                if start <= now:
                    for window in windows:
                        window.enter()
                    return
            stop.wait(start - now)

    def reserve(self) -> float:
        """The time, by the clock, at which the next call may start; each is given out once."""
        with self._lock:
            return self._slot()

    def move(self, seconds: float) -> None:
        """No call starts within so many seconds, whoever makes it."""
        with self._lock:
            now = self._clock()
            before = max(self._not_before, now)
            self._not_before = max(before, now + seconds)
            self._moved(self._not_before - before)

    def _windows_of(self, request: Request) -> list[Window]:
        now = self._clock()
        if len(self._windows) > _MOST_WINDOWS:
            self._windows = {k: one for k, one in self._windows.items() if not one.is_idle(now)}
        found = [
            self._windows.setdefault((limit, request.parts.get(limit.each, "")), Window(limit))
            for limit in self._limits
            if limit.counts(request)
        ]
        for window in found:
            window.users += 1
        return found

    def _slot(self) -> float:
        due = max(self._next, self._clock() - self._slack, self._not_before)
        self._next = due + self._interval
        return due
