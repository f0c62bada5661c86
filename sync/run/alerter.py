"""Tells people what is wrong, beside the builds and pushes, and stops nothing where it cannot."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from sync.alerts.channels import Channel
from sync.alerts.tell import Run, tell
from sync.errors import SyncError, WarehouseBusy
from sync.run.parts import Parts
from sync.warehouse.base import Warehouse

log = logging.getLogger(__name__)

#: Seconds between two looks, at least: and for so long a push has time for what a build found.
_PAUSE: Final = 60.0
#: And at most: what lasts, and what is not there, needs no build to be seen.
_LONGEST: Final = 300.0


class Alerter:
    """A thread that looks some time after each build."""

    def __init__(
        self,
        channels: Sequence[Channel],
        target: str,
        open_warehouse: Callable[[], Warehouse],
        parts: Parts,
        run: Run,
        *,
        pause: float = _PAUSE,
        longest: float = _LONGEST,
    ) -> None:
        """target: of the dbt profile. run: this one, as local_run says.

        pause, longest: seconds between two looks.
        """
        self._channels = channels
        self._target = target
        self._open = open_warehouse
        self._parts = parts
        self._run_here = run
        self._pause = pause
        self._longest = longest
        self._asked = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alert", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """A build ended, well or not."""
        self._asked.set()

    def end(self) -> None:
        """Ends after the message that is under way."""
        self._stop.set()
        self._asked.set()

    def join(self, deadline: float) -> None:
        """Waits for that until an instant of the monotonic clock."""
        self._thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        while not self._stop.wait(self._pause):
            self._asked.clear()
            self._look()
            self._asked.wait(self._longest)

    def _look(self) -> None:
        try:
            done = tell(self._open(), self._channels, self._target, self._run_here)
        except WarehouseBusy as error:
            # A build has the file: nothing is wrong.
            self._parts.say("alert", "waiting", str(error))
        except SyncError as error:
            self._parts.say("alert", "failing", str(error))
        except Exception as error:
            # The thread must not end without a word.
            log.exception("alert: a fault of contact-sync itself")
            kind = type(error).__name__
            self._parts.say("alert", "failing", f"a fault of contact-sync itself ({kind})")
        else:
            told = "; ".join(f"{channel}: {message.title}" for channel, message in done.told)
            failed = ", ".join(done.failed)
            if failed:
                self._parts.say("alert", "failing", f"no message was taken by {failed}")
            else:
                self._parts.say("alert", "idle", told)
