"""The local DuckDB file of one run: made, merged in SQL, read in pages, deleted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.resources import files
from types import TracebackType
from typing import Any, Final, Self

import duckdb

from sync.backfill.headers import Layout
from sync.landing import instant_text
from sync.redaction import redact
from sync.scratch import new_folder

# The merge of more rows than fit goes to the disk.
_MEMORY: Final = "160MB"
_PAGE: Final = 5_000


class Merge:
    """Rows of all files, in a folder that only this user reads; leaving it deletes it."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._headers: dict[tuple[int, int], str] = {}
        self._directory = place = new_folder()
        self.connection = duckdb.connect(
            str(place / "merge.duckdb"),
            config={
                "memory_limit": _MEMORY,
                "threads": 2,
                "temp_directory": str(place / "spill"),
                "preserve_insertion_order": False,
            },
        )
        self.connection.execute("set TimeZone = 'UTC'")
        self.connection.execute(f"set variable now = timestamp '{_naive(datetime.now(UTC))}'")
        self.connection.execute(_script("tables.sql"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.connection.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def add_source(self, name: str, layout: Layout, as_of: datetime) -> int:
        """Announces a file; gives its number in the tables.

        as_of: when a refusal of it that has no time counts.
        """
        file = len(self._names)
        self._names.append(name)
        self.connection.execute("insert into sources values (?, ?)", [file, _naive(as_of)])
        for column in layout.columns:
            self._headers[file, column.position] = column.header
            self.connection.execute(
                "insert into headers values (?, ?, ?)", [file, column.position, column.header]
            )
        return file

    def merge(self) -> None:
        """Decides: from here on statements, conflicts and rejects are complete."""
        self.connection.execute(_script("merging.sql"))

    def statements(self) -> Iterator[dict[str, Any]]:
        """Statements as sync.landing lands them."""
        for row in self._pages(
            "event, channel, external_id, email, phone, push_token, push_token_type, is_positive,"
            " told_at, file, line, position, reason",
            "statements",
        ):
            *said, at, file, line, position, reason = row
            names = ("event", "channel", "external_id", "email", "phone", "push_token",
                     "push_token_type", "is_positive")  # fmt: skip
            yield {
                **dict(zip(names, said, strict=True)),
                "at": instant_text(at),
                "by": self._names[file],
                "reason": self._origin(file, line, position, reason),
            }

    def statement_counts(self) -> list[tuple[str, str | None, int]]:
        """Event, channel (None for an identity) and number of the statements."""
        return self.connection.execute(
            "select event, channel, count(*) from statements group by all order by all"
        ).fetchall()

    def rejects(self) -> Iterator[tuple[str, int, str]]:
        """File, line and reason of every row that did not count, in the files' order."""
        cursor = self.connection.cursor()
        cursor.execute(
            "select file, line, min(reason) from rejects group by file, line order by file, line"
        )
        while rows := cursor.fetchmany(_PAGE):
            for file, line, reason in rows:
                yield self._names[file], line, reason

    def reject_counts(self) -> dict[int, int]:
        """Rows that did not count, by the number of their file."""
        return dict(
            self.connection.execute(
                "select file, count(distinct line) from rejects group by file"
            ).fetchall()
        )

    def conflict_count(self) -> int:
        """Preferences of which two rows said the opposite."""
        return self._one("select coalesce(max(conflict), 0) from conflicts")

    def conflicts(self, first: int | None = None) -> Iterator[dict[str, Any]]:
        """Candidates of the conflicts (of the first so many), winners first within each."""
        cursor = self.connection.cursor()
        cursor.execute(
            "select conflict, key, channel, kind, told_at, is_undated, file, line, position,"
            " is_winner, rule from conflicts where conflict <= coalesce(?, conflict)"
            " order by conflict, is_winner desc, file, line, position",
            [first],
        )
        while rows := cursor.fetchmany(_PAGE):
            for (
                conflict,
                key,
                channel,
                kind,
                told_at,
                undated,
                file,
                line,
                place,
                won,
                rule,
            ) in rows:
                yield {
                    "conflict": conflict,
                    "key": key,
                    "attribute": f"{channel}_status",
                    "value": kind,
                    "at": instant_text(told_at),
                    "is_at_as_of": undated and told_at is not None,
                    "source": self._origin(file, line, place, None),
                    "is_winner": won,
                    "rule": rule,
                }

    def _pages(self, columns: str, table: str) -> Iterator[tuple[Any, ...]]:
        """All rows of a table; a result as a whole would be in memory."""
        last = self._one(f"select coalesce(max(rowid), -1) from {table}")
        for start in range(0, last + 1, _PAGE):
            yield from self.connection.execute(
                f"select {columns} from {table} where rowid >= ? and rowid < ?",
                [start, start + _PAGE],
            ).fetchall()

    def _one(self, query: str) -> int:
        row = self.connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    def _origin(self, file: int, line: int, position: int | None, reason: str | None) -> str:
        origin = f"{self._names[file]}:{line}"
        header = None if position is None else self._headers.get((file, position))
        if header is not None:
            origin += f" column {header}"
        return f"{origin}: {redact(reason)}" if reason else origin


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None, microsecond=0)


def _script(name: str) -> str:
    return files("sync.backfill").joinpath(name).read_text(encoding="utf-8")
