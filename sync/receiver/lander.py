"""Concurrent deliveries share one write: what arrives while one is under way goes with the next."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sync.landing.delivery import Landed, NotLanded, Sink, TooLarge

log = logging.getLogger(__name__)
Row = TypeVar("Row")
Result = TypeVar("Result")

# Of one write: BigQuery's advice for a request of its streaming API, and enough for a disk.
_LARGEST_GROUP = 500
# Platforms wait five seconds or more; one that gave up sends again.
_PATIENCE = 10.0
# Seconds for which a failure counts as one that goes on.
_TROUBLE_LASTS = 10.0


class Lander:
    """Puts deliveries into a sink, in groups. Everything but the sink runs in one event loop."""

    def __init__(
        self,
        sink: Sink,
        *,
        most_waiting: int = 5_000,
        most_bytes: int = 64 * 1024 * 1024,
        largest_group: int = _LARGEST_GROUP,
    ) -> None:
        """most_waiting, most_bytes: deliveries of a source that wait for the sink, alone.

        Further ones are refused. Of all sources twice as much may wait, but of one never more than
        is still free, so that however many are noisy there is room for another.
        largest_group: deliveries of one write.
        """
        self._largest_group = largest_group
        self.sink = sink
        #: Why the last write failed; None while the sink works.
        self._trouble: str | None = None
        self._told_at = 0.0
        self._most_waiting = most_waiting
        self._most_bytes = most_bytes
        self._waiting: list[tuple[Landed, asyncio.Future[None]]] = []
        # By source: deliveries and bytes.
        self._waiting_of = Counter[str]()
        self._bytes_of = Counter[str]()
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sink")

    async def land(self, row: Landed) -> None:
        """Returns once the delivery is safe. Raises NotLanded."""
        if not (
            _has_room(self._waiting_of, row.source, 1, 2 * self._most_waiting)
            and _has_room(self._bytes_of, row.source, len(row.payload), 2 * self._most_bytes)
        ):
            raise NotLanded("too many deliveries wait for the sink")
        loop = asyncio.get_running_loop()
        landed: asyncio.Future[None] = loop.create_future()
        self._waiting.append((row, landed))
        self._waiting_of[row.source] += 1
        self._bytes_of[row.source] += len(row.payload)
        if self._task is None or self._task.done() or self._task.get_loop() is not loop:
            self._task = loop.create_task(self._write_groups())
        try:
            await asyncio.wait_for(landed, _PATIENCE)
        except TimeoutError:
            raise NotLanded(f"the sink did not answer within {_PATIENCE:.0f} s") from None

    @property
    def trouble(self) -> str | None:
        """What kept deliveries from landing within the last seconds.

        Forgotten then: who is sent nothing because of it would never learn that it is over.
        """
        is_fresh = time.monotonic() - self._told_at < _TROUBLE_LASTS
        return self._trouble if is_fresh else None

    async def close(self) -> None:
        """Waits for what is under way, then closes the sink."""
        if self._task is not None and self._task.get_loop() is asyncio.get_running_loop():
            await self._task
        self._thread.shutdown()
        self.sink.close()

    async def in_thread(
        self, function: Callable[[Sequence[Row]], Result], rows: Sequence[Row]
    ) -> Result:
        """Calls a function of the sink, which none other is called beside."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, rows)

    async def _write_groups(self) -> None:
        while self._waiting:
            group = self._waiting[: self._largest_group]
            del self._waiting[: self._largest_group]
            rows = [row for row, _ in group]
            outcomes: Sequence[Exception | None]
            try:
                outcomes = await self.in_thread(self.sink.write, rows)
            except Exception as unforeseen:
                outcomes = [unforeseen] * len(group)
            for row in rows:
                self._waiting_of[row.source] -= 1
                self._bytes_of[row.source] -= len(row.payload)
            # What is too large is no fault of the sink.
            failures = {
                _said(error) for error in outcomes if error and not isinstance(error, TooLarge)
            }
            self._tell(", ".join(sorted(failures)) or None)
            for (_, landed), error in zip(group, outcomes, strict=True):
                if landed.done():
                    continue
                if error is None:
                    landed.set_result(None)
                else:
                    is_told = isinstance(error, NotLanded)
                    landed.set_exception(error if is_told else NotLanded(_said(error)))

    def _tell(self, trouble: str | None) -> None:
        """One line when trouble begins, changes or ends."""
        self._told_at = time.monotonic()
        if trouble != self._trouble:
            if trouble:
                log.error("Deliveries cannot land in %s: %s", self.sink.place, trouble)
            else:
                log.warning("Deliveries land in %s again.", self.sink.place)
        self._trouble = trouble


def _has_room(used: Counter[str], source: str, more: int, most: int) -> bool:
    return used[source] + more <= most - used.total() - more


def _said(error: Exception) -> str:
    """What went wrong, without a value."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) if isinstance(error, NotLanded) else type(error).__name__
