"""How long to wait before something that failed is tried again."""

from __future__ import annotations

import time
from typing import Final

_SOON: Final = 2.0
_FIRST: Final = 15.0
_LONGEST: Final = 900.0


class Retry:
    """Doubles the wait with each failure."""

    def __init__(self, longest: float = _LONGEST) -> None:
        """longest: seconds."""
        self._longest = longest
        self._wait: float | None = None
        self._since = 0.0

    def failed(self) -> None:
        """Once more."""
        self._begin(_FIRST if self._wait is None else 2 * max(self._wait, _FIRST / 2))

    def again_soon(self) -> None:
        """Nothing failed, something is in the way."""
        self._begin(_SOON)

    def succeeded(self) -> None:
        """Nothing is to be tried again."""
        self._wait = None

    @property
    def is_waiting(self) -> bool:
        """Whether it is too early to try again."""
        seconds = self.seconds()
        return seconds is not None and seconds > 0

    def seconds(self) -> float | None:
        """What is left of the wait; None where there is nothing to try again."""
        if self._wait is None:
            return None
        return max(0.0, self._since + self._wait - time.monotonic())

    def _begin(self, wait: float) -> None:
        self._wait, self._since = min(wait, self._longest), time.monotonic()
