"""Takes a platform's own lists over as events, with their reasons and original dates."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sync.landing import Statement, land
from sync.lists.reading import Reader, Row, reading, statement_of
from sync.privacy.tombstones import Tombstones
from sync.profile import Target


@dataclass(frozen=True, slots=True)
class Adopted:
    """How many entries were landed, by channel, scope and list.

    forgotten: those of people who were forgotten: they are stopped, and stay erased.
    """

    destination: str
    counts: Mapping[tuple[str, str, str], int]
    forgotten: int = 0

    @property
    def entries(self) -> int:
        """All of them."""
        return sum(self.counts.values())


def adopt(
    target: Target,
    name: str,
    rows: Sequence[Row],
    environment: Mapping[str, str],
    *,
    advance: Callable[[int], None],
    stop: threading.Event,
    tombstones: Tombstones | None,
) -> Adopted:
    """Reads every list of the rows and lands what is on them; the next build takes it.

    Repeating it adds nothing. Raises UnknownScope, ListNotReadable, Stopped, PlatformError; what
    was landed before stays.
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    with reading(name, environment, stop, tombstones) as reader:
        land(target, "adopt", _statements(reader, name, rows, counts), advance=advance)
        forgotten = reader.forgotten
    return Adopted(name, dict(sorted(counts.items())), forgotten)


def _statements(
    reader: Reader, name: str, rows: Sequence[Row], counts: Counter[tuple[str, str, str]]
) -> Iterator[Statement]:
    for row in rows:
        for listed in reader.entries(row):
            counts[row.channel, row.scope, listed.entry.listed_in] += 1
            yield statement_of(name, listed.entry)
