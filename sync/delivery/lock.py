"""One run per destination at a time: a row of raw.sync_runs that expires unless renewed."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sync.clock import utc_now
from sync.delivery.shard import Shard, is_beside
from sync.errors import LockHeld, LockLost, SyncError
from sync.scratch import is_alive, machine
from sync.warehouse.base import RunRow, Warehouse

#: A run that was killed on another machine blocks its destination for no longer than this.
LEASE = timedelta(seconds=60)
RENEW_EVERY = timedelta(seconds=20)


def new_run_id() -> str:
    """An id that tells when, where and by which process a run was started."""
    stamp = utc_now().strftime("%Y%m%dT%H%M%SZ")
    return f"{stamp}-{machine()}-{os.getpid()}-{secrets.token_hex(3)}"


def is_dead(run_id: str) -> bool:
    """Whether the run's process is known to have ended: only its own machine can tell."""
    parts = run_id.partition(".")[0].split("-")
    return (
        len(parts) == 4
        and parts[1] == machine()
        and parts[2].isdigit()
        and not is_alive(int(parts[2]))
    )


@dataclass(slots=True)
class Tally:
    """Counts of one destination's run: those of raw.sync_runs, and one that is not recorded."""

    suppressed: int = 0
    released: int = 0
    subscribed: int = 0
    confirmed: int = 0
    accepted: int = 0
    rejected: int = 0
    absent: int = 0
    failed: int = 0
    #: Releases that a refusal stopped on the way.
    withdrawn: int = 0


@dataclass(slots=True)
class Lease:
    """The lock of one destination."""

    warehouse: Warehouse
    run_id: str
    destination: str
    plan_hash: str | None
    shard: Shard | None = None
    #: Until it must be renewed.
    span: timedelta = LEASE
    started_at: datetime = field(default_factory=utc_now)
    _expires_at: datetime | None = None
    _lost: threading.Event = field(default_factory=threading.Event)

    @property
    def is_lost(self) -> bool:
        """Whether another run was found to have it."""
        return self._lost.is_set()

    def ends_within(self, span: timedelta) -> bool:
        """Whether it must be renewed sooner than that."""
        return self._expires_at is not None and utc_now() + span > self._expires_at

    def take(self) -> None:
        """Takes the lock; LockHeld says which run has it and until when."""
        error = take([self]).get(self.destination)
        if error is not None:
            raise error

    def renew(self, tally: Tally) -> None:
        """Moves the expiry; LockLost where another run took over after it had passed."""
        error = renew([(self, tally)]).get(self.destination)
        if error is not None:
            raise error

    def last_row(self, status: str, tally: Tally) -> RunRow | None:
        """The row that ends the run; None where another run has the lock."""
        if self._lost.is_set():
            return None
        now = utc_now()
        return self._row(status, tally, ended_at=now, expires_at=now)

    def release(self, status: str, tally: Tally) -> None:
        """Records the end of the run."""
        row = self.last_row(status, tally)
        if row is not None:
            self.warehouse.append_runs([row])

    def next_row(self, tally: Tally) -> RunRow:
        """The row that holds the lock for another while."""
        return self._row("running", tally, ended_at=None, expires_at=utc_now() + self.span)

    def settle(self, row: RunRow, *, is_lost: bool = False) -> None:
        """Notes what became of next_row."""
        if is_lost:
            self._lost.set()
        else:
            self._expires_at = row.expires_at

    def _row(
        self, status: str, tally: Tally, *, ended_at: datetime | None, expires_at: datetime
    ) -> RunRow:
        return RunRow(
            run_id=self.run_id,
            destination=self.destination,
            started_at=self.started_at,
            ended_at=ended_at,
            expires_at=expires_at,
            status=status,
            suppressed=tally.suppressed,
            released=tally.released,
            subscribed=tally.subscribed,
            confirmed=tally.confirmed,
            accepted=tally.accepted,
            rejected=tally.rejected,
            absent=tally.absent,
            failed=tally.failed,
            plan_hash=self.plan_hash,
        )


def take(leases: Sequence[Lease]) -> dict[str, LockHeld]:
    """Takes the locks of one run together; gives an error for each that another run holds."""
    rows = [lease.next_row(Tally()) for lease in leases]
    holders = _take(leases, rows)
    errors: dict[str, LockHeld] = {}
    for lease, row in zip(leases, rows, strict=True):
        holder = holders.get(lease.destination)
        if holder is None:
            lease.settle(row)
        else:
            errors[lease.destination] = LockHeld(
                f"{lease.destination}: run {holder.run_id} holds the lock until "
                f"{holder.expires_at:%H:%M:%S} UTC (it renews it while it lives). Nothing was sent."
            )
    return errors


def renew(leases: Sequence[tuple[Lease, Tally]]) -> dict[str, SyncError]:
    """Renews the locks of one run together; gives an error for each that another run has now."""
    rows = [lease.next_row(tally) for lease, tally in leases]
    holders = _take([lease for lease, _ in leases], rows)
    errors: dict[str, SyncError] = {}
    for (lease, _), row in zip(leases, rows, strict=True):
        holder = holders.get(lease.destination)
        lease.settle(row, is_lost=holder is not None)
        if holder is not None:
            errors[lease.destination] = LockLost(
                f"{lease.destination}: the lock expired before it could be renewed, and run "
                f"{holder.run_id} has it now."
            )
    return errors


def _take(leases: Sequence[Lease], rows: Sequence[RunRow]) -> dict[str, RunRow]:
    if not leases:
        return {}
    shard = leases[0].shard
    return leases[0].warehouse.take_locks(rows, lambda run: is_dead(run) or is_beside(run, shard))
