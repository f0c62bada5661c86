"""Reads what waits, and what needs a person, for the metrics."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from sync.metrics.state import read_state
from sync.run.lookout import Lookout
from sync.warehouse.base import Warehouse

log = logging.getLogger(__name__)

#: Seconds between two looks, at least. The age of what waits grows without one.
_PAUSE: Final = 30.0


class Gauger:
    """A look at what is pending; the same trouble is told once."""

    name = "gauges"

    def __init__(self, open_warehouse: Callable[[], Warehouse]) -> None:
        self._open = open_warehouse
        self._told = ""

    def start(self, *, pause: float = _PAUSE) -> Lookout:
        """The thread that does it."""
        return Lookout(self, pause=pause)

    def __call__(self) -> None:
        """Reads it."""
        read_state(self._open())
        self._told = ""

    def busy(self, why: str) -> None:
        """A build has the file: nothing to say."""

    def failed(self, why: str) -> None:
        """It could not read."""
        if why != self._told:
            log.warning("What is pending was not measured: %s", why)
        self._told = why
