"""Pushes what is pending: a thread per destination, so that none waits for another."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from sync.delivery.guard import Limits
from sync.delivery.plan import selected
from sync.delivery.push import push
from sync.delivery.report import Options
from sync.delivery.report import Part as Outcome
from sync.delivery.settings import unready
from sync.errors import SyncError, WarehouseBusy
from sync.privacy.returns import land_returned
from sync.profile import Target
from sync.run.parts import Parts
from sync.run.retry import Retry
from sync.warehouse.base import Warehouse

log = logging.getLogger(__name__)

#: What a push sends without a plan.
_PENDING: Final = """
    select destination, count(*) as items from {marts}.sync_deltas
    where reason <> 'policy' group by destination order by destination
"""
#: Seconds between two tries of a platform that fails, at most: it may have come back.
_LONGEST: Final = 60.0


class _Quiet:
    """A progress that nobody looks at."""

    def start(self, destination: str, items: int) -> None:
        """See Progress."""

    def advance(self, destination: str, items: int) -> None:
        """See Progress."""


class _Worker:
    """A thread that does one thing when it is asked to, and again by itself after it failed."""

    def __init__(self, name: str, do: Callable[[], None], parts: Parts) -> None:
        self._name = name
        self._do = do
        self._parts = parts
        self._asked = threading.Event()
        self.stop = threading.Event()
        self.retry = Retry(longest=_LONGEST)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """There may be something to do; what failed a moment ago waits its time."""
        self._asked.set()

    def end(self) -> None:
        """Ends after what is under way."""
        self.stop.set()
        self._asked.set()

    def join(self, deadline: float) -> None:
        """Waits for that until an instant of the monotonic clock."""
        self._thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        while not self.stop.is_set():
            wait = self.retry.seconds()
            if wait:
                self.stop.wait(wait)
            elif wait is None:
                self._asked.wait()
            self._asked.clear()
            if self.stop.is_set():
                return
            try:
                self._do()
            except WarehouseBusy as error:
                # A build has the file: nothing is wrong.
                self.retry.again_soon()
                self._parts.say(self._name, "waiting", str(error))
            except SyncError as error:
                self.retry.failed()
                self._parts.say(self._name, "failing", str(error))
            except Exception as error:
                # The thread must not end without a word, nor the run with it.
                self.retry.failed()
                log.exception("%s: a fault of contact-sync itself", self._name)
                kind = type(error).__name__
                self._parts.say(self._name, "failing", f"a fault of contact-sync itself ({kind})")


class Pusher:
    """Looks after each build which destinations have something to be told."""

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
        self._limits = limits
        self._parts = parts
        self._destinations: dict[str, _Worker] = {}
        #: How many items were recorded so far: a build computes what follows from them.
        self.recorded = 0
        self._looking = _Worker("push", self._look, parts)

    def say_unready(self, names: Iterable[str]) -> Collection[str]:
        """Says of each destination that cannot be called why, also where nothing is pending; gives
        their names.
        """
        found = unready(names, self._environment)
        for name, why in found.items():
            self._parts.say(f"push {name}", "failing", why)
        return found

    def ask(self) -> None:
        """A build ended: something may be pending."""
        self._looking.ask()

    def end(self) -> None:
        """Ends after the calls that are in flight."""
        self._looking.end()
        for worker in list(self._destinations.values()):
            worker.end()

    def join(self, deadline: float) -> None:
        """Waits for that until an instant of the monotonic clock."""
        self._looking.join(deadline)
        for name, worker in list(self._destinations.items()):
            # It may have been made while the others ended.
            worker.end()
            worker.join(deadline)
            self._parts.say(f"push {name}", "stopped")

    def _look(self) -> None:
        warehouse = self._open()
        unseen = self._land_returned(warehouse)
        not_called = self.say_unready(selected(warehouse, ()))
        for row in warehouse.rows(_PENDING):
            if row["destination"] not in not_called:
                self._worker(row["destination"]).ask()
        self._looking.retry.succeeded()
        self._parts.say("push", "idle" if unseen is None else "failing", unseen or "")

    def _worker(self, name: str) -> _Worker:
        if name not in self._destinations:

            def send() -> None:
                self._send(name)

            self._destinations[name] = _Worker(f"push {name}", send, self._parts)
        return self._destinations[name]

    def _send(self, name: str) -> None:
        worker = self._destinations[name]
        self._parts.say(f"push {name}", "working")
        options = Options((name,), limits=self._limits)
        report = push(self._open(), options, self._environment, progress=_Quiet(), stop=worker.stop)
        (part,) = report.parts
        tally = part.tally
        self.recorded += tally.suppressed + tally.released + tally.subscribed + tally.rejected
        if part.exit_code == 3:
            # What the guard stops waits for a person, or for the next build.
            worker.retry.succeeded()
        elif part.error is not None or tally.failed:
            worker.retry.failed()
        else:
            worker.retry.succeeded()
        self._say(name, part)

    def _say(self, name: str, part: Outcome) -> None:
        troubles = [str(told) for told in (part.error, part.held, part.failure) if told is not None]
        told = [part.summary, *part.warnings, *troubles]
        if part.held_policy:
            told.append(
                f"{part.held_policy:,} releases (reason policy) wait for `push --plan HASH`"
            )
        # What the guard says has a line for each thing that it found.
        text = "; ".join(one for one in told if "\n" not in one)
        text = "\n".join([text, *(one for one in told if "\n" in one)])
        self._parts.say(f"push {name}", "failing" if troubles else "idle", text)

    def _land_returned(self, warehouse: Warehouse) -> str | None:
        """Looks for the forgotten who came back; gives what kept it from looking."""
        try:
            land_returned(self._target, warehouse, self._environment)
        except WarehouseBusy:
            raise
        except SyncError as error:
            return f"people who were forgotten may be back: {error}"
        return None
