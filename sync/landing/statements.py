"""Lands statements of our own commands, as deliveries that the models resolve with all others.

Each is a JSON object with the members of macros/statements.sql; members that are None are left out.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Literal

from sync.errors import SyncError
from sync.landing.delivery import Landed, Sink
from sync.landing.sinks import open_sink
from sync.profile import Target

Source = Literal["backfill", "adopt", "operator"]
Statement = Mapping[str, Any]

# Statements of one delivery, and deliveries of one write: some hundred KB, some MB.
_OF_ONE_DELIVERY = 500
_OF_ONE_WRITE = 20


def land(
    target: Target,
    source: Source,
    statements: Iterable[Statement],
    *,
    advance: Callable[[int], None] = lambda _: None,
) -> int:
    """Lands them where the target's next build reads; gives how many.

    advance: told of each write how many it had. Raises SyncError where they did not land; those of
    earlier writes did, and landing them again adds nothing.
    """
    sink = open_sink(target)
    landed = 0
    try:
        deliveries = _deliveries(source, iter(statements))
        while group := list(islice(deliveries, _OF_ONE_WRITE)):
            _write(sink, [row for row, _ in group])
            landed += (size := sum(count for _, count in group))
            advance(size)
    finally:
        sink.close()
    return landed


def instant_text(instant: datetime | None) -> str | None:
    """An instant (naive ones are UTC) as a statement writes it."""
    if instant is None:
        return None
    aware = instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat()


def _deliveries(source: str, statements: Iterator[Statement]) -> Iterator[tuple[Landed, int]]:
    while group := list(islice(statements, _OF_ONE_DELIVERY)):
        said = [
            {name: value for name, value in statement.items() if value is not None}
            for statement in group
        ]
        payload = json.dumps({"statements": said}, ensure_ascii=False, separators=(",", ":"))
        yield Landed(str(uuid.uuid4()), source, datetime.now(UTC), payload), len(group)


def _write(sink: Sink, rows: list[Landed]) -> None:
    for error in sink.write(rows):
        if error is not None:
            raise SyncError(f"Nothing more can land in {sink.place}: {_kind(error)}") from None


def _kind(error: Exception) -> str:
    """What went wrong, without a value."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) if not isinstance(error, ValueError) else type(error).__name__
