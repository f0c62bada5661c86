"""A push: lock, snapshot, hash and guard, then every destination side by side."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sync.delivery.calls import Caller
from sync.delivery.drain import Drain
from sync.delivery.guard import build_faults, change_faults
from sync.delivery.ledger import LedgerWriter
from sync.delivery.lock import RENEW_EVERY, Lease, new_run_id, utc_now
from sync.delivery.plan import check_hash, plan_hash, selected, unknown_row
from sync.delivery.rate import Schedule
from sync.delivery.report import Options, Part, Progress, Report
from sync.delivery.settings import Settings, read_settings
from sync.destinations import get
from sync.destinations.base import Destination
from sync.errors import (
    ConfigError,
    GuardStop,
    LockHeld,
    LockLost,
    Stopped,
    SyncError,
    UnknownDestination,
    WarehouseBusy,
)
from sync.warehouse.base import Warehouse
from sync.warehouse.spool import Spool, pending_counts

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Job:
    """One destination on its way through a push."""

    part: Part
    kind: type[Destination] | None = None
    settings: Settings | None = None
    lease: Lease | None = None
    spool: Spool | None = None
    drain: Drain | None = None
    has_ended: bool = False

    @property
    def is_ready(self) -> bool:
        return self.part.error is None


def push(
    warehouse: Warehouse,
    options: Options,
    environment: Mapping[str, str],
    *,
    progress: Progress,
    stop: threading.Event,
) -> Report:
    """Sends what is pending. One destination's trouble stands in its part and stops no other.

    Raises what concerns all: UnknownDestination, PlanChanged, WarehouseMissing, WarehouseBusy.
    """
    run_id = new_run_id()
    jobs: list[_Job] = []
    with contextlib.ExitStack() as stack:
        try:
            with warehouse.session():
                for name in selected(warehouse, options.destinations):
                    jobs.append(_configure(name, environment))
                _prepare(jobs, warehouse, run_id, options, stack)
            _deliver(jobs, warehouse, run_id, progress, stop)
        except SyncError as error:
            for job in jobs:
                job.part.error = job.part.error or error
            raise
        finally:
            for job in jobs:
                if not job.has_ended:
                    _end(job)
    return Report(run_id, options.plan, [job.part for job in jobs])


def _configure(name: str, environment: Mapping[str, str]) -> _Job:
    job = _Job(Part(name))
    try:
        job.kind = get(name)
        job.settings = read_settings(job.kind, environment)
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
) -> None:
    """Lock, snapshot, then hash or guard. What fails for one stands in its part."""
    for job in jobs:
        if job.is_ready:
            _lock(job, warehouse, run_id, options.plan)
    _snapshot(jobs, warehouse, options, stack)
    if options.plan is None:
        _guard(jobs, warehouse, options)
    elif any(job.is_ready for job in jobs):
        prints = [job.spool.fingerprint() for job in jobs if job.spool is not None]
        check_hash(options.plan, plan_hash(prints))


def _lock(job: _Job, warehouse: Warehouse, run_id: str, plan: str | None) -> None:
    lease = Lease(warehouse, run_id, job.part.destination, plan)
    try:
        lease.take()
    except LockHeld as error:
        job.part.error = error
    else:
        job.lease = lease


def _snapshot(
    jobs: Sequence[_Job], warehouse: Warehouse, options: Options, stack: contextlib.ExitStack
) -> None:
    for job in jobs:
        # Under a plan the others are read too: they are part of its set.
        if not job.is_ready and options.plan is None:
            continue
        name = job.part.destination
        with_policy = options.plan is not None
        job.spool = stack.enter_context(
            Spool(
                warehouse,
                name,
                limit=options.limit,
                with_policy=with_policy,
                plan_hash=options.plan,
            )
        )
        job.part.items = sum(count.items for count in job.spool.counts())
        if not with_policy:
            held = warehouse.rows(
                "select count(*) as items from {marts}.sync_deltas"
                " where destination = @destination and reason = 'policy'",
                {"destination": name},
            )
            job.part.held_policy = held[0]["items"]


def _guard(jobs: Sequence[_Job], warehouse: Warehouse, options: Options) -> None:
    limits = options.limits
    general = build_faults(warehouse, limits, utc_now())
    for job in jobs:
        if not job.is_ready or job.spool is None:
            continue
        name = job.part.destination
        counts = job.spool.counts()
        if options.limit is not None:
            counts = pending_counts(warehouse, name, with_policy=False)
        faults = general + change_faults(warehouse, name, counts, limits)
        if faults:
            text = "\n  - ".join(["", *faults])
            job.part.error = GuardStop(
                f"{name}: the guard stopped this push, nothing was sent:{text}\n"
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
    for job in jobs:
        if job.is_ready and job.lease is not None:
            _refresh(job, job.lease)
    ready = [job for job in jobs if job.is_ready and job.part.items]
    if not ready:
        return
    threads = [
        threading.Thread(
            target=_run_one,
            args=(job, warehouse, run_id, progress, stop),
            name=job.part.destination,
            daemon=True,
        )
        for job in ready
    ]
    with _renewing(ready):
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                # A join without a timeout would keep signals from being handled.
                thread.join(0.2)


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


def _refresh(job: _Job, lease: Lease) -> None:
    """Reading millions of deltas may have taken longer than the lock lasts."""
    if utc_now() - lease.started_at > RENEW_EVERY:
        try:
            lease.renew(job.part.tally)
        except LockLost as error:
            job.part.error = error


def _run_one(
    job: _Job,
    warehouse: Warehouse,
    run_id: str,
    progress: Progress,
    stop: threading.Event,
) -> None:
    """A destination from its first call to the end of its lock: it does not wait for others."""
    from sync.http import HttpClient, base_url

    assert job.kind is not None
    assert job.settings is not None
    assert job.spool is not None
    part, settings, kind = job.part, job.settings, job.kind
    name = part.destination
    workers = min(max(math.ceil((settings.rate or 4.0) * 2.0), 2), 32)
    started = time.monotonic()
    caller: Caller | None = None
    try:
        url = base_url(kind.host, settings.base_url, f"{name.upper()}_BASE_URL")
        with (
            LedgerWriter(warehouse, run_id) as ledger,
            HttpClient(
                url,
                kind.headers(settings.values),
                timeout=settings.timeout,
                connections=workers,
                secrets=settings.secrets,
            ) as client,
            ThreadPoolExecutor(workers, thread_name_prefix=f"{name}-calls") as pool,
        ):
            # A quarter of a second's calls may catch up after a stall.
            schedule = Schedule(settings.rate, burst=max(2, int((settings.rate or 0) / 4)))
            caller = Caller(client, schedule, stop, policy=settings.retry, pool=pool)
            job.drain = Drain(
                kind(caller, settings.values),
                warehouse,
                ledger,
                batch_size=settings.batch_size,
                workers=workers,
                stop=stop,
                advance=lambda items: progress.advance(name, items),
            )
            part.tally = job.drain.tally
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
        _end(job)


def _renew(jobs: Sequence[_Job], done: threading.Event) -> None:
    while not done.wait(RENEW_EVERY.total_seconds()):
        for job in jobs:
            if job.lease is None or job.drain is None or job.has_ended:
                continue
            try:
                job.lease.renew(job.part.tally)
            except WarehouseBusy:
                # Who holds the file keeps others from the lock too; the next renewal tells.
                continue
            except SyncError as error:
                job.drain.fail(error)


def _end(job: _Job) -> None:
    job.has_ended = True
    part = job.part
    if isinstance(part.error, Stopped):
        part.status = "stopped"
    elif isinstance(part.error, GuardStop):
        part.status = "guarded"
    elif isinstance(part.error, LockHeld):
        part.status = "locked"
    elif part.error is not None:
        part.status = "failed"
    else:
        part.status = "finished" if part.exit_code == 0 else "incomplete"
    if job.lease is not None:
        try:
            job.lease.release(part.status, part.tally)
        except SyncError as error:
            part.error = part.error or error
