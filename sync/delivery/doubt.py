"""Refusals that may be the fault of the whole destination: kept back until it takes an item.

A wrong app id, project or host makes a platform refuse, or not know, every single item; as
`rejected` or `absent` rows those would be hidden from the next runs.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from sync.destinations.base import Outcome

#: So many items refused or unknown and none taken: the fault is perhaps not the items'.
SUSPICIOUS = 20
# No more are kept back: what a longer row without a single success holds is to be tried again.
_MOST = 10_000
_SUCCESS = frozenset({"confirmed", "accepted"})


class Doubt:
    """About one action on one list of a destination. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: list[Outcome] = []
        self._has_taken = False
        self._unknown = 0
        #: How many were refused or unknown while none was taken, and what the latest was told.
        self.refused = 0
        self.latest: str | None = None

    def note(self, outcome: Outcome) -> None:
        """Counts an outcome as soon as it is known."""
        with self._lock:
            if _is_taken(outcome):
                self._has_taken = True
            elif _is_refusal(outcome):
                self.refused += 1
                self._unknown += outcome.result == "absent"
                self.latest = outcome.error

    @property
    def is_grave(self) -> bool:
        """Whether so many were refused or unknown, and none was taken."""
        return not self._has_taken and self.refused >= SUSPICIOUS

    @property
    def is_about_identity(self) -> bool:
        """Whether all of them were merely unknown: right for strangers, wrong for a wrong app."""
        return self._unknown == self.refused

    def sift(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Those to record now: all, with what was held, once an item has been taken."""
        with self._lock:
            if self._has_taken:
                held, self._held = self._held, []
                return [*held, *outcomes]
            self._held += [outcome for outcome in outcomes if _is_refusal(outcome)]
            others = [outcome for outcome in outcomes if not _is_refusal(outcome)]
            return others if len(self._held) < _MOST else [*others, *self._take(believed=False)]

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Channel and scope of what is held."""
        return sorted({(one.item.channel, one.item.scope) for one in self._held})

    def rest(self, *, believed: bool) -> list[Outcome]:
        """What is still held. believed: as the platform said; else to be tried again."""
        with self._lock:
            return self._take(believed=believed or self._has_taken)

    def _take(self, *, believed: bool) -> list[Outcome]:
        held, self._held = self._held, []
        return held if believed else [outcome._replace(result="failed") for outcome in held]


def _is_refusal(outcome: Outcome) -> bool:
    """Whether the platform refused the call itself or did not know its item.

    What an answer of success says of an item is about that item, and in no doubt.
    """
    return (
        outcome.result in ("rejected", "absent")
        and outcome.attempts > 0
        and not _is_success(outcome)
    )


def _is_taken(outcome: Outcome) -> bool:
    """An answer of success, also one that refuses the item: the destination knows our calls."""
    return outcome.attempts > 0 and (
        outcome.result in _SUCCESS or (outcome.result != "failed" and _is_success(outcome))
    )


def _is_success(outcome: Outcome) -> bool:
    return 200 <= (outcome.status or 0) < 300
