"""What was done, written after the platform answered: fast batches share an append."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from sync.delivery.lock import utc_now
from sync.destinations.base import Outcome
from sync.errors import SyncError
from sync.warehouse.base import LedgerRow, Warehouse

# Answers that may wait to be written; more make the senders wait.
_QUEUED_BATCHES = 32
# Opening and closing the warehouse costs more than an append: fast batches share it, and others
# (dbt, `plan`) get in between. Seconds.
_OPEN_FOR = 0.5
_WAIT_FOR_MORE = 0.02
_PAUSE = 0.1
_MOST_ROWS = 20_000


class LedgerWriter:
    """Appends outcomes to raw.sync_ledger from one thread. Leaving it waits for everything."""

    def __init__(self, warehouse: Warehouse, run_id: str) -> None:
        self._warehouse = warehouse
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

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Hands outcomes over; raises the error of an earlier append, which ended all writing."""
        if self._error is not None:
            raise self._error
        now = utc_now()
        rows = [
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
                result,
                status,
                error,
                attempts,
                now,
            )
            for item, result, status, error, attempts in outcomes
        ]
        if rows:
            self._queue.put(rows)

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
