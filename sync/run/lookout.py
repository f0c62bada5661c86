"""Looks at the warehouse some time after each build, beside the builds and pushes."""

from __future__ import annotations

import logging
import threading
import time
from typing import Protocol

from sync.errors import SyncError, WarehouseBusy

log = logging.getLogger(__name__)


class Look(Protocol):
    """What is done at each look, and who hears where it could not be done."""

    name: str

    def __call__(self) -> None:
        """Raises SyncError where it cannot look."""

    def busy(self, why: str) -> None:
        """Another program has DuckDB's file: nothing is wrong."""

    def failed(self, why: str) -> None:
        """Something is."""


class Lookout:
    """A thread that stops nothing where it cannot look."""

    def __init__(
        self, look: Look, *, pause: float, longest: float | None = None, is_at_once: bool = False
    ) -> None:
        """pause: seconds between a build and the look, which a push has for what it found.
        longest: seconds without a build after which it looks; None: never. is_at_once: whether the
        first look needs no build.
        """
        self._look = look
        self._pause = pause
        self._longest = longest
        self._asked = threading.Event()
        self._stop = threading.Event()
        if is_at_once:
            self._asked.set()
        self._thread = threading.Thread(target=self._run, name=look.name, daemon=True)
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
            self._asked.wait(self._longest)
            if self._stop.wait(self._pause):
                return
            self._asked.clear()
            # Told between the two lines above: that was the end.
            if self._stop.is_set():
                return
            try:
                self._look()
            except WarehouseBusy as error:
                self._look.busy(str(error))
                self._asked.set()
            except SyncError as error:
                self._look.failed(str(error))
            except Exception as error:
                # The thread must not end without a word.
                log.exception("%s: a fault of contact-sync itself", self._look.name)
                self._look.failed(f"a fault of contact-sync itself ({type(error).__name__})")
