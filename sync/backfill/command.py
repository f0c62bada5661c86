"""`contact-sync backfill`: reads the files and lands what their rows say."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import duckdb

from sync.addresses import Country
from sync.backfill.headers import KINDS, Layout, column_names, has_header, recognize, words
from sync.backfill.lines import Header, read_header
from sync.backfill.reading import Dates, Reading, Source
from sync.errors import ConfigError, SyncError
from sync.files import write_csv
from sync.landing import land
from sync.privacy.tombstones import Tombstones
from sync.profile import Target
from sync.progress import Bar, Lines

_REJECTS: Final = ("file", "line", "reason")


@dataclass(frozen=True, slots=True)
class Options:
    """What the command was told.

    columns: --column, header by name ('' for none). ignored: its headers that say nothing. lists:
    --all, kind by file name ('' for all files). words: --word. dates: the order of day and month.
    encoding: None for UTF-8, or what the file's mark says. as_of: None for each file's modification
    time. rejects: None for the first file's name and .rejects.csv.
    """

    files: Sequence[Path]
    columns: Mapping[str, str] = field(default_factory=dict)
    ignored: Sequence[str] = ()
    lists: Mapping[str, str] = field(default_factory=dict)
    words: Sequence[tuple[str, str]] = ()
    dates: Dates | None = None
    encoding: str | None = None
    as_of: datetime | None = None
    rejects: Path | None = None
    country: Country | None = None


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file: how it was read, and what became of its rows.

    platform: what its header looks like. columns: header and meaning. unread: the other headers.
    landed: rows that say something. rejected: rows of which something did not count. undated:
    opt-outs without a time, which count at as_of.
    """

    name: str
    platform: str
    columns: Sequence[tuple[str, str]]
    unread: Sequence[str]
    rows: int
    landed: int
    rejected: int
    undated: int
    as_of: datetime


@dataclass(frozen=True, slots=True)
class BackfillReport:
    """What was read and what landed (of a dry run: what would).

    statements: event, channel (None for an identity), number. reasons: why something was rejected,
    and of how many rows. rejects: the file that names them, if there are any.
    """

    files: Sequence[FileReport]
    statements: Sequence[tuple[str, str | None, int]]
    reasons: Sequence[tuple[str, int]]
    rejects: Path | None
    landed: int

    @property
    def exit_code(self) -> int:
        """1 where something did not count."""
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
    except (duckdb.Error, OSError) as error:
        # Its text may hold a value of the files.
        raise SyncError(
            f"The files could not be read ({type(error).__name__}): is there room left in "
            f"{tempfile.gettempdir()}? TMPDIR names another place."
        ) from None


def _backfill(
    target: Target | None, options: Options, progress: Bar | Lines, tombstones: Tombstones | None
) -> BackfillReport:
    sources = _sources(options)
    with Reading(
        words(options.words),
        encoding=options.encoding,
        dates=options.dates,
        country=options.country,
    ) as reading:
        rows = [_read(reading, source, _as_of(source, options), progress) for source in sources]
        reading.finish()
        by_file = reading.by_file()
        reasons = reading.reasons()
        rejects = options.rejects or _beside(options.files[0])
        # Also empty over one of an earlier run.
        if reasons or rejects.exists():
            write_csv(rejects, _REJECTS, reading.rejects())
        counts = reading.counts()
        return BackfillReport(
            files=[
                _report(source, count, by_file[source.number], _as_of(source, options))
                for source, count in zip(sources, rows, strict=True)
            ],
            statements=counts,
            reasons=reasons,
            rejects=rejects if reasons else None,
            landed=_land(target, reading, sum(count for *_, count in counts), progress, tombstones),
        )


def _report(source: Source, rows: int, counts: tuple[int, int, int], as_of: datetime) -> FileReport:
    layout = source.layout
    columns = [(column.header, column.meaning) for column in layout.columns]
    if layout.list_kind is not None:
        columns.append(("(every row)", layout.list_kind))
    return FileReport(
        source.name, layout.platform, columns, layout.unread, rows, *counts, as_of=as_of
    )


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


def _sources(options: Options) -> list[Source]:
    """All headers are judged before any row is read."""
    headers = [read_header(path, options.encoding) for path in options.files]
    for name, wanted in (*options.columns.items(), *(("ignored", w) for w in options.ignored)):
        if wanted and not any(has_header(header.names, wanted) for header in headers):
            raise ConfigError(f"--column {name}={wanted}: no file has a column of that name.")
    return [
        Source(number, _name(path, options.files), path, header, _layout(path, header, options))
        for number, (path, header) in enumerate(zip(options.files, headers, strict=True))
    ]


def _layout(path: Path, header: Header, options: Options) -> Layout:
    return recognize(
        path,
        header.names,
        {n: w for n, w in options.columns.items() if not w or has_header(header.names, w)},
        options.ignored,
        options.lists.get(path.name, options.lists.get("")),
        is_certain=path.name in options.lists or len(options.files) == 1,
    )


def _read(reading: Reading, source: Source, as_of: datetime, progress: Bar | Lines) -> int:
    progress.start(source.name, source.path.stat().st_size, "bytes to read")
    return reading.read(source, as_of, partial(progress.advance, source.name))


def _land(
    target: Target | None,
    reading: Reading,
    count: int,
    progress: Bar | Lines,
    tombstones: Tombstones | None,
) -> int:
    if target is None or not count:
        return 0
    progress.start("landing", count, "statements")
    statements = reading.statements()
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


def _as_of(source: Source, options: Options) -> datetime:
    return options.as_of or datetime.fromtimestamp(int(source.path.stat().st_mtime), UTC)


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.rejects.csv")
