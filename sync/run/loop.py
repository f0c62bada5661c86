"""Builds as soon as something landed, and has the push look after each build."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sync.errors import BuildWaits, SyncError
from sync.run.builder import Builder
from sync.run.parts import Parts
from sync.run.pusher import Pusher
from sync.run.retry import Retry
from sync.run.schedule import Moment

#: Seconds between two looks at the landing; a look takes milliseconds.
_LOOK_EVERY: Final = 1.0
#: After a push, a build takes in what the platforms answered, so late.
_AFTER_PUSH: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Times:
    """daily, weekly: when those selections are built.

    every: a frequent build at least so often: of what no look at the landing shows. None: only when
    something landed, or a push recorded answers that a build has to take in.
    """

    daily: Moment
    weekly: Moment
    every: timedelta | None


class Loop:
    """The part of a run that decides what is done next."""

    def __init__(
        self,
        builder: Builder,
        pusher: Pusher,
        parts: Parts,
        times: Times,
        signature: Callable[[], int] | None,
    ) -> None:
        """signature: another number after something landed; None where only `woken` tells."""
        self._builder = builder
        self._pusher = pusher
        self._parts = parts
        self._times = times
        self._signature = signature
        self._seen: int | None = None
        self._recorded = 0
        self._retry = Retry()
        self._failed: str | None = None
        self._built_at = time.monotonic()
        #: Set by the receiver when something landed that must not wait.
        self.woken = threading.Event()

    def run(self, stop: threading.Event, *, first: str) -> None:
        """Until `stop` is set. first: the selection that is built at once."""
        selection: str | None = first
        while not stop.is_set():
            if selection is None:
                self.woken.wait(_LOOK_EVERY)
            else:
                self._build(selection, stop)
            selection = None if stop.is_set() else self._due(datetime.now(UTC))

    def _due(self, now: datetime) -> str | None:
        if self._failed is not None:
            waited = time.monotonic() - self._built_at
            landed = self.woken.is_set()
            return self._failed if landed or waited >= (self._retry.seconds() or 0) else None
        for selection, moment in (("weekly", self._times.weekly), ("daily", self._times.daily)):
            done = self._parts.noted(selection)
            if done is not None and done < moment.last(now):
                return selection
        return "frequent" if self._has_landed() or self._is_old() else None

    def _has_landed(self) -> bool:
        if self.woken.is_set():
            return True
        return self._signature is not None and self._signature() != self._seen

    def _is_old(self) -> bool:
        age = timedelta(seconds=time.monotonic() - self._built_at)
        if self._times.every is not None and age >= self._times.every:
            return True
        return self._pusher.recorded != self._recorded and age >= _AFTER_PUSH

    def _build(self, selection: str, stop: threading.Event) -> None:
        # Before the build reads: what lands meanwhile is of the next one.
        self.woken.clear()
        seen = self._signature() if self._signature is not None else None
        recorded = self._pusher.recorded
        began = datetime.now(UTC)
        self._parts.say("build", "working", selection)
        try:
            built = self._builder.build(selection)
        except SyncError as error:
            if stop.is_set():
                # It was ended; the next run does it again.
                return
            self._failed = selection
            if isinstance(error, BuildWaits):
                self._retry.again_soon()
                self._parts.say("build", "waiting", str(error))
            else:
                self._retry.failed()
                self._parts.say("build", "failing", str(error))
        else:
            self._retry.succeeded()
            self._failed, self._seen, self._recorded = None, seen, recorded
            self._note(built.selection, began)
            self._parts.say("build", "idle", str(built))
            self._pusher.ask()
        self._built_at = time.monotonic()

    def _note(self, selection: str, began: datetime) -> None:
        """The weekly build does the daily one's work, too, and a build of everything both's."""
        done = {"daily": ("daily",), "weekly": ("weekly", "daily")}
        for name in done.get(selection, ()) if selection != "everything" else ("weekly", "daily"):
            self._parts.note(name, began)
