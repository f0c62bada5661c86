"""The full record of one person, for a compliance request: ordered JSON lines.

The same rows make the same bytes, so that two copies of a record can be compared by their hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sync.errors import ConfigError, WarehouseMissing
from sync.reports.explain import OF_PERSON, Explanation, person_of
from sync.reports.explain_json import verdict_json
from sync.scratch import partial_file
from sync.terminal import json_text
from sync.warehouse.base import Warehouse

_HISTORY: Final = f"""
    select * from {{marts}}.contact_state where {OF_PERSON}
    order by dbt_valid_from, contact_state_id
"""
# The time bounds let BigQuery read the days of these deliveries only.
_DELIVERIES: Final = """
    select delivery_id, source, received_at, payload
    from {raw}.webhook_deliveries
    where
        delivery_id in unnest(@delivery_ids)
        and received_at >= @from_time and received_at <= @until_time
    order by received_at, delivery_id, source
"""
# Payloads in memory at once; a body may hold megabytes.
_DELIVERIES_AT_ONCE: Final = 50
_MARGIN: Final = timedelta(days=1)
# The rows of an explanation that are the record, in its order, by the word each line begins with.
_KINDS: Final = (
    ("listed", "listed"),
    ("state", "states"),
    ("reason", "reasons"),
    ("link", "links"),
    ("event", "events"),
)
_KINDS_AFTER: Final = (("ledger", "ledger"), ("known", "known"), ("pending", "pending"))


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file that was written: its lines, and the sha256 of its bytes."""

    path: Path
    records: int
    sha256: str

    def as_json(self) -> dict[str, Any]:
        """As data."""
        return {"file": str(self.path), "records": self.records, "sha256": self.sha256}


def write_evidence(warehouse: Warehouse, found: Explanation, path: Path) -> Evidence:
    """Writes the record that an explanation rests on; only its owner may read the file.

    Each line is a JSON object: `kind` and the row. Raises ConfigError where it cannot be written.
    """
    digest = hashlib.sha256()
    records = 0
    try:
        with partial_file(path) as partial, partial.open("wb") as file:
            for record in _records(warehouse, found):
                line = json_text(record).encode()
                digest.update(line + b"\n")
                file.write(line + b"\n")
                records += 1
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
    return Evidence(path, records, digest.hexdigest())


def _records(warehouse: Warehouse, found: Explanation) -> Iterator[dict[str, Any]]:
    yield {"kind": "subject", **asdict(found.subject)}
    yield from ({"kind": "build", **row} for row in found.rows["build"])
    yield from ({"kind": "verdict", **verdict_json(verdict)} for verdict in found.verdicts)
    for kind, name in _KINDS:
        yield from ({"kind": kind, **row} for row in found.rows[name])
    yield from _deliveries(warehouse, found.timeline)
    yield from _history(warehouse, found)
    for kind, name in _KINDS_AFTER:
        yield from ({"kind": kind, **row} for row in found.rows[name])


def _deliveries(warehouse: Warehouse, events: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The hash of each raw payload that an event came from; one that is gone is said to be."""
    received = {row["delivery_id"]: row["received_at"] for row in events if row["delivery_id"]}
    ordered = sorted(received, key=lambda name: (received[name], name))
    for start in range(0, len(ordered), _DELIVERIES_AT_ONCE):
        names = ordered[start : start + _DELIVERIES_AT_ONCE]
        rows = warehouse.rows(
            _DELIVERIES,
            {
                "delivery_ids": names,
                "from_time": received[names[0]] - _MARGIN,
                "until_time": received[names[-1]] + _MARGIN,
            },
        )
        seen = set()
        for row in rows:
            seen.add(row["delivery_id"])
            payload = row.pop("payload")
            yield {"kind": "delivery", **row, "sha256": _sha256(payload)}
        for name in names:
            if name not in seen:
                yield {"kind": "delivery", "delivery_id": name, "sha256": None}


def _history(warehouse: Warehouse, found: Explanation) -> Iterator[dict[str, Any]]:
    try:
        (rows,) = warehouse.rows_of_each([_HISTORY], person_of(warehouse, found.subject))
    except WarehouseMissing:
        # The snapshot is built daily, not by every build.
        yield {"kind": "note", "text": "the snapshot contact_state was not built yet"}
        return
    channels = {verdict.channel for verdict in found.verdicts}
    yield from ({"kind": "history", **row} for row in rows if row["channel"] in channels)


def _sha256(payload: str | None) -> str | None:
    return None if payload is None else hashlib.sha256(payload.encode()).hexdigest()
