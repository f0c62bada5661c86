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

from sync.addresses import normalizer
from sync.backfill.headers import ADDRESS_OF, Column, Layout
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
_ROW_CHANNEL: Final = """
    case when lower({cell}) in ('email', 'sms', 'push') then lower({cell})
        when lower({cell}) in ('text', 'mms', 'rcs', 'phone', 'mobile') then 'sms'
        when lower({cell}) in ('', 'marketing') then {default} else 'unknown' end
"""
# OneSignal's device_type: https://documentation.onesignal.com/reference/view-devices
_DEVICE_CHANNEL: Final = """
    case when lower({cell}) in ('11', 'email') then 'email'
        when lower({cell}) in ('14', 'sms') then 'sms' else 'push' end
"""
_DEVICE_TYPE: Final = "case {cell} when '0' then 'ios' when '1' then 'android' end"
# What a word says, where it is not simply its kind; null where nobody knows.
_KIND: Final = {
    "status": "if(a_word(word) = '', '', meaning)",
    "refused": """
        case when a_word(word) = '' then '' when meaning = 'opted_in' then 'opted_out'
            when meaning = 'opted_out' then 'opted_in' else meaning end
    """,
    **{
        name: f"""
            case when a_word(word) = '' then '' when meaning = 'opted_in' then '{name}'
                when meaning = 'opted_out' then '' else meaning end
        """
        for name in ("bounced", "complained")
    },
    # A time alone says that there was a reason.
    "suppression": """
        case when is_no_time(word) then if(is_no_time(at_text), '', 'opted_out')
            when is_yes(word) then 'opted_out' when meaning = 'opted_in' then ''
            else meaning end
    """,
    # Positive: subscribed; -2: the person turned it off; others: never asked, or an error.
    # https://documentation.onesignal.com/docs/subscriptions
    "notification_types": """
        case when word = '' then '' when not regexp_full_match(word, '-?[0-9]{1,18}') then null
            when word = '-2' then 'opted_out' when cast(word as bigint) > 0 then 'opted_in' else ''
        end
    """,
}


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
        country_code: str | None = None,
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
            normalize = normalizer(channel, country_code)
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
                 "push_token_type", "is_positive")  # fmt: skip
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
        """Fills rows and facts from `texts`."""
        layout = source.layout
        device, address = layout.named("device_type"), layout.named("address")
        default = _literal(layout.channel)
        channel, token_type = _ROW_CHANNEL, "nullif({cell}, '')"
        if device is not None:
            channel, token_type = _DEVICE_CHANNEL, _DEVICE_TYPE
        cell = _cell(device or layout.named("channel"))
        columns = [f"{channel.format(cell=cell, default=default)} as channel"]
        for its_channel, name in ADDRESS_OF.items():
            cell = _cell(layout.named(name))
            if address is not None:
                cell = f"if(channel = '{its_channel}', {_cell(address)}, {cell})"
            known = f"if(is_spoiled({name}_text), null, normal_{name}({name}_text))"
            columns += [f"{cell} as {name}_text", f"{known} as {name}"]
        styles = self._styles(layout)
        for column in layout.times:
            instant = f"an_instant({_cell(column)}, '{styles[column.position]}')"
            columns.append(f"{instant} as {_instant(column)}")
        self._db.execute(
            f"create or replace table cells as select *, {', '.join(columns)} from texts"
        )
        type_cell = _cell(device or layout.named("push_token_type"))
        self._db.execute(f"""
            insert into rows by name
            select {source.number} as file, line,
                reason: nullif({_cell(layout.named("reason"))}, ''),
                external_id: an_id({_cell(layout.named("external_id"))}),
                email: if(email is null, null, email_text),
                phone: if(phone is null, null, phone_text),
                push_token: if(push_token is null, null, push_token_text),
                push_token_type: {token_type.format(cell=type_cell)},
                updated_at: known_instant({_instant(layout.named("updated_at"))})
            from cells
        """)
        for its_channel, name in ADDRESS_OF.items():
            problem = f"address_problem('{its_channel}', {name}_text, {name})"
            self._add_problems(source, layout.named(name) or address, its_channel, problem)
        updated = layout.named("updated_at")
        self._add_problems(source, updated, "identity", _time_problem(updated))
        if layout.list_kind is not None:
            listed = layout.named("listed_at")
            self._add_facts(source, listed, _literal(layout.list_kind), listed)
        for column in layout.facts:
            cell = _cell(column)
            kind = f"if(is_no_time({cell}), '', '{str(column.fact).removesuffix('_at')}')"
            self._add_facts(
                source, column, _KIND.get(str(column.fact), kind), layout.time_of(column)
            )
        self._db.execute("drop table cells")

    def _add_problems(
        self, source: Source, column: Column | None, channel: str, problem: str
    ) -> None:
        """Facts of a column that says nothing of a subscription: what is wrong with it."""
        if column is not None:
            self._db.execute(f"""
                insert into facts by name
                select {source.number} as file, line, '{channel}' as channel,
                    {problem} || {_of(column)} as problem
                from cells where problem is not null
            """)

    def _add_facts(
        self, source: Source, column: Column | None, kind: str, time: Column | None
    ) -> None:
        """What a column says (of a list, that a row is in it), and when. kind: an expression."""
        fact = column.fact if column else None
        cells, channel = "cells", "channel"
        header = _literal(column.header) if column else "null"
        if column is not None and column.channel is not None:
            channel = _literal(column.channel)
        if fact in _KIND:
            # Of reasons a cell may have several.
            separators = "[,;|]" if fact == "suppression" else "$."
            words = f"unnest(string_split_regex({_cell(column)}, '{separators}'))"
            cells = f"(select *, {words} as word, {_cell(time)} as at_text from cells)"
            cells += " left join words on known = a_word(word)"
        self._db.execute(f"""
            insert into facts by name
            select {source.number} as file, line, header: {header},
                channel: {channel}, kind: {kind}, is_word: {fact in _KIND},
                said_at: known_instant({_instant(time)}),
                problem: coalesce(
                    if(kind is null, 'unreadable status' || {_of(column)}, null),
                    {_time_problem(time)} || {_of(time)},
                    if({channel} = 'unknown', 'unknown channel', null)
                )
            from {cells} where kind is distinct from ''
        """)

    def _styles(self, layout: Layout) -> dict[int, str]:
        """How each column writes its dates, by its position: serial, dmy, mdy; '' where none fits.

        Dates with day and month in either order are read in one only where all values of the column
        can be read so, and not all in the other; days of a spreadsheet only where all are such.
        """
        styles = {}
        for column in layout.times:
            total, serial, dmy, mdy = self._row(
                "select count(*), count(*) filter (is_serial_day(cell)),"
                " count(*) filter (is_slashed_in_full(cell) and a_dmy(slashed(cell)) is not null),"
                " count(*) filter (is_slashed_in_full(cell) and a_mdy(slashed(cell)) is not null)"
                f" from (select {_cell(column)} as cell from texts) where not is_no_time(cell)"
            )
            found = "dmy" if dmy == total > mdy else "mdy" if mdy == total > dmy else ""
            style = {None: found, "iso": ""}.get(self._dates, str(self._dates))
            styles[column.position] = "serial" if serial == total > 0 else style
        return styles

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


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None, microsecond=0)


def _script(name: str) -> str:
    return files("sync.backfill").joinpath(name).read_text(encoding="utf-8")
