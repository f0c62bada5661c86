"""Refusals that may be the fault of the whole destination: kept back until it takes an item."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from sync.destinations.base import Outcome

#: So many items refused or unknown and none taken: the fault is not the items'.
SUSPICIOUS = 20
# No more are kept back: a longer row without a single success is recorded as failed.
_MOST = 10_000
_SUCCESS = frozenset({"confirmed", "accepted"})


def is_refusal(outcome: Outcome) -> bool:
    """Whether the platform refused the call itself or did not know its item.

    What an answer of success says of an item is about that item, and in no doubt.
    """
    return (
        outcome.result in ("rejected", "absent")
        and outcome.attempts > 0
        and not 200 <= (outcome.status or 0) < 300
    )


class Doubt:
    """Holds refusals until something is taken. Thread-safe.

    A wrong app id, project or host makes a platform refuse, or not know, every single item; as
    rejected or absent rows those would be hidden from the next runs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: list[Outcome] = []
        self._has_taken = False
        #: So many items were refused, and none taken; what the latest of them was told.
        self.refused = 0
        self.latest: str | None = None

    @property
    def is_grave(self) -> bool:
        """Whether the destination took nothing of so many items that it looks set up wrongly."""
        return not self._has_taken and self.refused >= SUSPICIOUS

    def sift(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Those to record now: all, with what was held, once the destination took an item."""
        with self._lock:
            if not self._has_taken and any(_is_taken(outcome) for outcome in outcomes):
                self._has_taken = True
            if self._has_taken:
                held, self._held = self._held, []
                return [*held, *outcomes]
            refusals = [outcome for outcome in outcomes if is_refusal(outcome)]
            self.refused += len(refusals)
            self.latest = refusals[-1].error if refusals else self.latest
            self._held += refusals
            others = [outcome for outcome in outcomes if not is_refusal(outcome)]
            return others if len(self._held) < _MOST else [*others, *self._failed()]

    def rest(self) -> list[Outcome]:
        """At the end of the run: what is still held, to be tried again where the doubt is grave."""
        with self._lock:
            if self.is_grave:
                return self._failed()
            held, self._held = self._held, []
            return held

    def _failed(self) -> list[Outcome]:
        held, self._held = self._held, []
        return [outcome._replace(result="failed") for outcome in held]


def _is_taken(outcome: Outcome) -> bool:
    """An answer of success, also one that refuses the item: the destination knows our calls."""
    return outcome.attempts > 0 and (
        outcome.result in _SUCCESS
        or (outcome.result != "failed" and 200 <= (outcome.status or 0) < 300)
    )
