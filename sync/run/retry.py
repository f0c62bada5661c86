"""How long to wait before something that failed is tried again."""

from __future__ import annotations

from typing import Final

_SOON: Final = 2.0
_FIRST: Final = 15.0
_LONGEST: Final = 900.0


class Retry:
    """Doubles the wait with each failure."""

    def __init__(self) -> None:
        self._wait: float | None = None

    def failed(self) -> None:
        """Once more."""
        self._wait = min(_FIRST if self._wait is None else 2 * self._wait, _LONGEST)

    def again_soon(self) -> None:
        """Nothing failed, something is in the way."""
        self._wait = _SOON

    def succeeded(self) -> None:
        """Nothing is to be tried again."""
        self._wait = None

    def seconds(self) -> float | None:
        """The wait; None where there is nothing to try again."""
        return self._wait
