"""Files into the tables of a local DuckDB file, which lives for one run; tables.sql describes them.

DuckDB reads what lines.py numbered, and each column becomes a query, as its meaning says. Nothing
is resolved here: what one row says is a statement, and the models judge all of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import duckdb

# DuckDB asks for it where a function is Python's.
import numpy  # noqa: F401
from duckdb.func import FunctionNullHandling

from sync.addresses import Country, normalizer
from sync.backfill.headers import ADDRESS_OF, PLATFORM_IDS, Column, Layout
from sync.backfill.lines import LONGEST, Header, number_records
from sync.landing import instant_text
from sync.redaction import redact
from sync.scratch import new_folder

Dates = Literal["dmy", "mdy", "iso"]

# What does not fit goes to the disk.
_MEMORY: Final = "160MB"
_PAGE: Final = 5_000
# Bytes of the longest record; the buffer must hold two.
_LONGEST_RECORD: Final = 8 * LONGEST


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its number in the tables, its name, its header, and what its columns mean."""

    number: int
    name: str
    path: Path
    header: Header
    layout: Layout


class Reading:
    """What the files say, in a folder that only this user reads; leaving it deletes it.

    words: what they mean, as headers.words gives them. dates: in which order dates have day and
    month; None where the columns are to tell. Raises duckdb.Error where there is no room.
    """

    def __init__(
        self,
        words: Sequence[tuple[str, str]],
        *,
        encoding: str | None = None,
        dates: Dates | None = None,
        country: Country | None = None,
    ) -> None:
        self._encoding = encoding
        self._dates = dates
        self._names: list[str] = []
        self._folder = new_folder()
        self._db = duckdb.connect(
            str(self._folder / "reading.duckdb"),
            config={
                "memory_limit": _MEMORY,
                "threads": 2,
                "temp_directory": str(self._folder / "spill"),
                "preserve_insertion_order": False,
            },
        )
        self._db.execute("set TimeZone = 'UTC'")
        self._db.execute(f"set variable now = timestamp '{_naive(datetime.now(UTC))}'")
        for channel, name in ADDRESS_OF.items():
            # The command's one normalizer: its rules have no copy here.
            normalize = normalizer(channel, country)
            self._db.create_function(
                f"normal_{name}",
                normalize,
                ["VARCHAR"],
                "VARCHAR",
                null_handling=FunctionNullHandling.SPECIAL,
            )
        # As one transaction: each statement alone would wait for the disk.
        self._db.execute(f"begin; {_script('tables.sql')}; commit")
        self._db.execute(
            "insert into words select a_word(word), arg_max(kind, place) from (select"
            " unnest(?) as word, unnest(?) as kind, unnest(range(?)) as place) group by all",
            [[word for word, _ in words], [kind for _, kind in words], len(words)],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def read(self, source: Source, as_of: datetime, advance: Callable[[int], None]) -> int:
        """Puts a file into the tables; gives its records, broken ones included.

        as_of: when an opt-out of it counts that has no time. advance: told of bytes that were read.
        """
        self._names.append(source.name)
        self._db.execute("insert into sources values (?, ?)", [source.number, _naive(as_of)])
        text = self._folder / "records.csv"
        with text.open("w", encoding="utf-8", newline="") as into:
            broken = number_records(source.path, self._encoding, source.header, into, advance)
            while group := list(islice(broken, _PAGE)):
                self._db.execute(
                    "insert into rejects select ?, unnest(?), null, unnest(?)",
                    [source.number, *map(list, zip(*group, strict=True))],
                )
        self._load(source, text)
        text.unlink()
        (records,) = self._row(
            "select (select count(*) from texts)"
            f" + (select count(distinct line) from rejects where file = {source.number})"
        )
        self._judge(source)
        return int(records)

    def finish(self) -> None:
        """From here on statements and rejects are complete."""
        self._db.execute(f"begin; {_script('statements.sql')}; commit")

    def statements(self) -> Iterator[dict[str, Any]]:
        """Statements as sync.landing lands them."""
        names = ("event", "detail", "channel", "external_id", "email", "phone", "push_token",
                 "push_token_type", "platform_id", "is_positive")  # fmt: skip
        for row in self._pages(f"{', '.join(names)}, said_at, file, line, header, reason"):
            *said, at, file, line, header, reason = row
            origin = f"{self._names[file]}:{line}{f' column {header}' if header else ''}"
            yield {
                **dict(zip(names, said, strict=True)),
                "at": instant_text(at),
                "by": self._names[file],
                "reason": f"{origin}: {redact(reason)}" if reason else origin,
            }

    def counts(self) -> list[tuple[str, str | None, int]]:
        """Event, channel (None for an identity) and number of the statements."""
        return self._db.execute(
            "select event, channel, count(*) from statements group by all order by all"
        ).fetchall()

    def by_file(self) -> dict[int, tuple[int, int, int]]:
        """Of each file: rows of which something lands, rows rejected, opt-outs without a time."""
        found = self._db.execute(_script("counts.sql")).fetchall()
        return {file: (landed, rejected, undated) for file, landed, rejected, undated in found}

    def reasons(self) -> list[tuple[str, int]]:
        """Why something was rejected, and of how many rows, the most frequent reason first."""
        return self._db.execute(
            "select reason, count(distinct (file, line)) from rejects"
            " group by reason order by 2 desc, 1"
        ).fetchall()

    def rejects(self) -> Iterator[tuple[str, int, str]]:
        """File, line and reason of what did not count, in the files' order."""
        cursor = self._db.cursor()
        cursor.execute("select distinct file, line, reason from rejects order by all")
        while rows := cursor.fetchmany(_PAGE):
            for file, line, reason in rows:
                yield self._names[file], line, reason

    def _load(self, source: Source, text: Path) -> None:
        """`texts`: the line of each record, and what stands in the columns that are read."""
        names = ["line", *(f"c{place}" for place in range(len(source.header.names)))]
        types = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
        texts = [f"bare({_cell(column)}) as {_cell(column)}" for column in source.layout.columns]
        separator = _literal(source.header.separator)
        self._db.execute(f"""
            create or replace table texts as
            select {", ".join(["cast(line as bigint) as line", *texts])}
            from read_csv(
                {_literal(str(text))}, columns = {{{types}}}, auto_detect = false, header = false,
                new_line = '\\n', delim = {separator}, quote = '"', escape = '"',
                strict_mode = true, null_padding = false, store_rejects = true, rejects_limit = 0,
                max_line_size = {_LONGEST_RECORD}, buffer_size = {2 * _LONGEST_RECORD}
            )
        """)
        self._db.execute(f"""
            insert into rejects
            select {source.number}, cast(split_part(csv_line, {separator}, 1) as bigint), null,
                case when min(error_type) in ('MISSING COLUMNS', 'TOO MANY COLUMNS')
                    then 'broken line: not as many fields as the header has'
                    else 'broken line: text beside a quoted field' end
            from reject_errors group by all
        """)
        self._db.execute("drop table reject_errors")
        self._db.execute("drop table reject_scans")

    def _judge(self, source: Source) -> None:
        """Fills rows and facts from `texts`: what is wrong with a cell is a fact, too."""
        layout, file = source.layout, source.number
        device, address = layout.named("device_type"), layout.named("address")
        updated = layout.named("updated_at")
        channel = f"row_channel({_cell(layout.named('channel'))}, '{layout.channel}')"
        token_type = f"nullif({_cell(layout.named('push_token_type'))}, '')"
        if device is not None:
            channel = f"device_channel({_cell(device)})"
            token_type = f"device_token_type({_cell(device)})"
        columns = [f"{channel} as channel"]
        problems = [(updated, "identity", _time_problem(updated))]
        for its_channel, name in ADDRESS_OF.items():
            cell = _cell(layout.named(name))
            if address is not None:
                cell = f"if(channel = '{its_channel}', {_cell(address)}, {cell})"
            known = f"if(is_spoiled({name}_text), null, normal_{name}({name}_text))"
            columns += [f"{cell} as {name}_text", f"{known} as {name}"]
            problem = f"address_problem('{its_channel}', {name}_text, {name})"
            problems.append((layout.named(name) or address, its_channel, problem))
        for column in layout.times:
            instant = f"an_instant({_cell(column)}, '{self._style(column)}')"
            columns.append(f"{instant} as {_instant(column)}")
        self._db.execute(
            f"create or replace table cells as select *, {', '.join(columns)} from texts"
        )
        addresses = [
            f"{name}: if({name} is null, null, {name}_text)" for name in ADDRESS_OF.values()
        ]
        own_ids = [
            f"'{platform}:' || a_platform_id({_cell(layout.named(meaning))})"
            for meaning, platform in PLATFORM_IDS.items()
            if layout.named(meaning) is not None
        ]
        self._db.execute(f"""
            insert into rows by name
            select {file} as file, line, reason: nullif({_cell(layout.named("reason"))}, ''),
                external_id: an_id({_cell(layout.named("external_id"))}), {", ".join(addresses)},
                push_token_type: {token_type}, updated_at: known_instant({_instant(updated)}),
                platform_ids: known_ids([{", ".join(own_ids)}])
            from cells
        """)
        for problem_of, its_channel, problem in problems:
            if problem_of is not None:
                self._db.execute(f"""
                    insert into facts by name
                    select {file} as file, line, '{its_channel}' as channel,
                        {problem} || {_of(problem_of)} as problem
                    from cells where problem is not null
                """)
        if layout.list_kind is not None:
            listed = layout.named("listed_at")
            self._add_facts(source, listed, _literal(layout.list_kind), listed)
        for column in layout.facts:
            kind = f"if(is_no_time({_cell(column)}), '', '{str(column.fact).removesuffix('_at')}')"
            if column.is_word:
                kind = f"kind_by_{column.fact}(word, meaning, at_text)"
                if column.refusal:
                    kind = f"if({_is_time_for_word(column)}, '{column.refusal}', {kind})"
            self._add_facts(source, column, kind, layout.time_of(column))
        self._db.execute("drop table cells")

    def _add_facts(
        self, source: Source, column: Column | None, kind: str, time: Column | None
    ) -> None:
        """What a column says (of a list, that a row is in it), and when. kind: an expression."""
        cells, channel, header, is_word = "cells", "channel", "null", "false"
        said_at = f"known_instant({_instant(time)})"
        time_problem = f"{_time_problem(time)} || {_of(time)}"
        if column is not None:
            header, is_word = _literal(column.header), str(column.is_word)
            channel = _literal(column.channel) if column.channel else channel
        if column is not None and column.refusal and not column.is_word:
            # A yes where its time should be is a word, and lacks no time.
            is_word = f"is_yes({_cell(column)})"
            time_problem = f"if({is_word}, null, {time_problem})"
        if column is not None and column.refusal and column.is_word:
            its_own = _is_time_for_word(column)
            said_at = f"if({its_own}, known_instant({_instant(column)}), {said_at})"
            own_problem = f"{_time_problem(column)} || {_of(column)}"
            time_problem = f"if({its_own}, {own_problem}, {time_problem})"
        if column is not None and column.is_word:
            words = f"words_of({_cell(column)}, {column.fact == 'suppression'})"
            cells = f"(select *, unnest({words}) as word, {_cell(time)} as at_text from cells)"
            cells += " left join words on known = a_word(word)"
        self._db.execute(f"""
            insert into facts by name
            select {source.number} as file, line, header: {header}, channel: {channel},
                kind: {kind}, is_word: {is_word}, said_at: {said_at},
                problem: coalesce(
                    if(kind is null, 'unreadable status' || {_of(column)}, null),
                    if({channel} = 'unknown', 'unknown channel', null),
                    {time_problem}
                )
            from {cells} where kind is distinct from ''
        """)

    def _style(self, column: Column) -> str:
        """How a column writes its dates: serial, dmy, mdy; '' where none fits all its values."""
        # A yes among times is of no style.
        cell = f"if(is_yes({_cell(column)}), '', {_cell(column)})"
        (found,) = self._row(f"select style_of({cell}, '{self._dates or ''}') from texts")
        return str(found or "")

    def _pages(self, columns: str) -> Iterator[tuple[Any, ...]]:
        """All statements; a result as a whole would be in memory."""
        (last,) = self._row("select coalesce(max(rowid), -1) from statements")
        for start in range(0, last + 1, _PAGE):
            yield from self._db.execute(
                f"select {columns} from statements where rowid >= ? and rowid < ?",
                [start, start + _PAGE],
            ).fetchall()

    def _row(self, query: str) -> tuple[Any, ...]:
        row = self._db.execute(query).fetchone()
        assert row is not None
        return row


def _cell(column: Column | None) -> str:
    return f"c{column.position}" if column else "''"


def _of(column: Column | None) -> str:
    """The end of a reason: which column it is about."""
    return _literal(f": column {redact(column.header)}" if column else "")


def _instant(column: Column | None) -> str:
    return f"t{column.position}" if column else "cast(null as timestamp)"


def _time_problem(column: Column | None) -> str:
    return f"time_problem({_cell(column)}, {_instant(column)})"


def _is_time_for_word(column: Column) -> str:
    """Whether a time stands in a column of words, in place of one that somebody knows."""
    return f"(meaning is null and is_like_a_time({_cell(column)}, {_instant(column)}))"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None, microsecond=0)


def _script(name: str) -> str:
    return files("sync.backfill").joinpath(name).read_text(encoding="utf-8")
