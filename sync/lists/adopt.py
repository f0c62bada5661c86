"""Takes a platform's own lists over as events, with their reasons and original dates."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sync.errors import SyncError
from sync.landing import Statement, land
from sync.lists.reading import Reader, Row, is_fault, reading, statement_of
from sync.privacy.tombstones import Tombstones
from sync.profile import Target


@dataclass(frozen=True, slots=True)
class Adopted:
    """How many entries were landed, by channel, scope and list.

    forgotten: those of people who were forgotten: they are stopped, and stay erased. unread: the
    rows whose list could not be read to its end, and why.
    """

    destination: str
    counts: Mapping[tuple[str, str, str], int]
    forgotten: int = 0
    unread: Mapping[Row, SyncError] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """As that of reconcile: 1 where something is left to do."""
        return 1 if any(map(is_fault, self.unread.values())) else 0

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

    Repeating it adds nothing. A row that cannot be read stops no other. Raises Stopped; where no
    row could be read, what kept the first from it; what was landed before stays.
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    with reading(name, environment, stop, tombstones) as reader:
        land(target, "adopt", _statements(reader, name, rows, counts), advance=advance)
    if len(reader.unread) == len(rows):
        raise reader.unread[rows[0]]
    return Adopted(name, dict(sorted(counts.items())), reader.forgotten, reader.unread)


def _statements(
    reader: Reader, name: str, rows: Sequence[Row], counts: Counter[tuple[str, str, str]]
) -> Iterator[Statement]:
    for row, entry in reader.read(rows):
        counts[row.channel, row.scope, entry.listed_in] += 1
        yield statement_of(name, entry)
