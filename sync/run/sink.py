"""A sink that tells when something landed that must not wait."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sync.landing.delivery import Landed, RequestCount, Sink

#: Most of what platforms send.
_HARMLESS = ("sent", "delivered", "open", "click")


class TellingSink:
    """Implements Sink by another."""

    def __init__(self, sink: Sink, tell: Callable[[], None], is_urgent: Callable[[Landed], bool]):
        """tell: called after deliveries are safe of which one is urgent."""
        self.place = sink.place
        self._sink = sink
        self._tell = tell
        self._is_urgent = is_urgent

    def write(self, rows: Sequence[Landed]) -> list[Exception | None]:
        """See Sink."""
        outcomes = self._sink.write(rows)
        if any(
            error is None and self._is_urgent(row)
            for row, error in zip(rows, outcomes, strict=True)
        ):
            self._tell()
        return outcomes

    def write_counts(self, counts: Sequence[RequestCount]) -> None:
        """See Sink."""
        self._sink.write_counts(counts)

    def close(self) -> None:
        """See Sink."""
        self._sink.close()


def may_refuse(seeds: Path) -> Callable[[Landed], bool]:
    """Whether a delivery may be a refusal: unless it has only words of the seeds that mean none.

    A person's own words, traits and what the seeds do not know have no such word, and count.
    """
    reasons = {row["reason"] for row in _rows(seeds / "suppression_policy.csv")}
    refusing: dict[str, set[str]] = defaultdict(set)
    harmless: dict[str, set[str]] = defaultdict(set)
    for row in _rows(seeds / "provider_events.csv"):
        if row["event_type"] in reasons:
            refusing[row["source"]].add(row["provider_event"])
        elif row["event_type"] in _HARMLESS:
            harmless[row["source"]].add(row["provider_event"])
    refusals, others = _patterns(refusing), _patterns(harmless)

    def is_urgent(row: Landed) -> bool:
        return _has(refusals, row) or not _has(others, row)

    return is_urgent


def _patterns(words: Mapping[str, set[str]]) -> dict[str, re.Pattern[str]]:
    return {
        source: re.compile("|".join(map(re.escape, sorted(known))), re.IGNORECASE)
        for source, known in words.items()
    }


def _has(patterns: Mapping[str, re.Pattern[str]], row: Landed) -> bool:
    pattern = patterns.get(row.source)
    return pattern is not None and pattern.search(row.payload) is not None


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
