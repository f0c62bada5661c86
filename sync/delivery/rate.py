"""How fast one credential may call: a token bucket on an absolute schedule, shared by all threads.

Our own: no library (pyrate-limiter, aiolimiter, limits) moves the whole schedule when a platform
says when to come back, or lets SIGTERM end a wait; pyrate-limiter took 1.05x to 1.5x of calls/rate.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from sync.errors import Stopped


class Schedule:
    """Gives out start times 1/rate apart; what is late catches up, so that the mean is exact."""

    def __init__(
        self,
        calls_per_second: float | None,
        *,
        burst: int = 2,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """calls_per_second: None for no limit. burst: calls that may start at once when late."""
        self._clock = clock
        self._interval = 1.0 / calls_per_second if calls_per_second else 0.0
        self._slack = self._interval * max(burst - 1, 0)
        self._lock = threading.Lock()
        self._next = 0.0
        self._not_before = 0.0

    def wait(self, stop: threading.Event) -> None:
        """Returns when the caller may start its call; raises Stopped once stop is set."""
        due = self.reserve()
        while True:
            if stop.is_set():
                raise Stopped("Stopped before the next call.")
            with self._lock:
                if due < self._not_before:
                    # The schedule was moved while we waited: queue again behind the new start.
                    due = self._slot()
            pause = due - self._clock()
            if pause <= 0:
                return
            stop.wait(pause)

    def reserve(self) -> float:
        """The time, by the clock, at which the next call may start; each is given out once."""
        with self._lock:
            return self._slot()

    def move(self, seconds: float) -> None:
        """No call starts within so many seconds, whoever makes it."""
        with self._lock:
            self._not_before = max(self._not_before, self._clock() + seconds)

    def _slot(self) -> float:
        due = max(self._next, self._clock() - self._slack, self._not_before)
        self._next = due + self._interval
        return due
