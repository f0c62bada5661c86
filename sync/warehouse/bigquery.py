"""The BigQuery datasets that dbt builds.

Reads are queries; ledger and run rows are written by INSERT, whose number per day has no limit, and
which is all or nothing and seen by the next query (docs/bigquery.md weighs the ways, with quotas).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from google.cloud import bigquery

from sync.destinations.base import Item
from sync.profile import Target
from sync.warehouse.base import (
    LEDGER_COLUMNS,
    RUN_COLUMNS,
    LedgerRow,
    RunRow,
    Table,
    named_parameters,
)
from sync.warehouse.bigquery_queries import Parameter, Queries, parameters_of, row_values
from sync.warehouse.claims import Claims, Live

# Rows of one page: what is in memory at once.
_PAGE = 10_000
# A request may have 10 MB, quotes and all; more goes in parts.
_MOST_BYTES = 6_000_000
# Queries that run side by side.
_SIDE_BY_SIDE = 8
# For so long a statement is repeated while BigQuery fails, in seconds. Losing the record of a call
# costs more than waiting; a lock must be renewed, or known to be lost, before it expires.
_TO_READ, _TO_WRITE, _TO_LOCK = 60.0, 600.0, 15.0
# A table takes 25 DML statements every 10 s, those of all processes together.
_SECONDS_PER_APPEND = 1.0

_LEDGER_TYPES = {
    "event_timestamp": "TIMESTAMP",
    "http_status": "INT64",
    "attempts": "INT64",
    "pushed_at": "TIMESTAMP",
}
_RUN_TEXTS = ("run_id", "destination", "status", "plan_hash")
_RUN_INSTANTS = ("started_at", "ended_at")


# A dataset whose process was killed: its tables are gone after a day, in milliseconds.
_SHORT_LIFE = 24 * 3600 * 1000


@contextmanager
def short_lived_dataset(target: Target) -> Iterator[None]:
    """The target's dataset, made for the time of the block. Raises what the warehouse raises."""
    queries = Queries.of_target(target)
    with queries.explained():
        queries.create_dataset(_SHORT_LIFE)
    try:
        yield
    finally:
        with queries.explained():
            queries.delete_dataset()


class BigQueryWarehouse:
    """Implements Warehouse."""

    is_shared = True

    @property
    def schema(self) -> str:
        """See Warehouse."""
        return self._queries.dataset

    def local_files(self) -> list[Path]:
        """See Warehouse."""
        return []

    def __init__(
        self, queries: Queries, *, seconds_per_append: float = _SECONDS_PER_APPEND
    ) -> None:
        """seconds_per_append: at least, between two appends to the ledger by this process."""
        self._queries = queries
        self._pace = _Pace(seconds_per_append)
        self._claims = Claims(self._live_runs, self._insert_runs)

    @classmethod
    def from_target(cls, target: Target) -> BigQueryWarehouse:
        """The datasets of a target, reached as dbt reaches them."""
        return cls(Queries.of_target(target))

    @contextmanager
    def session(self, *, patient: bool = False) -> Iterator[None]:  # noqa: ARG002
        """See Warehouse. Nobody is kept out here, so there is nothing to hold."""
        yield

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """See Warehouse."""
        with self._queries.explained():
            found = self._queries.run(sql, parameters_of(parameters), patience=_TO_READ)
            return [row_values(row) for row in found]

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """See Warehouse."""
        with self._queries.explained():
            self._queries.run(sql, parameters_of(parameters), patience=_TO_WRITE)

    def tables(self) -> list[Table]:
        """See Warehouse."""
        with self._queries.explained():
            return list(self._queries.tables())

    def compact(self) -> None:
        """See Warehouse. BigQuery keeps what was deleted for its time travel (7 days), then not."""

    def rows_of_each(
        self, queries: Sequence[str], parameters: Mapping[str, Any] | None = None
    ) -> list[list[dict[str, Any]]]:
        """See Warehouse."""
        named = [named_parameters(sql, parameters) for sql in queries]
        with ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="query") as pool:
            return list(pool.map(self.rows, queries, named))

    def export(self, sql: str, path: Path, parameters: Mapping[str, Any] | None = None) -> None:
        """See Warehouse. Page by page: memory does not grow with the result."""
        with self._queries.explained():
            found = self._queries.run(
                sql, parameters_of(parameters), patience=_TO_READ, page_size=_PAGE
            )
            pages = iter(found.to_arrow_iterable())
            first = next(pages, None)
            if first is None:
                pq.write_table(_naive_table(found.to_arrow(create_bqstorage_client=False)), path)
                return
            table = _naive_table(pa.Table.from_batches([first]))
            with pq.ParquetWriter(path, table.schema) as file:
                file.write_table(table)
                for page in pages:
                    file.write_table(_naive_table(pa.Table.from_batches([page])))

    def still_pending(self, items: Sequence[Item]) -> set[str]:
        """See Warehouse."""
        if not items:
            return set()
        sql = """
            select delta_id from {marts}.sync_deltas
            where destination = @destination and delta_id in unnest(@ids)
        """
        parameters = {
            "destination": items[0].destination,
            "ids": [item.delta_id for item in items],
        }
        with self._queries.explained():
            found = self._queries.run(sql, parameters_of(parameters), patience=_TO_WRITE)
            return {row["delta_id"] for row in found}

    def append_ledger(self, rows: Sequence[LedgerRow]) -> None:
        """See Warehouse. All or none of up to 6 MB of text, which is some 25,000 rows."""
        if not rows:
            return
        text, expressions, parameters = _compact(rows)
        if len(text.encode()) > _MOST_BYTES and len(rows) > 1:
            middle = len(rows) // 2
            self.append_ledger(rows[:middle])
            self.append_ledger(rows[middle:])
            return
        sql = (
            f"insert into {{raw}}.sync_ledger ({', '.join(LEDGER_COLUMNS)})"
            f" select {', '.join(expressions)} from unnest(json_query_array(@items)) as item"
        )
        parameters.append(bigquery.ScalarQueryParameter("items", "STRING", text))
        with self._queries.explained():
            self._pace.wait()
            self._queries.run(sql, parameters, patience=_TO_WRITE)

    def append_ledger_file(self, path: Path) -> None:
        """See Warehouse. All or none of some 25,000 rows."""
        self.append_ledger([LedgerRow(**row) for row in pq.read_table(path).to_pylist()])

    def append_runs(self, rows: Sequence[RunRow]) -> None:
        """See Warehouse."""
        if rows:
            with self._queries.explained():
                self._insert_runs(rows)

    def take_locks(
        self, rows: Sequence[RunRow], is_no_rival: Callable[[str], bool]
    ) -> dict[str, RunRow]:
        """See Warehouse."""
        with self._queries.explained():
            return self._claims.take(rows, is_no_rival) if rows else {}

    def _live_runs(self, destinations: Sequence[str]) -> list[Live]:
        # A row that ends a run expires as it is written, so a day's expiries tell all.
        sql = f"""
            select {", ".join(RUN_COLUMNS)}, current_timestamp() as now
            from (
                select * from {{raw}}.sync_runs
                where destination in unnest(@destinations)
                    and expires_at > timestamp_sub(current_timestamp(), interval 1 day)
                qualify row_number() over (
                    partition by run_id, destination
                    order by ended_at is not null desc, expires_at desc
                ) = 1
            )
            where status = 'running' and expires_at > current_timestamp()
        """
        parameters = parameters_of({"destinations": list(destinations)})
        found: list[Live] = []
        for row in self._queries.run(sql, parameters, patience=_TO_LOCK):
            values = row_values(row)
            now = values.pop("now")
            found.append(Live(RunRow(**values), now))
        return found

    def _insert_runs(self, rows: Sequence[RunRow]) -> None:
        """Leases run by BigQuery's clock, from when the statement runs."""
        parameters: list[Parameter] = []
        tuples: list[str] = []
        for number, row in enumerate(rows):
            marks: list[str] = []
            for name in RUN_COLUMNS:
                mark = f"{name}_{number}"
                value, kind = getattr(row, name), "INT64"
                expression = f"@{mark}"
                if name in _RUN_TEXTS:
                    kind = "STRING"
                elif name in _RUN_INSTANTS:
                    kind = "TIMESTAMP"
                elif name == "expires_at":
                    value = _lease(row) // timedelta(microseconds=1)
                    expression = f"timestamp_add(current_timestamp(), interval @{mark} microsecond)"
                marks.append(expression)
                parameters.append(bigquery.ScalarQueryParameter(mark, kind, value))
            tuples.append(f"({', '.join(marks)})")
        sql = f"insert into {{raw}}.sync_runs ({', '.join(RUN_COLUMNS)}) values {', '.join(tuples)}"
        self._queries.run(sql, parameters, patience=_TO_LOCK)


def _compact(rows: Sequence[LedgerRow]) -> tuple[str, list[str], list[Parameter]]:
    """The rows as JSON of what differs between them, an expression per column, the constants.

    One text is a quarter of the size of an array of structs, whose every value names its field.
    """
    expressions: list[str] = []
    parameters: list[Parameter] = []
    varying: list[Sequence[Any]] = []
    for name, values in zip(LEDGER_COLUMNS, zip(*rows, strict=True), strict=True):
        kind = _LEDGER_TYPES.get(name, "STRING")
        if values.count(values[0]) == len(values):
            expressions.append(f"@{name}")
            parameters.append(bigquery.ScalarQueryParameter(name, kind, values[0]))
            continue
        value = f"json_value(item, '$[{len(varying)}]')"
        expressions.append(value if kind == "STRING" else f"cast({value} as {kind.lower()})")
        varying.append([_text(value) for value in values] if kind == "TIMESTAMP" else values)
    items = list(zip(*varying, strict=True)) if varying else [()] * len(rows)
    text = json.dumps(items, ensure_ascii=False, separators=(",", ":"))
    return text, expressions, parameters


def _text(instant: datetime | None) -> str | None:
    if instant is None:
        return None
    return instant.isoformat(sep=" ", timespec="microseconds") + "+00:00"


def _lease(row: RunRow) -> timedelta:
    """How long the row holds its destination."""
    return row.expires_at - (row.ended_at or datetime.now(UTC).replace(tzinfo=None))


def _naive_table(table: pa.Table) -> pa.Table:
    """Instants as naive UTC."""
    for number, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type) and field.type.tz is not None:
            naive = table.column(number).cast(pa.timestamp(field.type.unit))
            table = table.set_column(number, field.name, naive)
    return table


class _Pace:
    """Lets one thread at a time pass, so many seconds apart."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Waits for this thread's turn."""
        with self._lock:
            turn = max(self._next, time.monotonic())
            self._next = turn + self._seconds
        time.sleep(max(turn - time.monotonic(), 0.0))
