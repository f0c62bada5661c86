"""Reads what waits, and what needs a person, for the metrics, some time after a build."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from sync.errors import SyncError, WarehouseBusy
from sync.metrics.state import read_state
from sync.warehouse.base import Warehouse

log = logging.getLogger(__name__)

#: Seconds for which a push has time for what a build found; also between two looks, at least.
_PAUSE: Final = 30.0


class Gauger:
    """A thread that looks after each build; the age of what waits grows without it."""

    def __init__(self, open_warehouse: Callable[[], Warehouse], *, pause: float = _PAUSE) -> None:
        self._open = open_warehouse
        self._pause = pause
        self._asked = threading.Event()
        self._stop = threading.Event()
        self._told = ""
        self._thread = threading.Thread(target=self._run, name="gauges", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """A build ended, well or not."""
        self._asked.set()

    def end(self) -> None:
        """Ends after the look that is under way."""
        self._stop.set()
        self._asked.set()

    def join(self, deadline: float) -> None:
        """Waits for that until an instant of the monotonic clock."""
        self._thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        while True:
            self._asked.wait()
            if self._stop.wait(self._pause):
                return
            self._asked.clear()
            try:
                read_state(self._open())
                self._told = ""
            except WarehouseBusy:
                # A build has the file: nothing is wrong.
                self._asked.set()
            except SyncError as error:
                self._tell(str(error))
            except Exception as error:
                # The thread must not end without a word.
                self._tell(f"a fault of contact-sync itself ({type(error).__name__})")

    def _tell(self, trouble: str) -> None:
        if trouble != self._told:
            log.warning("What is pending was not measured: %s", trouble)
        self._told = trouble
