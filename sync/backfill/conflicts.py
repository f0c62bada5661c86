"""Where rows of exports said the opposite, and what the last build decided: read of its mart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sync.files import write_csv
from sync.warehouse.base import Warehouse

#: Conflicts that the output has; the file has them all.
SHOWN: Final = 20

_COLUMNS: Final = (
    "conflict_id", "channel", "address", "external_id", "event_type", "event_timestamp",
    "is_undated", "origin", "is_deciding", "rule",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Conflicts:
    """How many addresses rows of exports contradict each other about. shown: of the first."""

    count: int
    shown: Sequence[Mapping[str, Any]]
    file: Path


def write_conflicts(warehouse: Warehouse, path: Path) -> Conflicts:
    """Writes all of them, in the order of the files, those that decide first."""
    rows = warehouse.rows(f"""
        select {", ".join(_COLUMNS)} from {{marts}}.backfill_conflicts
        order by min(origin) over (partition by conflict_id), conflict_id, is_deciding desc, origin
    """)
    write_csv(path, _COLUMNS, (row.values() for row in rows))
    numbers = {
        number: place for place, number in enumerate(dict.fromkeys(r["conflict_id"] for r in rows))
    }
    shown = [row for row in rows if numbers[row["conflict_id"]] < SHOWN]
    return Conflicts(len(numbers), shown, path)
