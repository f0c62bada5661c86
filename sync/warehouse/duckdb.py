"""The DuckDB file that dbt builds, shared with it by short connections."""

from __future__ import annotations

import dataclasses
import logging
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from sync.destinations.base import Item
from sync.errors import ConfigError, ProfileError, SyncError, WarehouseBusy, WarehouseMissing
from sync.profile import Target, landing_directory
from sync.retries import retry_context
from sync.warehouse.base import (
    LEDGER_COLUMNS,
    RUN_COLUMNS,
    LedgerRow,
    RunRow,
    Table,
    named_parameters,
)

log = logging.getLogger(__name__)

# Seconds: losing the record of a call costs more than waiting for a build.
_LONGEST_TO_WRITE = 600.0
_LEDGER_TYPES = {
    "event_timestamp": "timestamp",
    "http_status": "bigint",
    "attempts": "bigint",
    "pushed_at": "timestamp",
}


# Locks of this process, by file: the operating system keeps out other processes only, and drops
# their lock as soon as any thread of this one closes the file.
_LOCKS: dict[Path, threading.RLock] = {}


def _lock_of(path: Path) -> threading.RLock:
    return _LOCKS.setdefault(path.absolute(), threading.RLock())


class DuckDbWarehouse:
    """Implements Warehouse.

    A process has one connection to a file at a time, open only while it is needed.
    """

    is_shared = False

    def __init__(
        self,
        path: Path,
        *,
        marts: str = "main",
        raw: str = "raw",
        read_only: bool = False,
        patience: tuple[float, float] = (30.0, _LONGEST_TO_WRITE),
    ) -> None:
        """patience: seconds to wait, to read and to write, while another process has the file.

        A build holds it for its whole run.
        """
        self._patience_to_read, self._patience_to_write = patience
        self.path = path
        self._marts = marts
        self._raw = raw
        self._read_only = read_only
        self._lock = _lock_of(path)
        self._session: duckdb.DuckDBPyConnection | None = None

    @classmethod
    def from_target(cls, target: Target, *, read_only: bool, wait: timedelta) -> DuckDbWarehouse:
        """The file that the target's `path` names, from the working directory as for dbt."""
        given = target.settings.get("path", ":memory:")
        if (
            not isinstance(given, str)
            or given == ":memory:"
            or "://" in given
            or given.startswith("md:")
        ):
            raise ProfileError(
                f"Target {target.name!r}: path {given!r} is not a file. contact-sync needs a "
                "DuckDB file, set by CONTACT_SYNC_DUCKDB in the example profile."
            )
        path = Path.cwd() / given
        patience = (wait.total_seconds(), max(wait.total_seconds(), _LONGEST_TO_WRITE))
        return cls(path, marts=target.schema, read_only=read_only, patience=patience)

    def at(self, path: Path) -> DuckDbWarehouse:
        """The same warehouse in another file, to read."""
        patience = (self._patience_to_read, self._patience_to_write)
        return DuckDbWarehouse(
            path, marts=self._marts, raw=self._raw, read_only=True, patience=patience
        )

    @property
    def schema(self) -> str:
        """See Warehouse."""
        return self._marts

    def local_files(self) -> list[Path]:
        """See Warehouse."""
        return [self.path, landing_directory()]

    @contextmanager
    def session(self, *, patient: bool = False) -> Iterator[None]:
        """See Warehouse."""
        patience = self._patience_to_write if patient else self._patience_to_read
        with self._connect(patience) as connection:
            before, self._session = self._session, connection
            try:
                yield
            finally:
                self._session = before

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """See Warehouse."""
        with self._connect(self._patience_to_read) as connection:
            result = connection.execute(self._text(sql), dict(parameters or {}))
            names = [column[0] for column in result.description or ()]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """See Warehouse."""
        with self._connect(self._patience_to_write) as connection:
            connection.execute(self._text(sql), dict(parameters or {}))

    def tables(self) -> list[Table]:
        """See Warehouse."""
        found = self.rows(
            """
            select table_schema, table_name, list(column_name) as texts
            from information_schema.columns
            inner join information_schema.tables using (table_catalog, table_schema, table_name)
            where
                table_type = 'BASE TABLE'
                and data_type = 'VARCHAR'
                and table_catalog = current_database()
            group by table_schema, table_name
            order by table_schema, table_name
            """
        )
        places = {self._marts: "marts", self._raw: "raw"}
        return [
            Table(places[row["table_schema"]], row["table_name"], frozenset(row["texts"]))
            for row in found
            if row["table_schema"] in places
        ]

    def compact(self) -> None:
        """See Warehouse. Blocks that were freed keep their bytes, so the file is written anew."""
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
        with self._connect(self._patience_to_write) as connection:
            try:
                connection.execute("checkpoint")
                here = connection.execute("select current_database()").fetchall()[0][0]
                connection.execute(f"attach '{_quoted(fresh)}' as fresh")
                connection.execute(f'copy from database "{here}" to fresh')
                connection.execute("detach fresh")
                shutil.copymode(self.path, fresh)
                # While this connection holds the old file, nobody else can write to it.
                fresh.replace(self.path)
                self.path.with_name(f"{self.path.name}.wal").unlink(missing_ok=True)
            finally:
                fresh.unlink(missing_ok=True)

    def rows_of_each(
        self, queries: Sequence[str], parameters: Mapping[str, Any] | None = None
    ) -> list[list[dict[str, Any]]]:
        """See Warehouse."""
        return [self.rows(sql, named_parameters(sql, parameters)) for sql in queries]

    def export(self, sql: str, path: Path, parameters: Mapping[str, Any] | None = None) -> None:
        """See Warehouse."""
        target = str(path).replace("'", "''")
        statement = f"copy ({self._text(sql)}) to '{target}' (format parquet)"
        with self._connect(self._patience_to_read) as connection:
            # What does not fit is sorted on disk, in a folder beside the database.
            connection.execute("set memory_limit = '512MB'")
            try:
                connection.execute(statement, dict(parameters or {}))
            except duckdb.OutOfMemoryException:
                # Joins of millions of deltas need more: then as much as DuckDB takes by itself.
                connection.execute("reset memory_limit")
                connection.execute(statement, dict(parameters or {}))

    def still_pending(self, items: Sequence[Item]) -> set[str]:
        """See Warehouse."""
        if not items:
            return set()
        sql = """
            select delta_id from {marts}.sync_deltas
            where destination = @destination and delta_id in (select unnest(@ids::varchar[]))
        """
        parameters = {
            "destination": items[0].destination,
            "ids": [item.delta_id for item in items],
        }
        with self._connect(self._patience_to_write) as connection:
            found = connection.execute(self._text(sql), parameters).fetchall()
        return {row[0] for row in found}

    def append_ledger(self, rows: Sequence[LedgerRow]) -> None:
        """See Warehouse."""
        if not rows:
            return
        expressions: list[str] = []
        parameters: list[Any] = []
        for name, values in zip(LEDGER_COLUMNS, zip(*rows, strict=True), strict=True):
            kind = _LEDGER_TYPES.get(name, "varchar")
            mark = f"${len(parameters) + 1}::{kind}"
            # Handing a list over costs most of the time, and most columns of a batch are one value.
            if name != "delta_id" and values.count(values[0]) == len(values):
                expressions.append(mark)
                parameters.append(values[0])
            else:
                expressions.append(f"unnest({mark}[])")
                parameters.append(list(values))
        sql = (
            f"insert into {{raw}}.sync_ledger ({', '.join(LEDGER_COLUMNS)})"
            f" select {', '.join(expressions)}"
        )
        with self._connect(self._patience_to_write) as connection:
            connection.execute(self._text(sql), parameters)

    def append_ledger_file(self, path: Path) -> None:
        """See Warehouse."""
        columns = ", ".join(LEDGER_COLUMNS)
        sql = f"insert into {{raw}}.sync_ledger ({columns}) select {columns} from read_parquet($1)"
        with self._connect(self._patience_to_write) as connection:
            connection.execute(self._text(sql), [str(path)])

    def append_runs(self, rows: Sequence[RunRow]) -> None:
        """See Warehouse."""
        if rows:
            with self._connect(self._patience_to_write) as connection:
                self._insert_runs(connection, rows)

    def take_locks(
        self, rows: Sequence[RunRow], is_no_rival: Callable[[str], bool]
    ) -> dict[str, RunRow]:
        """See Warehouse."""
        # No other process can open the file while this connection is open: reading and adding are
        # one step, and need no lock file of their own.
        with self._connect(self._patience_to_read) as connection:
            holders: dict[str, RunRow] = {}
            for row in rows:
                for other in self._live_others(connection, row):
                    if not is_no_rival(other.run_id):
                        holders[row.destination] = other
            free = [row for row in rows if row.destination not in holders]
            if free:
                self._insert_runs(connection, free)
        return holders

    def _live_others(self, connection: duckdb.DuckDBPyConnection, row: RunRow) -> list[RunRow]:
        sql = f"""
            select {", ".join(RUN_COLUMNS)} from {{raw}}.sync_runs
            where destination = $destination and run_id <> $run_id
            qualify row_number() over (
                partition by run_id order by ended_at is not null desc, expires_at desc
            ) = 1
        """
        parameters = {"destination": row.destination, "run_id": row.run_id}
        found = connection.execute(self._text(sql), parameters).fetchall()
        now = datetime.now(UTC).replace(tzinfo=None)
        others = [RunRow(*values) for values in found]
        return [other for other in others if other.status == "running" and other.expires_at > now]

    def _insert_runs(self, connection: duckdb.DuckDBPyConnection, rows: Sequence[RunRow]) -> None:
        marks = ", ".join("?" for _ in RUN_COLUMNS)
        sql = (
            f"insert into {{raw}}.sync_runs ({', '.join(RUN_COLUMNS)})"
            f" values {', '.join(f'({marks})' for _ in rows)}"
        )
        values = [value for row in rows for value in dataclasses.astuple(row)]
        connection.execute(self._text(sql), values)

    def _text(self, sql: str) -> str:
        text = sql.replace("{marts}", f'"{self._marts}"').replace("{raw}", f'"{self._raw}"')
        # BigQuery's way to say "among the values of a list"; here it takes a subquery.
        text = re.sub(r"\bin unnest\(@(\w+)\)", r"in (select unnest($\1))", text)
        return re.sub(r"@(\w+)", r"$\1", text)

    @contextmanager
    def _connect(self, patience: float) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection; waits up to `patience` seconds while another process holds the file."""
        with self._lock:
            connection = self._session or self._open(patience)
            try:
                yield connection
            except duckdb.CatalogException as error:
                raise WarehouseMissing(
                    f"{self.path} lacks a table that dbt makes ({_first_line(error)}). "
                    "Run `dbt build` (after an upgrade `dbt build --full-refresh`), then retry."
                ) from None
            except duckdb.BinderException as error:
                raise WarehouseMissing(
                    f"{self.path} was made by another version ({_first_line(error)}). "
                    "Run `dbt build --full-refresh`, then retry."
                ) from None
            except duckdb.Error as error:
                raise SyncError(f"{self.path}: {_first_line(error)}") from None
            finally:
                if connection is not self._session:
                    connection.close()

    def _open(self, patience: float) -> duckdb.DuckDBPyConnection:
        if not self.path.is_file():
            # Connecting would create an empty one.
            raise WarehouseMissing(
                f"There is no DuckDB file at {self.path}. Run `dbt build` first, or set "
                "CONTACT_SYNC_DUCKDB to the file that it makes."
            )
        try:
            for attempt in retry_context(
                on=_is_locked,
                attempts=None,
                timeout=max(patience, 0.01),
                wait_initial=0.02,
                wait_max=1.0,
                wait_jitter=0.05,
            ):
                with attempt:
                    try:
                        connection = duckdb.connect(str(self.path), read_only=self._read_only)
                    except duckdb.Error as error:
                        if attempt.num == 6 and _is_locked(error):
                            log.warning("Waits for %s, which has %s open.", _who(error), self.path)
                        raise
        except duckdb.Error as error:
            if not _is_locked(error):
                raise ConfigError(f"{self.path} cannot be opened: {_first_line(error)}") from None
            raise WarehouseBusy(
                f"{self.path} is in use by {_who(error)} for more than {patience:.0f} s. "
                "A dbt build holds it while it runs: retry when it has ended."
            ) from None
        connection.execute("set TimeZone = 'UTC'")
        return connection


def who_holds(path: Path) -> str | None:
    """The program that has a file open and keeps readers out; None where they come in."""
    try:
        duckdb.connect(str(path), read_only=True).close()
    except duckdb.IOException as error:
        return _who(error) if _is_locked(error) else None
    return None


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _who(error: Exception) -> str:
    """Who holds the file, as DuckDB says."""
    if "Unique file handle conflict" in str(error):
        return "another thread of this process"
    holder = re.search(r"held in (.*?) \(PID (\d+)\)", str(error))
    return f"process {holder[2]} ({holder[1]})" if holder else "another process"


def _is_locked(error: Exception) -> bool:
    if "Unique file handle conflict" in str(error):
        # Another thread, of a push to another platform, opens or closes the file right now.
        return True
    return isinstance(error, duckdb.IOException) and "Could not set lock" in str(error)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
