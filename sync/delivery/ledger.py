"""What was done, written after the platform answered: fast batches share an append."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from sync.delivery.lock import utc_now
from sync.destinations.base import Outcome
from sync.errors import SyncError
from sync.warehouse.base import LedgerRow, Warehouse

# Answers that may wait to be written; more make the senders wait.
_QUEUED_BATCHES = 32


class LedgerWriter:
    """Appends outcomes to raw.sync_ledger from one thread. Leaving it waits for everything."""

    def __init__(self, warehouse: Warehouse, run_id: str) -> None:
        self._warehouse = warehouse
        self._run_id = run_id
        self._queue: queue.Queue[Sequence[LedgerRow] | None] = queue.Queue(_QUEUED_BATCHES)
        self._error: SyncError | None = None
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
        ended = False
        while not ended:
            waiting = [self._queue.get()]
            while not self._queue.empty():
                waiting.append(self._queue.get())
            ended = None in waiting
            rows = [row for batch in waiting if batch is not None for row in batch]
            if self._error is None and rows:
                try:
                    self._warehouse.append_ledger(rows)
                except SyncError as error:
                    self._error = error
                except Exception as error:
                    # The senders must hear of it: they would wait for ever.
                    self._error = SyncError(f"The ledger cannot be written: {error}")
