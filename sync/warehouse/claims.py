"""One holder per destination, on an engine whose inserts never conflict with each other.

BigQuery reads snapshots, and an INSERT conflicts with no other statement, however conditional it is
written: two runs that look first and insert then both find the destination free. So each run
inserts first and looks then:

1. A run whose destination another run holds does not claim it.
2. Otherwise it appends its row (the claim), and then reads. It holds the destination once a read
   finds its own claim live and no other.
3. Of claims that see each other, the earliest waits for the others to be withdrawn; each of the
   others is withdrawn at once, by a row that ends it.

Two runs never both hold: each one's claim was committed before its last read, and stays live while
it holds. Had the first not seen the second's claim, it was committed after the first's last read,
thus after the first's claim, and the second's last read saw that one. Which claim counts as the
earliest decides nothing but who waits, so clocks that differ do no harm; leases are begun and
ended by the clock of the warehouse alone.

A renewal whose lease never ran out needs no such care: whoever claims meanwhile sees it. One that
comes too late is a new claim, and yields to any other.
"""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sync.errors import WarehouseUnavailable
from sync.warehouse.base import RunRow

# So long the earliest claim waits for the others to be withdrawn: a few statements' time.
_LONGEST_WAIT = 20.0


class Live(NamedTuple):
    """The latest row of a run that holds or claims a destination; now: the warehouse's clock."""

    row: RunRow
    now: datetime


class Claims:
    """The locks of one process. read: what is live for destinations. append: adds rows."""

    def __init__(
        self,
        read: Callable[[Sequence[str]], list[Live]],
        append: Callable[[Sequence[RunRow]], None],
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._append = append
        self._sleep = sleep
        self._clock = clock
        #: What this process has held, (run, destination): its late renewals yield to anybody.
        self._held: set[tuple[str, str]] = set()

    def take(self, rows: Sequence[RunRow], is_no_rival: Callable[[str], bool]) -> dict[str, RunRow]:
        """Claims or renews every row's destination; see Warehouse.take_locks."""
        before = self._look(rows, is_no_rival)
        holders = {
            row.destination: _earliest(before[row.destination].others)
            for row in rows
            if before[row.destination].others and not self._holds(row, before[row.destination])
        }
        claimed = [row for row in rows if row.destination not in holders]
        if not claimed:
            return holders
        self._append(claimed)
        deadline = self._clock() + _LONGEST_WAIT
        open_claims = {row.destination: row for row in claimed}
        while open_claims:
            is_late = self._clock() >= deadline
            seen_now = self._look(list(open_claims.values()), is_no_rival)
            lost: list[RunRow] = []
            for name, seen in seen_now.items():
                row = open_claims[name]
                if seen.own is None:
                    raise WarehouseUnavailable(
                        f"{name}: the lock was not confirmed before it expired. Retry."
                    )
                unbroken = self._holds(row, before[name]) and _is_unbroken(before[name], seen.own)
                if not seen.others or unbroken:
                    self._held.add((row.run_id, name))
                    del open_claims[name]
                elif is_late or self._yields(row, seen.others):
                    holders[name] = _earliest(seen.others)
                    lost.append(row)
                    del open_claims[name]
            if lost:
                self._withdraw(lost)
            if open_claims:
                self._sleep(random.uniform(0.2, 0.6))
        return holders

    def _look(self, rows: Sequence[RunRow], is_no_rival: Callable[[str], bool]) -> dict[str, _Seen]:
        found = {row.destination: _Seen(None, []) for row in rows}
        mine = {(row.run_id, row.destination) for row in rows}
        for live in self._read(list(found)):
            name = live.row.destination
            if (live.row.run_id, name) in mine:
                found[name] = found[name]._replace(own=live)
            elif not is_no_rival(live.row.run_id):
                found[name].others.append(live.row)
        return found

    def _holds(self, row: RunRow, seen: _Seen) -> bool:
        """Whether it is a renewal in time. A claim that was never confirmed holds nothing."""
        return seen.own is not None and (row.run_id, row.destination) in self._held

    def _yields(self, row: RunRow, others: Sequence[RunRow]) -> bool:
        """Whether it is not this claim's turn to wait."""
        is_late_renewal = (row.run_id, row.destination) in self._held
        return is_late_renewal or _order(row) > _order(_earliest(others))

    def _withdraw(self, rows: Sequence[RunRow]) -> None:
        now = datetime.now(UTC).replace(tzinfo=None)
        self._append(
            [
                dataclasses.replace(row, status="locked", ended_at=now, expires_at=now)
                for row in rows
            ]
        )


class _Seen(NamedTuple):
    own: Live | None
    others: list[RunRow]


def _is_unbroken(before: _Seen, now: Live) -> bool:
    """Whether the earlier lease still ran when the new row was there: nobody else could claim."""
    return before.own is not None and before.own.row.expires_at > now.now


def _order(row: RunRow) -> tuple[datetime, str]:
    return row.started_at, row.run_id


def _earliest(rows: Sequence[RunRow]) -> RunRow:
    return min(rows, key=_order)
