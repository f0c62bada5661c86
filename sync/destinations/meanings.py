"""What platforms' errors mean: the rows of seeds/destination_errors.csv, looked up in an answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sync.errors import (
    CredentialRefused,
    ItemsRefused,
    NeedsPerson,
    PlatformError,
    PlatformFailed,
    RefusedForNow,
)
from sync.redaction import redact

#: What Meanings is made of, of one destination and of all.
ROWS = """
    select destination, http_status, field, pattern, meaning, is_stopped, note
    from {marts}.destination_errors
    where destination in (@name, '*')
"""
# Of several members of one error the first of these decides: a fault for good stays one, unless the
# destination's own row says that somebody can end it.
_GRAVEST_FIRST = ("final", "needs_person", "temporary")
_KINDS: Mapping[str, type[PlatformError]] = {
    "final": ItemsRefused,
    "needs_person": NeedsPerson,
    "temporary": PlatformFailed,
}
# What a status says of the call, unless a row names it: not there, too large, too many.
_SAID_BY_STATUS = frozenset({404, 413, 429})
_REQUEST_TIMEOUT = 408
_CREDENTIAL = frozenset({401, 403})
# Values of an answer that are looked at: an error has a few.
_MOST_VALUES = 200


class Meaning(NamedTuple):
    """What an error means. meaning: final, temporary or needs_person.

    is_stopped: the platform says that the person is stopped there, and stays so. note: what to tell
    whoever reads the ledger.
    """

    meaning: str
    is_stopped: bool = False
    note: str = ""

    def told(self, words: str) -> str:
        """The platform's words with the note."""
        note = f"needs a person: {self.note}" if self.meaning == "needs_person" else self.note
        return f"{note}: {words}" if note else words


class _Row(NamedTuple):
    """A row. statuses: None for all; field: a member's name in lower case, empty for any.

    is_own: of the destination, and not of all.
    """

    is_own: bool
    statuses: frozenset[int] | None
    field: str
    pattern: str
    expression: re.Pattern[str]
    meaning: Meaning

    @property
    def rank(self) -> int:
        """What decides of several members of one error: the lowest."""
        if self.is_own and self.meaning.meaning == "needs_person":
            return -1
        return _GRAVEST_FIRST.index(self.meaning.meaning)

    def holds(self, status: int | None, field: str, value: str, redacted: str) -> bool:
        """Whether it speaks of this member of an answer."""
        return (
            (self.statuses is None or status in self.statuses)
            and self.field in ("", field)
            # A word may be part of an address that the platform repeats.
            and bool(self.expression.fullmatch(redacted if "%" in self.pattern else value))
        )


class Meanings:
    """The rows of one destination and of `*`, the most specific first."""

    def __init__(self, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        """rows: by the columns of the seed."""
        ordered = sorted(
            rows,
            key=lambda row: (-len(row["pattern"] or ""), row["destination"] == "*"),
        )
        found = [_read(row) for row in ordered]
        self._rows = [row for row in found if row.field or row.pattern]
        #: Those that name a status alone.
        self._of_status = [row for row in found if not row.field and not row.pattern]

    def of(self, status: int | None, said: object) -> Meaning | None:
        """What an error means; None where no row speaks of it.

        said: the answer, or the part of it that is about one item: text, or data of JSON.
        """
        row = self._of_words(status, said) or self._of_status_alone(status)
        return row and row.meaning

    def of_call(self, status: int, said: object) -> tuple[type[PlatformError], Meaning] | None:
        """The same of a call that was refused whole, with the error that it is."""
        by_words = self._of_words(status, said)
        row = by_words or self._of_status_alone(status)
        if row is None or (status in _SAID_BY_STATUS and row.statuses is None):
            return None
        meaning = row.meaning
        if meaning.meaning == "needs_person" and status in _CREDENTIAL:
            return CredentialRefused, meaning
        if meaning.meaning == "temporary" and by_words and status < 500:
            return (PlatformFailed if status == _REQUEST_TIMEOUT else RefusedForNow), meaning
        return _KINDS[meaning.meaning], meaning

    def _of_words(self, status: int | None, said: object) -> _Row | None:
        """The row that speaks of a member of the answer."""
        found = [
            row
            for field, value in _values(said)
            if (row := self._of_value(status, field, value)) is not None
        ]
        return min(found, key=lambda row: row.rank, default=None)

    def _of_value(self, status: int | None, field: str, value: str) -> _Row | None:
        redacted = redact(value)
        for row in self._rows:
            if row.holds(status, field.lower(), value, redacted):
                return row
        return None

    def _of_status_alone(self, status: int | None) -> _Row | None:
        for row in self._of_status:
            if row.statuses is None or status in row.statuses:
                return row
        return None


def _read(row: Mapping[str, Any]) -> _Row:
    said = str(row["http_status"]).split()
    pattern = str(row["pattern"] or "").strip()
    parts = (re.escape(part) for part in pattern.split("%"))
    return _Row(
        row["destination"] != "*",
        None if said == ["*"] else frozenset(int(status) for status in said),
        str(row["field"] or "").strip().lower(),
        pattern,
        re.compile(".*".join(parts) if pattern else ".*", re.IGNORECASE | re.DOTALL),
        Meaning(row["meaning"], bool(row["is_stopped"]), str(row["note"] or "")),
    )


def _values(said: object) -> Iterator[tuple[str, str]]:
    """The texts and numbers of an answer, each with the name of the member that holds it."""
    left: list[tuple[str, object]] = [("", said)]
    for _ in range(_MOST_VALUES):
        if not left:
            return
        field, value = left.pop()
        if isinstance(value, dict):
            left += [(str(name), inner) for name, inner in value.items()]
        elif isinstance(value, list):
            left += [(field, inner) for inner in value]
        elif isinstance(value, (str, int)):
            yield field, str(value)
