"""What was done, written after the platform answered: fast batches share an append.

Everything is written before it is sent, too, as `intended`: if its answer is lost, the models know
that nobody knows what the platform has.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from sync.clock import utc_now
from sync.destinations.base import Item, Outcome
from sync.errors import SyncError
from sync.warehouse.base import LedgerRow, Warehouse
from sync.warehouse.spool import Spool

# Answers that may wait to be written; more make the senders wait.
_QUEUED_BATCHES = 32
# Opening and closing the warehouse costs more than an append: fast batches share it, and others
# (dbt, `plan`) get in between. Seconds.
_OPEN_FOR = 0.5
_WAIT_FOR_MORE = 0.02
_PAUSE = 0.1
_MOST_ROWS = 20_000
# Rows of a machine whose clock was ahead; older ones are no rivals.
_RECENT = timedelta(days=2)


class Clock:
    """Stamps that rise: none is before one that is on record, though machines' clocks differ."""

    def __init__(self, after: datetime | None = None) -> None:
        self._last = after or datetime.min
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Naive UTC, later than every stamp before it."""
        with self._lock:
            self._last = max(utc_now(), self._last + timedelta(microseconds=1))
            return self._last


def clock_of(warehouse: Warehouse) -> Clock:
    """A clock that goes on where the ledger ends."""
    (newest,) = warehouse.rows(
        "select max(pushed_at) as pushed_at from {raw}.sync_ledger where pushed_at >= @since",
        {"since": utc_now() - _RECENT},
    )
    return Clock(newest["pushed_at"])


class LedgerWriter:
    """Appends outcomes to raw.sync_ledger from one thread. Leaving it waits for everything."""

    def __init__(self, warehouse: Warehouse, run_id: str, clock: Clock) -> None:
        self._warehouse = warehouse
        self._clock = clock
        self._run_id = run_id
        self._queue: queue.Queue[Sequence[LedgerRow] | None] = queue.Queue(_QUEUED_BATCHES)
        self._error: SyncError | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._queue.put(None)
        self._thread.join()
        # Where the run ended by an error of its own, that one tells more.
        if self._error is not None and error is None:
            raise self._error

    def intend(self, items: Sequence[Item]) -> None:
        """Writes that these are about to be sent; raises where that cannot be written."""
        if not items:
            return
        intents = [Outcome(item, "intended", None, None, 0) for item in items]
        with self._warehouse.session(patient=True):
            self._warehouse.append_ledger(self._rows(intents))

    def announce(self, spool: Spool, first: int, size: int) -> None:
        """The same of so many suppressions, from the first on in the order of delivery."""
        path = spool.announced(first, size, self._run_id, self._clock.now())
        with self._warehouse.session(patient=True):
            self._warehouse.append_ledger_file(path)

    def withdraw(self, spool: Spool, delta_ids: Collection[str]) -> None:
        """Writes that these, which were announced, were not sent."""
        if delta_ids:
            path = spool.unsent(delta_ids, self._run_id, self._clock.now())
            with self._warehouse.session(patient=True):
                self._warehouse.append_ledger_file(path)

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Hands outcomes over; raises the error of an earlier append, which ended all writing."""
        if self._error is not None:
            raise self._error
        if outcomes:
            self._queue.put(self._rows(outcomes))

    def _rows(self, outcomes: Sequence[Outcome]) -> list[LedgerRow]:
        now = self._clock.now()
        return [
            LedgerRow(
                self._run_id,
                item.delta_id,
                item.destination,
                item.channel,
                item.scope,
                item.address,
                item.contact_id,
                item.action,
                item.reason,
                item.event_id,
                item.event_timestamp,
                result,
                status,
                error,
                attempts,
                now,
            )
            for item, result, status, error, attempts in outcomes
        ]

    def _run(self) -> None:
        while (rows := self._next()) is not None:
            if self._error is not None:
                # Nothing is written any more; the senders must not wait for ever.
                continue
            try:
                self._write(rows)
            except SyncError as error:
                self._error = error
            except Exception as error:
                self._error = SyncError(f"The ledger cannot be written: {error}")
            if not self._queue.empty():
                time.sleep(_PAUSE)

    def _next(self, timeout: float | None = None) -> list[LedgerRow] | None:
        """What is waiting, several batches together; None at the end, or when time is up."""
        rows: list[LedgerRow] = []
        while not self._ended and len(rows) < _MOST_ROWS and not (rows and self._queue.empty()):
            try:
                batch = self._queue.get(timeout=timeout)
            except queue.Empty:
                break
            if batch is None:
                self._ended = True
            else:
                rows += batch
        return rows or None

    def _write(self, rows: list[LedgerRow]) -> None:
        """Appends rows, and what else comes while the warehouse is open."""
        with self._warehouse.session(patient=True):
            until = time.monotonic() + _OPEN_FOR
            more: list[LedgerRow] | None = rows
            while more is not None:
                self._warehouse.append_ledger(more)
                more = self._next(_WAIT_FOR_MORE) if time.monotonic() < until else None
