"""Finds the items at which calls fail: what fails as a whole is sent in halves, down to the one.

A platform that refuses a call (400, 422) blames its items. After any other failure (500, a cut
connection, an answer that cannot be read) one of the items is sent alone first: if it is taken, the
platform is well and the fault is in the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence

from sync.destinations.base import Item, Outcome
from sync.errors import (
    CallTooLarge,
    ItemsRefused,
    NeedsPerson,
    PlatformError,
    RefusedForNow,
    RetryableError,
    Stopped,
    SyncError,
)

# So many calls in a row that failed, whatever was in them: the platform fails, and no item.
_DOWN = 3
# Calls of several items that may fail so in a run; what is left is tried again by the next one.
_MOST_SPLITS = 100

Verb = Callable[[Sequence[Item]], Iterator[Outcome]]


class Failures:
    """The calls of a run that failed without blaming an item. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._put_off = 0
        self._splits = 0

    def note_failed(self, items: int) -> None:
        """A call with so many items failed through all its attempts."""
        with self._lock:
            self._in_a_row += 1
            self._splits += items > 1

    def note_put_off(self, items: int) -> None:
        """A call with so many items was refused for now: the platform is up."""
        with self._lock:
            self._in_a_row = 0
            self._put_off += 1
            self._splits += items > 1

    def note_answered(self) -> None:
        """The platform took or refused an item."""
        with self._lock:
            self._in_a_row = 0
            self._put_off = 0

    @property
    def is_down(self) -> bool:
        """Whether so many failed in a row that no item can be at fault."""
        return self._in_a_row >= _DOWN

    @property
    def may_split(self) -> bool:
        """Whether a call that failed is worth dividing in this run."""
        return not self.is_down and self._put_off < _DOWN and self._splits <= _MOST_SPLITS


def isolate(
    verb: Verb,
    items: Sequence[Item],
    *,
    should_stop: Callable[[], bool] = lambda: False,
    failures: Failures | None = None,
    wanted: Callable[[Sequence[Item]], Sequence[Item]] = lambda items: items,
) -> Iterator[Outcome]:
    """Sends items; divides what fails until the item at fault stands alone.

    One that is refused among n costs at most 2·log2(n)+1 calls, one at which the platform fails at
    most 3·log2(n)+2. should_stop: asked before a part is sent; once true, what was refused with
    others has no outcome. failures: those of the run so far. wanted: asked right before each call
    for those of its items that are still to be sent; the others have no outcome.
    """
    search = _Search(verb, should_stop, failures or Failures(), wanted)
    try:
        yield from search.settle(items)
    except SyncError:
        yield from search.unsettled()
        raise
    yield from search.unsettled()


class _Search:
    """One batch on its way."""

    def __init__(
        self,
        verb: Verb,
        should_stop: Callable[[], bool],
        failures: Failures,
        wanted: Callable[[Sequence[Item]], Sequence[Item]],
    ) -> None:
        self._verb = verb
        self._should_stop = should_stop
        self._failures = failures
        self._wanted = wanted
        #: What was part of a call that failed, and has no outcome of its own yet.
        self._failed: dict[str, tuple[Item, PlatformError]] = {}

    def unsettled(self) -> Iterator[Outcome]:
        """What was sent and not isolated: failed, with the error of the last call that held it."""
        for item, error in self._failed.values():
            yield Outcome(item, "failed", error.status, str(error), error.attempts)

    def settle(
        self, items: Sequence[Item], fault: PlatformError | None = None
    ) -> Generator[Outcome, None, PlatformError | None]:
        """Sends items. fault: they are known to hold one at fault, so the call with all is saved.

        Returns the fault met, if any.
        """
        if fault is not None and self._should_stop():
            return fault
        if fault is None or len(items) == 1:
            items, fault = yield from self._try(items)
            if fault is None or not items:
                return fault
            if len(items) == 1:
                yield self._of_error(items[0], fault)
                return fault
            if not _blames_items(fault):
                items = yield from self._with_one_alone(items)
                if len(items) < 2:
                    return (yield from self.settle(items)) if items else fault
        # Of a call that was too large, no half holds a fault.
        known = None if isinstance(fault, CallTooLarge) else fault
        # The smaller half first: one call more is spent where it fails.
        middle = len(items) // 2
        met = yield from self.settle(items[:middle])
        if self._should_stop() or not (_blames_items(fault) or self._failures.may_split):
            return met or fault
        second = yield from self.settle(items[middle:], None if met else known)
        return met or second or fault

    def _try(
        self, items: Sequence[Item]
    ) -> Generator[Outcome, None, tuple[list[Item], PlatformError | None]]:
        """One use of the verb. Returns the items left over and the fault that left them over."""
        sent = self._wanted(items)
        left = {item.delta_id: item for item in sent}
        for item in items:
            if item.delta_id not in left:
                self._failed.pop(item.delta_id, None)
        if not sent:
            return [], None
        try:
            for outcome in self._verb(sent):
                left.pop(outcome.item.delta_id, None)
                self._failed.pop(outcome.item.delta_id, None)
                if outcome.attempts and outcome.result != "failed":
                    self._failures.note_answered()
                yield outcome
        except Stopped:
            raise
        except PlatformError as error:
            rest = list(left.values())
            if _blames_items(error):
                self._failures.note_answered()
                return rest, error
            # What was not sent has no row: the run was over before its turn.
            if error.attempts:
                self._failed |= {item.delta_id: (item, error) for item in rest}
            if isinstance(error, NeedsPerson):
                self._failures.note_answered()
                raise
            if isinstance(error, RefusedForNow):
                self._failures.note_put_off(len(rest))
                return rest, error
            self._failures.note_failed(len(rest))
            # Nothing else is said by a host that is not the platform.
            if error.ends_run or (self._failures.is_down and not isinstance(error, RetryableError)):
                raise
            return rest, error
        return [], None

    def _with_one_alone(self, items: Sequence[Item]) -> Generator[Outcome, None, list[Item]]:
        """Asks by one item after the other whether the platform is well.

        Gives what is left to divide: nothing where it is not.
        """
        left = list(items)
        while left and self._failures.may_split and not self._should_stop():
            alone = left.pop()
            rest, error = yield from self._try([alone])
            if error is None:
                return left
            if rest:
                yield self._of_error(alone, error)
            if _blames_items(error):
                return left
        return []

    def _of_error(self, item: Item, error: PlatformError) -> Outcome:
        self._failed.pop(item.delta_id, None)
        return Outcome.of_error(item, error)


def _blames_items(error: PlatformError | None) -> bool:
    return isinstance(error, (ItemsRefused, CallTooLarge))
