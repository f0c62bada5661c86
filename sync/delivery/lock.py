"""One run per destination at a time: a row of raw.sync_runs that expires unless renewed."""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sync.errors import LockHeld, LockLost
from sync.warehouse.base import RunRow, Warehouse
from sync.warehouse.spool import is_alive

#: A run that was killed on another machine blocks its destination for no longer than this.
LEASE = timedelta(seconds=60)
RENEW_EVERY = timedelta(seconds=20)


def utc_now() -> datetime:
    """Now as naive UTC, as all timestamps of the warehouse are."""
    return datetime.now(UTC).replace(tzinfo=None)


def new_run_id() -> str:
    """An id that tells when, where and by which process a run was started."""
    stamp = utc_now().strftime("%Y%m%dT%H%M%SZ")
    return f"{stamp}-{_machine()}-{os.getpid()}-{secrets.token_hex(3)}"


def is_dead(run_id: str) -> bool:
    """Whether the run's process is known to have ended: only its own machine can tell."""
    parts = run_id.split("-")
    return (
        len(parts) == 4
        and parts[1] == _machine()
        and parts[2].isdigit()
        and not is_alive(int(parts[2]))
    )


def _machine() -> str:
    """Where process ids mean the same: this boot of this machine, and its container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        place = boot + str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        place = platform.node()
    return hashlib.sha256(place.encode()).hexdigest()[:8]


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
    started_at: datetime = field(default_factory=utc_now)
    _lost: threading.Event = field(default_factory=threading.Event)

    def take(self) -> None:
        """Takes the lock; LockHeld says which run has it and until when."""
        holder = self._try()
        if holder is not None:
            raise LockHeld(
                f"{self.destination}: run {holder.run_id} holds the lock until "
                f"{holder.expires_at:%H:%M:%S} UTC (it renews it while it lives). Nothing was sent."
            )

    def renew(self, tally: Tally) -> None:
        """Moves the expiry; LockLost where another run took over after it had passed."""
        holder = self._try(tally)
        if holder is not None:
            self._lost.set()
            raise LockLost(
                f"{self.destination}: the lock expired before it could be renewed, and run "
                f"{holder.run_id} has it now."
            )

    def release(self, status: str, tally: Tally) -> None:
        """Records the end of the run."""
        if not self._lost.is_set():
            self.warehouse.append_run(self._row(status, tally, ended=True))

    def _try(self, tally: Tally | None = None) -> RunRow | None:
        row = self._row("running", tally or Tally(), ended=False)
        dead: list[str] = []
        while True:
            holder = self.warehouse.take_lock(row, dead)
            if holder is None or not is_dead(holder.run_id):
                return holder
            dead.append(holder.run_id)

    def _row(self, status: str, tally: Tally, *, ended: bool) -> RunRow:
        now = utc_now()
        return RunRow(
            run_id=self.run_id,
            destination=self.destination,
            started_at=self.started_at,
            ended_at=now if ended else None,
            expires_at=now if ended else now + LEASE,
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
