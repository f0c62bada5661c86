"""When the copy of DuckDB's file for readers is made anew."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeAlias

#: When the file was changed (nanoseconds), and its bytes.
State: TypeAlias = tuple[int, int]

#: Seconds without a change, after which a copy is made; and for how long changes put it off.
_QUIET: Final = 5.0
_OLDEST: Final = 60.0
#: Of the time: a build waits while a copy is made.
_LARGEST_SHARE: Final = 0.1


class Publications:
    """Keeps in mind which state of the file the copy shows."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: seconds."""
        self._clock = clock
        self._shown: State | None = None
        self._seen: State | None = None
        self._first_change = self._last_change = self._next = 0.0

    def is_due(self, state: State, *, is_idle: bool) -> bool:
        """Whether a copy of the file, which is in this state now, is to be made.

        is_idle: nothing else is to be done. Else only one that was put off for long is due.
        """
        now = self._clock()
        if state != self._seen:
            if self._seen == self._shown:
                self._first_change = now
            self._seen, self._last_change = state, now
        if state == self._shown or now < self._next:
            return False
        is_quiet = is_idle and now - self._last_change >= _QUIET
        return is_quiet or now - self._first_change >= _OLDEST

    def made(self, state: State, seconds: float) -> None:
        """A copy of that state was made in so many seconds."""
        self._shown = state
        self._next = self._clock() + seconds / _LARGEST_SHARE

    def failed(self, seconds: float) -> None:
        """None could be made, after so many seconds: not again before a while has passed."""
        self._next = self._clock() + max(_OLDEST, seconds / _LARGEST_SHARE)

    def again_soon(self) -> None:
        """Another program had the file."""
        self._next = self._clock() + _QUIET
