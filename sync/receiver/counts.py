"""How requests were answered, per source and class of status, for `contact-sync status`."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from datetime import UTC, datetime

from sync.landing.delivery import RequestCount
from sync.receiver.lander import Lander

log = logging.getLogger(__name__)

# Seconds; what a kill loses of the counts.
_EVERY = 60.0


class Counts:
    """Counts in memory, and hands them to the sink every minute and at the end."""

    def __init__(self, lander: Lander) -> None:
        self._lander = lander
        #: Answers since the start, by source and class of status.
        self.totals: Counter[tuple[str, str]] = Counter()
        self._written: Counter[tuple[str, str]] = Counter()
        self._due: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    def add(self, source: str, status: int) -> None:
        """Counts one answer."""
        self.totals[source, f"{status // 100}xx"] += 1
        loop = asyncio.get_running_loop()
        if self._due is None or self._loop is not loop:
            self._loop = loop
            self._due = loop.call_later(_EVERY, self._start)

    def _start(self) -> None:
        self._due = None
        self._task = asyncio.get_running_loop().create_task(self.flush())

    async def flush(self) -> None:
        """Writes what was counted since the last time; keeps it where that fails."""
        counts = self.totals - self._written
        self._written = self.totals.copy()
        now = datetime.now(UTC)
        rows = [RequestCount(*key, requests, now) for key, requests in sorted(counts.items())]
        if not rows:
            return
        try:
            await self._lander.in_thread(self._lander.sink.write_counts, rows)
        except Exception as error:
            self._written -= counts
            log.warning("The counts of requests were not written: %s", type(error).__name__)
