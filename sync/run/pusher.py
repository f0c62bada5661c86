"""Pushes what is pending, in a thread of its own: a platform's trouble keeps no build waiting."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final

from sync.delivery.guard import Limits
from sync.delivery.push import push
from sync.delivery.report import Options, Report
from sync.erasure.returns import land_returned
from sync.errors import SyncError, WarehouseBusy
from sync.output import summary
from sync.profile import Target
from sync.run.parts import Parts
from sync.run.retry import Retry
from sync.warehouse.base import Warehouse

log = logging.getLogger(__name__)
_PENDING: Final = "select count(*) as items from {marts}.sync_deltas"


class _Quiet:
    """A progress that nobody looks at."""

    def start(self, destination: str, items: int) -> None:
        """See Progress."""

    def advance(self, destination: str, items: int) -> None:
        """See Progress."""


class Pusher:
    """Waits to be asked; tries again by itself what failed."""

    def __init__(
        self,
        target: Target,
        open_warehouse: Callable[[], Warehouse],
        environment: Mapping[str, str],
        limits: Limits,
        parts: Parts,
    ) -> None:
        self._target = target
        self._open = open_warehouse
        self._environment = environment
        self._options = Options(limits=limits)
        self._parts = parts
        self._asked = threading.Event()
        self._stop = threading.Event()
        self._retry = Retry()
        self._thread = threading.Thread(target=self._run, name="push", daemon=True)
        #: How many items were recorded so far: a build computes what follows from them.
        self.recorded = 0

    def start(self) -> None:
        """Begins to wait."""
        self._parts.say("push", "idle", "nothing sent yet")
        self._thread.start()

    def ask(self) -> None:
        """Something may be pending: a build ended."""
        self._asked.set()

    def end(self) -> None:
        """Ends after the calls that are in flight."""
        self._stop.set()
        self._asked.set()

    def join(self, patience: float) -> None:
        """Waits for that, at most so many seconds."""
        self._thread.join(patience)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._asked.wait(self._retry.seconds())
            self._asked.clear()
            if self._stop.is_set():
                return
            try:
                self._push()
            except WarehouseBusy as error:
                # A build has the file: nothing is wrong.
                self._retry.again_soon()
                self._parts.say("push", "waiting", str(error))
            except SyncError as error:
                self._retry.failed()
                self._parts.say("push", "failing", str(error))
            except Exception as error:
                # The thread must not end without a word, nor the run with it.
                self._retry.failed()
                log.exception("push: a fault of contact-sync itself")
                self._parts.say("push", "failing", f"a fault of contact-sync itself ({error!r})")

    def _push(self) -> None:
        warehouse = self._open()
        unseen = self._land_returned(warehouse)
        if not warehouse.rows(_PENDING)[0]["items"]:
            self._retry.succeeded()
            if unseen is None:
                self._parts.say("push", "idle", "nothing pending")
            else:
                self._parts.say("push", "failing", unseen)
            return
        self._parts.say("push", "working")
        report = push(
            warehouse, self._options, self._environment, progress=_Quiet(), stop=self._stop
        )
        self.recorded += sum(part.tally.suppressed + part.tally.released for part in report.parts)
        self._say(report, unseen)

    def _say(self, report: Report, unseen: str | None) -> None:
        told = [
            f"{part.destination}: {summary(part)}"
            for part in report.parts
            if part.items or part.error is not None
        ]
        troubles = [
            text
            for part in report.parts
            for text in (part.error, part.held, part.failure)
            if text is not None
        ]
        if report.exit_code in (0, 3):
            # What the guard stopped waits for a person, or for the next build.
            self._retry.succeeded()
        else:
            self._retry.failed()
        if unseen is not None:
            troubles.append(unseen)
        said = "; ".join([*told, *(" ".join(str(text).split()) for text in troubles)])
        self._parts.say("push", "failing" if troubles else "idle", said)

    def _land_returned(self, warehouse: Warehouse) -> str | None:
        """Looks for the forgotten who came back; gives what kept it from looking."""
        try:
            land_returned(self._target, warehouse, self._environment)
        except SyncError as error:
            return f"people who were forgotten may be back: {error}"
        return None
