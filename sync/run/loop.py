"""Builds as soon as something landed, and has the push look after each build."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from sync.build import measure
from sync.clock import duration
from sync.errors import BuildWaits, SyncError, WarehouseBusy
from sync.run.builder import Builder
from sync.run.lasting import told_while_it_lasts
from sync.run.parts import Parts
from sync.run.publications import Publications, State
from sync.run.pusher import Pusher
from sync.run.retry import Retry
from sync.run.schedule import Moment

#: Seconds between two looks at the landing; a look takes milliseconds.
_LOOK_EVERY: Final = 1.0
#: Seconds after which a build is said to be still running, and again after as many.
_LONG: Final = 600.0
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
        *,
        database: Path | None,
        has_ended: Callable[[], None] = lambda: None,
    ) -> None:
        """signature: another number after something landed; None where only `woken` tells.

        database: DuckDB's file, where readers get a copy of it. has_ended: called after each build,
        well or not.
        """
        self._builder = builder
        self._pusher = pusher
        self._parts = parts
        self._times = times
        self._signature = signature
        self._seen: int | None = None
        self._recorded = 0
        self._has_built = False
        # A daily build that fails must keep no frequent one waiting.
        self._retries: dict[str, Retry] = defaultdict(Retry)
        self._built_at = time.monotonic()
        self._database = database
        self._has_ended = has_ended
        self._publications = Publications()
        self._last_failed = False
        #: Set by the receiver when something landed that must not wait.
        self.woken = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set. Where nothing was built yet, the first build makes everything."""
        while not stop.is_set():
            selection = self._due(datetime.now(UTC))
            if self._is_publication_due(is_idle=selection is None):
                self._publish(stop)
            elif selection is not None:
                self._build(selection, stop)
            elif self.woken.is_set():
                # After a failure: it is not tried again yet.
                stop.wait(_LOOK_EVERY)
            else:
                self.woken.wait(_LOOK_EVERY)

    def _due(self, now: datetime) -> str | None:
        """The schedule first, which takes in what landed, too: traffic that never ends must not
        keep it off.
        """
        wanted = [*self._scheduled(now)] if self._has_built else []
        if not self._has_built or self._has_landed() or self._is_old():
            wanted.append("frequent")
        return next((one for one in wanted if not self._retries[one].is_waiting), None)

    def _scheduled(self, now: datetime) -> Iterator[str]:
        for selection, moment in (("weekly", self._times.weekly), ("daily", self._times.daily)):
            done = self._parts.noted(selection)
            if done is not None and done < moment.last(now):
                yield selection

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
        was_woken = self.woken.is_set()
        self.woken.clear()
        seen = self._signature() if self._signature is not None else None
        recorded = self._pusher.recorded
        began = datetime.now(UTC)
        self._parts.say("build", "working")
        try:
            with told_while_it_lasts(partial(self._still, selection), _LONG):
                built = self._builder.build(selection)
        except SyncError as error:
            if was_woken:
                self.woken.set()
            if not stop.is_set():
                # Else it was ended; the next run does it again.
                measure(selection, error)
                self._failed(selection, error)
        else:
            self._retries[selection].succeeded()
            self._last_failed = False
            self._has_built, self._seen, self._recorded = True, seen, recorded
            self._built_at = time.monotonic()
            measure(selection, built)
            self._note(built.selection, began)
            self._parts.say("build", "idle", str(built))
            self._pusher.ask()
        self._has_ended()

    def _still(self, selection: str, seconds: float) -> None:
        # Of one that waits for somebody, that is said.
        if self._parts.state("build") == "working":
            text = f"{selection} build: still running after {duration(seconds)}"
            self._parts.say("build", "working", text)

    def _is_publication_due(self, *, is_idle: bool) -> bool:
        # What a build that failed left is not for readers.
        if self._database is None or not self._has_built or self._last_failed:
            return False
        return self._publications.is_due(_state_of(self._database), is_idle=is_idle)

    def _publish(self, stop: threading.Event) -> None:
        assert self._database is not None
        # Before it is copied: what is written meanwhile is of the next copy.
        state, began = _state_of(self._database), time.monotonic()
        self._parts.say("publish", "working")
        try:
            self._builder.publish()
        except WarehouseBusy as error:
            self._publications.again_soon()
            self._parts.say("publish", "waiting", str(error))
        except SyncError as error:
            self._publications.failed(time.monotonic() - began)
            if not stop.is_set():
                self._parts.say("publish", "failing", str(error))
        else:
            self._publications.made(state, time.monotonic() - began)
            self._parts.say("publish", "idle")

    def _failed(self, selection: str, error: SyncError) -> None:
        self._last_failed = not isinstance(error, BuildWaits)
        if isinstance(error, BuildWaits):
            self._retries[selection].again_soon()
            self._parts.say("build", "waiting", str(error))
        else:
            self._retries[selection].failed()
            self._parts.say("build", "failing", str(error))

    def _note(self, selection: str, began: datetime) -> None:
        """The weekly build does the daily one's work, too, and a build of everything both's."""
        done = {
            "daily": ("daily",),
            "weekly": ("weekly", "daily"),
            "everything": ("weekly", "daily"),
        }
        for name in done.get(selection, ()):
            self._parts.note(name, began)


def _state_of(database: Path) -> State:
    stat = database.stat()
    return stat.st_mtime_ns, stat.st_size
