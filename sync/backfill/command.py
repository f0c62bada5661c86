"""`contact-sync backfill`: reads the files, merges them, lands what they say."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

import duckdb

from sync.backfill.headers import KINDS, Layout, column_names, has_header, more_words, recognize
from sync.backfill.merge import Merge
from sync.backfill.reading import Source, read_file
from sync.backfill.records import Records
from sync.errors import ConfigError, SyncError
from sync.landing import land
from sync.privacy.tombstones import Tombstones
from sync.profile import Target
from sync.progress import Bar, Lines
from sync.terminal import csv_cells

#: Conflicts that the output has; --conflicts has them all.
SHOWN_CONFLICTS: Final = 20

_REJECTS: Final = ("file", "line", "reason")
_CONFLICTS: Final = (
    "conflict", "key", "attribute", "value", "at", "is_at_as_of", "source", "is_winner", "rule",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """What the command was told.

    columns: --column, header by name. lists: --all, kind by file name ('' for all files). words:
    --word. as_of: None for each file's modification time. rejects: None for the first file's name
    and .rejects.csv.
    """

    files: Sequence[Path]
    columns: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, str] = field(default_factory=dict)
    words: Sequence[tuple[str, str]] = ()
    as_of: datetime | None = None
    rejects: Path | None = None
    conflicts: Path | None = None


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file: how it was read, its records, and how many of them did not count.

    platform: what its header looks like. columns: header and meaning. unread: the other headers.
    """

    name: str
    platform: str
    columns: Sequence[tuple[str, str]]
    unread: Sequence[str]
    rows: int
    rejected: int


@dataclass(frozen=True, slots=True)
class BackfillReport:
    """What was read and what landed (of a dry run: what would).

    statements: event, channel (None for an identity), number. conflicts: all of them; shown: the
    candidates of the first. rejects: the file that names the rows that did not count, if any.
    """

    files: Sequence[FileReport]
    statements: Sequence[tuple[str, str | None, int]]
    conflicts: int
    shown: Sequence[Mapping[str, Any]]
    rejects: Path | None
    landed: int

    @property
    def exit_code(self) -> int:
        """1 where a row did not count."""
        return 1 if self.rejects is not None else 0


def backfill(
    target: Target | None,
    options: Options,
    *,
    progress: Bar | Lines,
    tombstones: Tombstones | None = None,
) -> BackfillReport:
    """Lands what the files say; a dry run (target None) only tells it.

    tombstones: what the forgotten refused, which lands again where a file names them.
    Raises ConfigError where a file cannot be read or nobody can tell what its columns mean; nothing
    has landed then. Raises SyncError where not all of it landed.
    """
    _check(options)
    try:
        return _backfill(target, options, progress, tombstones)
    except duckdb.Error as error:
        # Its text may hold a value of the files.
        raise SyncError(
            f"The files could not be merged ({type(error).__name__}): is there room left in "
            f"{tempfile.gettempdir()}? TMPDIR names another place."
        ) from None


def _backfill(
    target: Target | None, options: Options, progress: Bar | Lines, tombstones: Tombstones | None
) -> BackfillReport:
    with Merge() as merge:
        read = _read(merge, options, progress)
        merge.merge()
        rejected = merge.reject_counts()
        rejects = options.rejects or _beside(options.files[0])
        # Also empty over one of an earlier run.
        if rejected or rejects.exists():
            _write(rejects, _REJECTS, merge.rejects())
        if options.conflicts is not None:
            _write(options.conflicts, _CONFLICTS, (c.values() for c in merge.conflicts()))
        return BackfillReport(
            files=[_report(source, rows, rejected.get(source.number, 0)) for source, rows in read],
            statements=(counts := merge.statement_counts()),
            conflicts=merge.conflict_count(),
            shown=list(merge.conflicts(SHOWN_CONFLICTS)),
            rejects=rejects if rejected else None,
            landed=_land(target, merge, sum(count for *_, count in counts), progress, tombstones),
        )


def _report(source: Source, rows: int, rejected: int) -> FileReport:
    layout = source.layout
    columns = [(column.header, column.meaning) for column in layout.columns]
    if layout.list_kind is not None:
        columns.append(("(every row)", layout.list_kind))
    return FileReport(source.name, layout.platform, columns, layout.unread, rows, rejected)


def _check(options: Options) -> None:
    for name in options.columns:
        if name not in column_names():
            raise ConfigError(f"--column: {name!r} is none of {', '.join(column_names())}.")
    if options.as_of is not None and options.as_of > datetime.now(UTC):
        raise ConfigError("--as-of is in the future.")
    names = [path.name for path in options.files]
    for name, kind in options.lists.items():
        if kind not in KINDS:
            raise ConfigError(f"--all: {kind!r} is none of {', '.join(KINDS)}.")
        if name and name not in names:
            raise ConfigError(f"--all: {name!r} is none of the files.")


def _read(merge: Merge, options: Options, progress: Bar | Lines) -> list[tuple[Source, int]]:
    """Every file with its number of records. All headers are judged before any row is read."""
    words = more_words(options.words)
    layouts = _layouts(options)
    read = []
    for path, layout in zip(options.files, layouts, strict=True):
        name = _name(path, options.files)
        as_of = options.as_of or _modified_at(path)
        source = Source(merge.add_source(name, layout, as_of), name, layout, words)
        progress.start(name, path.stat().st_size, "bytes to read")
        with Records(path) as records:
            rows = read_file(
                merge.connection,
                source,
                records,
                advance=partial(progress.advance, name),
            )
        read.append((source, rows))
    return read


def _layouts(options: Options) -> list[Layout]:
    headers = []
    for path in options.files:
        with Records(path) as records:
            headers.append(records.header)
    for name, wanted in options.columns.items():
        if not any(has_header(header, wanted) for header in headers):
            raise ConfigError(f"--column {name}={wanted}: no file has a column of that name.")
    return [
        recognize(
            path,
            header,
            {name: w for name, w in options.columns.items() if has_header(header, w)},
            options.lists.get(path.name, options.lists.get("")),
            is_certain=path.name in options.lists or len(headers) == 1,
        )
        for path, header in zip(options.files, headers, strict=True)
    ]


def _land(
    target: Target | None,
    merge: Merge,
    count: int,
    progress: Bar | Lines,
    tombstones: Tombstones | None,
) -> int:
    if target is None or not count:
        return 0
    progress.start("landing", count, "statements")
    statements = merge.statements()
    landed = land(
        target,
        "backfill",
        statements if tombstones is None else tombstones.watch(statements),
        advance=partial(progress.advance, "landing"),
    )
    if tombstones is not None:
        tombstones.land_returned(target)
    return landed


def _name(path: Path, files: Sequence[Path]) -> str:
    """What origins call a file: its name, where no other one has it."""
    is_unique = sum(other.name == path.name for other in files) == 1
    return path.name if is_unique else str(path)


def _modified_at(path: Path) -> datetime:
    return datetime.fromtimestamp(int(path.stat().st_mtime), UTC)


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.rejects.csv")


def _write(path: Path, header: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    with _private(path) as out:
        writer = csv.writer(out)
        writer.writerow(header)
        writer.writerows(csv_cells(row) for row in rows)


@contextmanager
def _private(path: Path) -> Iterator[IO[str]]:
    """A file that only this user reads: it may tell of persons."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
    with open(descriptor, "w", encoding="utf-8", newline="") as out:  # noqa: PTH123
        yield out
