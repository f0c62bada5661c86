"""How fast one credential may call: a token bucket on an absolute schedule, shared by all threads.

Our own: no library (pyrate-limiter, aiolimiter, limits) moves the whole schedule when a platform
says when to come back, or lets SIGTERM end a wait; pyrate-limiter took 1.05x to 1.5x of calls/rate.
"""

from __future__ import annotations

import threading
import time

from sync.errors import Stopped


class Schedule:
    """Gives out start times 1/rate apart; what is late catches up, so that the mean is exact."""

    def __init__(self, calls_per_second: float | None, *, burst: int = 1) -> None:
        """calls_per_second: None for no limit. burst: calls that may start at once when late."""
        self._interval = 1.0 / calls_per_second if calls_per_second else 0.0
        self._slack = self._interval * max(burst - 1, 0)
        self._lock = threading.Lock()
        self._next = 0.0
        self._not_before = 0.0

    def wait(self, stop: threading.Event) -> None:
        """Returns when the caller may start its call; raises Stopped once stop is set."""
        due = self._take()
        while True:
            if stop.is_set():
                raise Stopped("Stopped before the next call.")
            with self._lock:
                pause = max(due, self._not_before) - time.monotonic()
                if pause > 0 and due < self._not_before:
                    # The schedule was moved while we waited: queue again behind the new start.
                    due = self._slot()
                    pause = due - time.monotonic()
            if pause <= 0:
                return
            stop.wait(pause)

    def move(self, seconds: float) -> None:
        """No call starts within so many seconds, whoever makes it."""
        with self._lock:
            self._not_before = max(self._not_before, time.monotonic() + seconds)

    def _take(self) -> float:
        with self._lock:
            return self._slot()

    def _slot(self) -> float:
        now = time.monotonic()
        due = max(self._next, now - self._slack, self._not_before)
        self._next = due + self._interval
        return due
