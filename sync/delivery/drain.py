"""Sends one destination's deltas: batches, what failed before apart, an outcome for every item."""

from __future__ import annotations

import itertools
import logging
import random
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial

from sync.delivery.doubt import Doubt
from sync.delivery.isolate import Failures, isolate
from sync.delivery.ledger import LedgerWriter
from sync.delivery.lock import Tally
from sync.destinations.base import Action, Destination, Item, Outcome, Response
from sync.errors import NeedsPerson, Stopped, SyncError, UnexpectedAnswer, UnknownScope
from sync.metrics.measures import ITEMS, is_sent
from sync.redaction import redact
from sync.warehouse.base import Warehouse
from sync.warehouse.spool import Spool

log = logging.getLogger(__name__)

# So many suppressions are announced in one append, well before a slow platform gets to the last.
_ANNOUNCED = 100_000
_SUCCESS = frozenset({"confirmed", "accepted"})


class Drain:
    """One destination's run. `tally` counts what has been handed to the ledger."""

    def __init__(
        self,
        destination: Destination,
        warehouse: Warehouse,
        ledger: LedgerWriter,
        *,
        batch_size: int,
        workers: int,
        stop: threading.Event,
        advance: Callable[[int], None],
    ) -> None:
        """stop: ends the run after what is in flight. advance: told how many items are settled."""
        self._destination = destination
        self._warehouse = warehouse
        self._ledger = ledger
        self._batch_size = batch_size
        self._workers = workers
        self._stop = stop
        self._advance = advance
        self._lock = threading.Lock()
        self._error: SyncError | None = None
        #: Why nothing more is sent to a channel and scope.
        self._ended: dict[tuple[str, str], UnknownScope | NeedsPerson] = {}
        self._doubts: defaultdict[tuple[str, str, str], Doubt] = defaultdict(Doubt)
        self._failures = Failures()
        #: On record as about to be sent, and not begun.
        self._waiting: set[str] = set()
        self.tally = Tally()
        #: Why the latest of the failed items failed.
        self.failure: str | None = None

    def run(self, spool: Spool) -> None:
        """Sends everything; raises what ended it early. What was answered is in the ledger."""
        is_through = False
        try:
            self._send(spool)
            is_through = not self._is_over()
        finally:
            for doubt in self._doubts.values():
                self._resolve(doubt, is_through=is_through)
            self._withdraw(spool)
        if self._error is not None:
            raise self._error
        if self._stop.is_set():
            raise Stopped(f"{self._destination.name}: stopped; what was in flight is recorded.")
        # What is wrong with a row of a seed first.
        for error in sorted(self._ended.values(), key=lambda one: -one.exit_code):
            raise error

    def fail(self, error: SyncError) -> None:
        """Ends the run after what is in flight, with this error."""
        with self._lock:
            self._error = self._error or error

    def _send(self, spool: Spool) -> None:
        suspects: list[Item] = []
        with (
            ThreadPoolExecutor(self._workers, thread_name_prefix=self._destination.name) as pool,
            ExitStack() as stack,
        ):
            group: Iterator[Item]
            items = itertools.chain.from_iterable(spool.pages(self._batch_size))
            for action, group in by_action(items):
                if action == "suppress":
                    group = stack.enter_context(closing(self._announced(spool, group)))
                group = _without(group, spool.suspects, suspects)
                self._send_group(pool, action, group, self._workers)
                if self._is_over():
                    return
                if action == "suppress":
                    # Nobody is freed before everybody who opted out has had a call.
                    self._send_suspects(pool, suspects)
                    suspects = []
            self._send_suspects(pool, suspects)

    def _send_suspects(self, pool: ThreadPoolExecutor, suspects: list[Item]) -> None:
        """Sends what failed lately, apart and after the others: they are not kept waiting by it."""
        for action, group in by_action(suspects):
            if self._is_over():
                return
            together = 1 if self._batch_size > 1 else self._workers
            # In another order each run: several at fault would hide the others for ever.
            members = list(group)
            random.shuffle(members)
            self._send_group(pool, action, iter(members), together)

    def _send_group(
        self, pool: ThreadPoolExecutor, action: Action, group: Iterator[Item], side_by_side: int
    ) -> None:
        """Sends items of one action in batches, so many at a time, and waits for them."""
        size = self._batch_size
        if action != "suppress":
            size = self._destination.release_size(size)
            # Few at a time: what waits here was read again too early.
            side_by_side = min(side_by_side, max(self._workers // size, 2))
        slots = threading.BoundedSemaphore(side_by_side)
        futures: list[Future[None]] = []
        for batch in batches(group, size):
            slots.acquire()
            if self._is_over():
                slots.release()
                break
            future = pool.submit(self._settle, batch)
            future.add_done_callback(partial(_free, slots))
            futures = [waiting for waiting in futures if not waiting.done()]
            futures.append(future)
        # Suppressions are through before the first release starts.
        for future in futures:
            future.result()

    def _announced(self, spool: Spool, items: Iterator[Item]) -> Generator[Item]:
        """The suppressions, each after it is on record that it is about to be sent."""
        left = 0
        try:
            for number, item in enumerate(items):
                if left == 0:
                    if self._is_over():
                        return
                    self._ledger.announce(spool, number, _ANNOUNCED)
                    left = _ANNOUNCED
                left -= 1
                self._waiting.add(item.delta_id)
                yield item
        finally:
            self._waiting.update(item.delta_id for item in itertools.islice(items, left))

    def _withdraw(self, spool: Spool) -> None:
        """Takes back what was announced and never begun."""
        try:
            self._ledger.withdraw(spool, self._waiting)
        except SyncError as error:
            self.fail(error)

    def _resolve(self, doubt: Doubt, *, is_through: bool) -> None:
        """Records what a doubt still holds: as it was said, or as failed where that is doubtful."""
        believed = is_through and (
            not doubt.is_grave or (doubt.is_about_identity and self._is_vouched_for(doubt))
        )
        self._write(doubt.rest(believed=believed))
        if doubt.is_grave and not believed:
            self.fail(self._distrust(doubt))

    def _is_vouched_for(self, doubt: Doubt) -> bool:
        """Whether the account is the right one, so that it truly does not know the items."""
        probes = self._destination.probes(doubt.rows)
        return all(isinstance(answer, Response) for answer in self._destination.api.map(probes))

    def _is_over(self) -> bool:
        return self._error is not None or self._stop.is_set()

    def _settle(self, batch: Sequence[Item]) -> None:
        """Delivers a batch and records what became of it. Never raises: errors end the run."""
        outcomes: list[Outcome] = []
        with self._lock:
            for item in batch:
                self._waiting.discard(item.delta_id)
            doubt = self._doubts[(batch[0].action, batch[0].channel, batch[0].scope)]
        try:
            for outcome in self._deliver(batch, doubt):
                outcomes.append(outcome)
                doubt.note(outcome)
        except (UnknownScope, NeedsPerson) as error:
            self._end_row(batch[0], error)
            done = {outcome.item.delta_id for outcome in outcomes}
            outcomes += [
                Outcome(item, "failed", None, str(error), 0)
                for item in batch
                if item.delta_id not in done
            ]
        except SyncError as error:
            self.fail(error)
        except Exception as error:
            self.fail(
                SyncError(f"{self._destination.name}: {type(error).__name__} in our own code")
            )
            log.exception("%s: a fault of contact-sync itself", self._destination.name)
        finally:
            self._write(doubt.sift([_discreet(outcome) for outcome in outcomes]))
            self._advance(len(outcomes))

    def _end_row(self, item: Item, error: UnknownScope | NeedsPerson) -> None:
        """Nothing more is sent to the item's channel and scope; other rows go on."""
        row = (item.channel, item.scope)
        with self._lock:
            if row not in self._ended and isinstance(error, NeedsPerson):
                text = f"{self._destination.name} {' '.join(row).strip()}: {error}"
                self._ended[row] = NeedsPerson(text, status=error.status, attempts=0)
            else:
                self._ended.setdefault(row, error)

    def _distrust(self, doubt: Doubt) -> UnexpectedAnswer:
        return UnexpectedAnswer(
            f"{self._destination.name} refused or did not know {doubt.refused} items in a row and "
            f"took none ({doubt.latest}): see with `contact-sync check` that its key, its id and "
            "its host are those of the right account. The next run tries them again."
        )

    def _write(self, outcomes: list[Outcome]) -> None:
        try:
            self._ledger.record(outcomes)
        except SyncError as error:
            self.fail(error)
            return
        with self._lock:
            for outcome in outcomes:
                self._count(outcome)
        self._measure((outcome.item, outcome.result) for outcome in outcomes)

    def _count(self, outcome: Outcome) -> None:
        tally = self.tally
        if outcome.result == "failed":
            self.failure = outcome.error
        setattr(tally, outcome.result, getattr(tally, outcome.result) + 1)
        if outcome.result in _SUCCESS:
            done = {"suppress": "suppressed", "release": "released", "subscribe": "subscribed"}
            name = done[outcome.item.action]
            setattr(tally, name, getattr(tally, name) + 1)

    def _measure(self, settled: Iterable[tuple[Item, str]]) -> None:
        if not is_sent():
            return
        counts = Counter((item.channel, item.action, outcome) for item, outcome in settled)
        for (channel, action, outcome), items in counts.items():
            ITEMS.add(
                items,
                destination=self._destination.name,
                channel=channel,
                action=action,
                outcome=outcome,
            )

    def _deliver(self, batch: Sequence[Item], doubt: Doubt) -> Iterator[Outcome]:
        ended_by = self._ended.get((batch[0].channel, batch[0].scope))
        if ended_by is not None:
            raise ended_by
        sendable: list[Item] = []
        for item in batch:
            refusal = self._destination.refusal(item)
            if refusal is None:
                sendable.append(item)
            else:
                # Nothing was sent: attempts 0.
                yield Outcome(item, "rejected", None, refusal, 0)
        verbs = {
            "suppress": self._destination.suppress,
            "release": self._destination.release,
            "subscribe": self._destination.subscribe,
        }
        action = batch[0].action
        intended: set[str] = set()

        def wanted(part: Sequence[Item]) -> Sequence[Item]:
            if action != "suppress":
                # Before each call: those before it may have taken minutes.
                part = self._still_wanted(part)
                self._ledger.intend([item for item in part if item.delta_id not in intended])
                intended.update(item.delta_id for item in part)
            return part

        # So that a row of items at fault is not always met first, and never lets others be met.
        random.shuffle(sendable)
        if sendable:
            yield from isolate(
                verbs[action],
                sendable,
                should_stop=lambda: self._is_in_vain(doubt),
                failures=self._failures,
                wanted=wanted,
            )

    def _is_in_vain(self, doubt: Doubt) -> bool:
        """Whether nothing is gained by splitting on; what is left over is tried again."""
        return self._is_over() or (doubt.is_grave and not doubt.is_about_identity)

    def _still_wanted(self, items: Sequence[Item]) -> list[Item]:
        """Without those that a refusal, arrived since the run began, has stopped."""
        wanted = self._warehouse.still_pending(items)
        kept = [item for item in items if item.delta_id in wanted]
        with self._lock:
            self.tally.withdrawn += len(items) - len(kept)
        self._measure((item, "withdrawn") for item in items if item.delta_id not in wanted)
        self._advance(len(items) - len(kept))
        return kept


def _discreet(outcome: Outcome) -> Outcome:
    """What a platform says of an item in an answer of success may name the person."""
    if outcome.error is None or not 200 <= (outcome.status or 0) < 300:
        return outcome
    return outcome._replace(error=redact(outcome.error))


def _free(slots: threading.BoundedSemaphore, _: Future[None]) -> None:
    slots.release()


def _without(items: Iterator[Item], suspects: Collection[str], found: list[Item]) -> Iterator[Item]:
    """The items that are no suspects; those that are go to `found`."""
    for item in items:
        if item.delta_id in suspects:
            found.append(item)
        else:
            yield item


def by_action(items: Iterable[Item]) -> Iterator[tuple[Action, Iterator[Item]]]:
    """The items in runs of one action, in the order of delivery."""
    yield from itertools.groupby(items, key=lambda item: item.action)


def batches(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """Full batches of one action, channel and scope as they fill up, then the rest."""
    open_batches: dict[tuple[str, str, str], list[Item]] = {}
    for item in items:
        key = (item.action, item.channel, item.scope)
        batch = open_batches.setdefault(key, [])
        batch.append(item)
        if len(batch) == size:
            yield open_batches.pop(key)
    yield from open_batches.values()
