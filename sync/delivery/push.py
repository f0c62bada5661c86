"""A push: lock, snapshot, hash and guard, then every destination side by side."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sync.clock import utc_now
from sync.delivery.calls import Caller
from sync.delivery.connection import connected
from sync.delivery.drain import Drain
from sync.delivery.guard import (
    build_faults,
    change_faults,
    check_ledger,
    list_faults,
    personal_refusals,
    read_facts,
)
from sync.delivery.ledger import Clock, LedgerWriter, clock_of
from sync.delivery.lock import LEASE, RENEW_EVERY, Lease, new_run_id, renew, take
from sync.delivery.plan import check_hash, plan_hash, selected
from sync.delivery.report import Options, Part, Progress, Report
from sync.delivery.settings import Settings, read_settings, unknown_row
from sync.delivery.shard import name_of_run
from sync.destinations import get
from sync.destinations.base import Destination
from sync.destinations.meanings import ROWS, Meanings
from sync.errors import (
    ConfigError,
    GuardStop,
    LockHeld,
    LockLost,
    Stopped,
    SyncError,
    UnknownDestination,
    WarehouseBusy,
    WarehouseUnavailable,
)
from sync.metrics.measures import GUARD_STOPS, PUSHES
from sync.warehouse.base import RunRow, Warehouse
from sync.warehouse.spool import Snapshot, Spool

log = logging.getLogger(__name__)

# A renewal that failed is tried again after so long.
_RETRY_RENEWAL = timedelta(seconds=2)
# So long before a lock runs out no call is begun any more.
_LAST_CALLS = timedelta(seconds=5)


@dataclass(slots=True)
class _Job:
    """One destination on its way through a push."""

    part: Part
    kind: type[Destination] | None = None
    settings: Settings | None = None
    lease: Lease | None = None
    spool: Spool | None = None
    drain: Drain | None = None
    meanings: Meanings | None = None
    has_ended: bool = False

    @property
    def is_ready(self) -> bool:
        return self.part.error is None

    def fail(self, error: SyncError) -> None:
        """Ends it after what is in flight."""
        self.part.error = self.part.error or error
        if self.drain is not None:
            self.drain.fail(error)


def push(
    warehouse: Warehouse,
    options: Options,
    environment: Mapping[str, str],
    *,
    progress: Progress,
    stop: threading.Event,
    deltas: Path | None = None,
) -> Report:
    """Sends what is pending. One destination's trouble stands in its part and stops no other.

    deltas: a Parquet file of suppressions to send in place of what is pending.
    Raises what concerns all: UnknownDestination, PlanChanged, WarehouseMissing, WarehouseBusy.
    """
    run_id = name_of_run(new_run_id(), options.shard)
    jobs: list[_Job] = []
    try:
        with contextlib.ExitStack() as stack:
            # Before the session: a renewal waits for the end of it.
            stack.enter_context(_renewing(jobs))
            with warehouse.session():
                for name in selected(warehouse, options.destinations):
                    jobs.append(_configure(name, environment, options))
                _prepare(jobs, warehouse, run_id, options, stack, deltas)
            _deliver(jobs, warehouse, run_id, progress, stop)
    except SyncError as error:
        for job in jobs:
            job.part.error = job.part.error or error
        raise
    finally:
        _end(warehouse, [job for job in jobs if not job.has_ended])
    return Report(run_id, options.plan, [job.part for job in jobs])


def _configure(name: str, environment: Mapping[str, str], options: Options) -> _Job:
    job = _Job(Part(name))
    try:
        job.kind = get(name)
        jobs = 1 if options.shard is None else options.shard.count
        job.settings = read_settings(job.kind, environment).shared_by(jobs)
    except UnknownDestination:
        job.part.error = ConfigError(unknown_row(name))
    except ConfigError as error:
        job.part.error = error
    return job


def _prepare(
    jobs: Sequence[_Job],
    warehouse: Warehouse,
    run_id: str,
    options: Options,
    stack: contextlib.ExitStack,
    deltas: Path | None,
) -> None:
    """Lock, snapshot, then hash or guard. What fails for one stands in its part."""
    _lock(jobs, warehouse, run_id, options)
    for job in jobs:
        if job.is_ready:
            job.meanings = Meanings(warehouse.rows(ROWS, {"name": job.part.destination}))
    _snapshot(jobs, warehouse, options, stack, deltas)
    if options.plan is None:
        _guard(jobs, warehouse, options)
    elif any(job.is_ready for job in jobs):
        check_ledger(warehouse)
        prints = [job.spool.fingerprint() for job in jobs if job.spool is not None]
        check_hash(options.plan, plan_hash(prints))


def _lock(jobs: Sequence[_Job], warehouse: Warehouse, run_id: str, options: Options) -> None:
    ready = [job for job in jobs if job.is_ready]
    leases = {
        job.part.destination: Lease(
            warehouse, run_id, job.part.destination, options.plan, options.shard
        )
        for job in ready
    }
    errors = take(list(leases.values()))
    for job in ready:
        name = job.part.destination
        job.part.error = errors.get(name)
        job.lease = None if name in errors else leases[name]


def _snapshot(
    jobs: Sequence[_Job],
    warehouse: Warehouse,
    options: Options,
    stack: contextlib.ExitStack,
    deltas: Path | None,
) -> None:
    # Under a plan the others are read too: they are part of its set.
    read = [job for job in jobs if job.is_ready or options.plan is not None]
    if not read:
        return
    snapshot = stack.enter_context(
        Snapshot(
            warehouse,
            [job.part.destination for job in read],
            limit=options.limit,
            with_policy=options.plan is not None,
            plan_hash=options.plan,
            bounds=None if options.shard is None else options.shard.bounds,
            deltas=deltas,
        )
    )
    snapshot.find_suspects()
    for job in read:
        job.spool = snapshot.of(job.part.destination)
        job.part.items = sum(count.items for count in job.spool.counts())
        job.part.held_policy = job.spool.held_policy


def _guard(jobs: Sequence[_Job], warehouse: Warehouse, options: Options) -> None:
    limits = options.limits
    spools = [job.spool for job in jobs if job.is_ready and job.spool is not None]
    facts = read_facts(warehouse, spools)
    general = build_faults(facts, limits, utc_now())
    for job in jobs:
        if not job.is_ready or job.spool is None:
            continue
        name = job.part.destination
        faults = general + change_faults(facts, name, job.spool.pending, limits)
        job.part.warnings += personal_refusals(facts, name, job.spool.pending, limits)
        if faults:
            job.part.error = _stop(f"{name}: the guard stopped this push, nothing was sent", faults)
        elif faults := list_faults(facts, job.spool):
            job.part.held = _stop(f"{name}: the guard held back what would free people", faults)
            job.spool.keep_back_releases()
            job.part.items = sum(count.items for count in job.spool.counts())


def _stop(what: str, faults: Sequence[str]) -> GuardStop:
    text = "\n  - ".join(["", *faults])
    return GuardStop(
        f"{what}:{text}\n"
        "If this is right, run `contact-sync plan`, read it, and send exactly that with "
        "`contact-sync push --plan HASH`."
    )


def _deliver(
    jobs: Sequence[_Job],
    warehouse: Warehouse,
    run_id: str,
    progress: Progress,
    stop: threading.Event,
) -> None:
    ready = [job for job in jobs if job.is_ready and job.part.items]
    _refresh(ready)
    ready = [job for job in ready if job.is_ready]
    if not ready:
        return
    clock = clock_of(warehouse)
    threads = [
        threading.Thread(
            target=_run_one,
            args=(job, warehouse, run_id, clock, progress, stop),
            name=job.part.destination,
            daemon=True,
        )
        for job in ready
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            # A join without a timeout would keep signals from being handled.
            thread.join(0.2)
            if warehouse.is_shared:
                _watch(ready)


def _watch(jobs: Sequence[_Job]) -> None:
    """Nothing is sent without a lock: another run may be about to take it."""
    for job in jobs:
        if not job.has_ended and job.lease is not None and job.lease.ends_within(_LAST_CALLS):
            job.fail(
                LockLost(
                    f"{job.part.destination}: the lock could not be renewed in time, so the run "
                    "ended; the next one sends the rest."
                )
            )


@contextlib.contextmanager
def _renewing(jobs: Sequence[_Job]) -> Iterator[None]:
    """Keeps the locks of the jobs while the block runs."""
    done = threading.Event()
    thread = threading.Thread(target=_renew, args=(jobs, done), name="renewal", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _refresh(jobs: Sequence[_Job]) -> None:
    """Reading millions of deltas may have taken longer than the lock lasts."""
    old = [
        (job.lease, job.part.tally)
        for job in jobs
        if job.lease is not None and job.lease.ends_within(LEASE - RENEW_EVERY)
    ]
    for name, error in renew(old).items():
        for job in jobs:
            if job.part.destination == name:
                job.fail(error)


def _run_one(
    job: _Job,
    warehouse: Warehouse,
    run_id: str,
    clock: Clock,
    progress: Progress,
    stop: threading.Event,
) -> None:
    """A destination from its first call to the end of its lock: it does not wait for others."""
    assert job.kind is not None
    assert job.settings is not None
    assert job.spool is not None
    part, settings, kind = job.part, job.settings, job.kind
    name = part.destination
    workers = min(max(math.ceil((settings.rate or 4.0) * 2.0), 2), settings.connections)
    started = time.monotonic()
    caller: Caller | None = None
    try:
        with (
            LedgerWriter(warehouse, run_id, clock) as ledger,
            connected(kind, settings, stop=stop, workers=workers, meanings=job.meanings) as (
                destination,
                caller,
            ),
        ):
            job.drain = Drain(
                destination,
                warehouse,
                ledger,
                batch_size=settings.batch_size,
                workers=workers,
                stop=stop,
                advance=lambda items: progress.advance(name, items),
            )
            part.tally = job.drain.tally
            if part.error is not None:
                raise part.error
            progress.start(name, part.items)
            job.drain.run(job.spool)
    except SyncError as error:
        part.error = error
    except Exception as error:
        # Never taken for success: the thread would end without a word.
        part.error = SyncError(f"{name}: a fault of contact-sync itself ({type(error).__name__})")
        log.exception("%s: a fault of contact-sync itself", name)
    finally:
        part.seconds = time.monotonic() - started
        if caller is not None:
            part.calls, part.refusals = caller.calls, caller.refusals
        if job.drain is not None:
            part.failure = job.drain.failure
        _end(warehouse, [job])


def _renew(jobs: Sequence[_Job], done: threading.Event) -> None:
    pause = RENEW_EVERY
    while not done.wait(pause.total_seconds()):
        held = [
            (job, job.lease)
            for job in jobs
            if job.lease is not None and not job.has_ended and not job.lease.is_lost
        ]
        try:
            errors = renew([(lease, job.part.tally) for job, lease in held])
        except (WarehouseBusy, WarehouseUnavailable):
            # Who holds a file keeps others from the lock too; elsewhere _watch ends the run.
            pause = _RETRY_RENEWAL
            continue
        except SyncError as error:
            errors = {lease.destination: error for _, lease in held}
        pause = RENEW_EVERY
        for job, lease in held:
            if lease.destination in errors:
                job.fail(errors[lease.destination])


def _end(warehouse: Warehouse, jobs: Sequence[_Job]) -> None:
    """Says in each part how it ended, and records it."""
    rows: list[RunRow] = []
    for job in jobs:
        job.has_ended = True
        job.part.status = _status(job.part)
        if job.lease is not None:
            row = job.lease.last_row(job.part.status, job.part.tally)
            rows += [] if row is None else [row]
    try:
        warehouse.append_runs(rows)
    except SyncError as error:
        for job in jobs:
            job.part.error = job.part.error or error
    for job in jobs:
        _measure(job.part)


def _measure(part: Part) -> None:
    PUSHES.add(1, destination=part.destination, status=part.status)
    if isinstance(part.error, GuardStop):
        GUARD_STOPS.add(1, destination=part.destination, held="everything")
    elif part.held is not None:
        GUARD_STOPS.add(1, destination=part.destination, held="releases")


def _status(part: Part) -> str:
    if isinstance(part.error, Stopped):
        return "stopped"
    if isinstance(part.error, GuardStop):
        return "guarded"
    if isinstance(part.error, LockHeld):
        return "locked"
    if part.error is not None:
        return "failed"
    return "finished" if part.exit_code == 0 else "incomplete"
