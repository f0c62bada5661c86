"""Compares what should be on a platform's lists, what the ledger knows, and what is there.

It never releases: what is there and should not be is shown, or taken over as an event.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import duckdb

from sync.addresses import normalizer
from sync.delivery.plan import UNKNOWN
from sync.destinations.base import Entry
from sync.errors import SyncError, UnknownScope
from sync.landing import Statement
from sync.lists.reading import Reader, Row, statement_of
from sync.progress import QUIET, Steps
from sync.scratch import new_folder
from sync.terminal import csv_cells
from sync.warehouse.base import ITEM_COLUMNS, Warehouse

_SQL = Path(__file__).with_name("reconcile.sql")
_EXAMPLES = 3
# In the local file: an empty text is a value, the scope of a platform with one list.
_NULL = "\\N"
_COLUMNS = (
    "channel", "scope", "address", "listed_in", "since", "topic", "platform_id", "is_placement",
)  # fmt: skip

#: What each kind of difference means, in the order in which they are shown.
KINDS: Mapping[str, str] = {
    "missing": "should be there, and was not sent yet",
    "removed": "was put there by us, and somebody took it off",
    "reason_differs": "is there, filed under another reason",
    "foreign": "is there, and nothing on record stops it: --adopt lands it as an event",
    "list_deleted": "the list itself is not there",
}


class Difference(NamedTuple):
    """How many rows of one kind, and the first few addresses."""

    channel: str
    scope: str
    kind: str
    items: int
    examples: Sequence[str]


@dataclass(slots=True)
class Comparison:
    """What was found. entries: read at the platform; wanted: that should be there.

    forgotten: entries of people who were forgotten. unread: rows whose list could not be read, and
    why: they are not compared.
    unknown: keys that a call without an answer left in an unknown state.
    """

    destination: str
    entries: int = 0
    wanted: int = 0
    forgotten: int = 0
    unknown: int = 0
    unread: Mapping[Row, SyncError] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)

    @property
    def items(self) -> int:
        """All differences."""
        return sum(difference.items for difference in self.differences)

    def of_kind(self, *kinds: str) -> int:
        """How many differences are of these kinds."""
        return sum(one.items for one in self.differences if one.kind in kinds)


class Reconciliation:
    """A comparison in a local database. A context manager: the files are deleted at the end."""

    def __init__(self, warehouse: Warehouse, name: str, rows: Sequence[Row]) -> None:
        """rows: the destination rows whose lists are compared."""
        self._warehouse = warehouse
        self._name = name
        self._rows = rows
        self._directory = new_folder()
        self._connection = duckdb.connect(config={"memory_limit": "512MB", "threads": 2})
        self._connection.execute(f"set temp_directory = '{self._directory / 'spill'}'")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def compare(
        self, reader: Reader, advance: Callable[[int], None], steps: Steps = QUIET
    ) -> Comparison:
        """Reads both sides and compares them. Raises what reading the platform raises."""
        found = Comparison(self._name)
        steps.begin("reading what should be there")
        with self._warehouse.session():
            self._load_ours()
            unknown = self._warehouse.rows(UNKNOWN)
            found.unknown = sum(row["items"] for row in unknown if row["destination"] == self._name)
        steps.begin(f"reading the entries of {self._name}")
        deleted = self._load_theirs(reader, advance)
        steps.begin("comparing")
        self._connection.execute(_SQL.read_text(encoding="utf-8"))
        found.entries = self._count("entries")
        found.wanted = self._count("wanted")
        found.unread = {row: error for row, error in reader.unread.items() if row not in deleted}
        found.forgotten = reader.forgotten
        found.differences = self._differences()
        found.differences += [
            Difference(row.channel, row.scope, "list_deleted", 1, [text])
            for row, text in deleted.items()
        ]
        return found

    def missing(self) -> Path:
        """A Parquet file of the deltas that would put there what is missing."""
        path = self._directory / "missing.parquet"
        columns = ", ".join(ITEM_COLUMNS)
        self._connection.execute(
            f"copy (select {columns} from wanted where is_missing order by priority,"
            f" event_timestamp, delta_id) to '{path}' (format parquet)"
        )
        return path

    def foreign(self) -> Iterator[Statement]:
        """What is there and unknown to us, as statements of the platform."""
        cursor = self._connection.cursor().execute(
            "select channel, address, listed_in, cast(since as timestamp), topic, platform_id"
            " from entries where is_foreign order by all"
        )
        while found := cursor.fetchmany(1000):
            for values in found:
                yield statement_of(self._name, Entry(*values))

    def write(self, path: Path) -> int:
        """Writes every difference to a CSV file that others cannot read; gives how many."""
        cursor = self._connection.execute(
            "select kind, channel, scope, address, listed_in, since, reason, event_id"
            " from differences order by all"
        )
        names = [column[0] for column in cursor.description or ()]
        path.touch(mode=0o600)
        written = 0
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(names)
            while found := cursor.fetchmany(1000):
                writer.writerows(csv_cells(row) for row in found)
                written += len(found)
        return written

    def _load_ours(self) -> None:
        for table, sql in _OURS.items():
            path = self._directory / f"{table}.parquet"
            self._warehouse.export(sql, path, {"name": self._name})
            self._connection.read_parquet(str(path)).create_view(f"our_{table}")
        self._connection.execute("create table compared (channel varchar, scope varchar)")
        self._connection.executemany("insert into compared values (?, ?)", [*self._rows])

    def _load_theirs(self, reader: Reader, advance: Callable[[int], None]) -> dict[Row, str]:
        """Reads the platform's lists; gives the rows whose list is not there, and why."""
        path = self._directory / "entries.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            for row, entry in reader.read(self._rows, advance):
                writer.writerow([*_line(row, entry), reader.is_placement(entry)])
        self._connection.execute(
            f"create view their_entries as select * from read_csv('{path}', all_varchar = true,"
            f" header = true, nullstr = '{_NULL}', quote = '\"', delim = ',',"
            " max_line_size = 1000000)"
        )
        errors = reader.unread
        deleted = {row: str(e) for row, e in errors.items() if isinstance(e, UnknownScope)}
        if len(errors) == len(self._rows) and not deleted:
            raise errors[self._rows[0]]
        for row in errors:
            # Nothing of a list that is gone, or was not read to its end, is missing from it.
            self._connection.execute("delete from compared where channel = ? and scope = ?", [*row])
        return deleted

    def _count(self, table: str) -> int:
        return int(self._connection.execute(f"select count(*) from {table}").fetchall()[0][0])

    def _differences(self) -> list[Difference]:
        rows = self._connection.execute(
            f"""
            select channel, scope, kind, count(*), list(address order by address)[:{_EXAMPLES}]
            from differences group by channel, scope, kind
            """
        ).fetchall()
        found = [Difference(*row) for row in rows]
        order = list(KINDS)
        return sorted(found, key=lambda one: (one.channel, one.scope, order.index(one.kind)))


_OURS = {
    "wanted": f"""
        select {", ".join(ITEM_COLUMNS)}, list_name, known_action from {{marts}}.int_desired_state
        where destination = @name
    """,
    "known": """
        select channel, scope, subject as address, list_name from {marts}.int_synced_state
        where destination = @name and action = 'suppress'
    """,
    "files": """
        select distinct channel, scope, list_name from {marts}.int_destination_lists
        where destination = @name
    """,
}


def _line(row: Row, entry: Entry) -> tuple[Any, ...]:
    since = _NULL if entry.since is None else entry.since.isoformat()
    # No country is assumed: what a platform lists without one may stop nobody there.
    address = normalizer(entry.channel)(entry.address) or entry.address.strip()
    topic, own_id = entry.topic or _NULL, entry.platform_id or _NULL
    return (row.channel, row.scope, address, entry.listed_in, since, topic, own_id)
