"""What the CLI needs of a warehouse. Queries are in the SQL that all engines share.

In every query {marts} stands for the schema of the models, {raw} for that of the raw tables, and
@name for a parameter; values are never pasted. `in unnest(@name)` is among the values of a list,
which is not empty. Timestamps are naive UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from sync.destinations.base import Item


class LedgerRow(NamedTuple):
    """One row of raw.sync_ledger, by the names of its columns.

    event_timestamp: of the event that the item rests on.
    """

    run_id: str
    delta_id: str
    destination: str
    channel: str
    scope: str
    address: str | None
    contact_id: str | None
    action: str
    reason: str
    event_id: str | None
    event_timestamp: datetime | None
    outcome: str
    http_status: int | None
    error: str | None
    attempts: int
    pushed_at: datetime


@dataclass(frozen=True, slots=True)
class RunRow:
    """One row of raw.sync_runs: a run's state for one destination. Appended, never changed."""

    run_id: str
    destination: str
    started_at: datetime
    ended_at: datetime | None
    expires_at: datetime
    status: str
    suppressed: int = 0
    released: int = 0
    subscribed: int = 0
    confirmed: int = 0
    accepted: int = 0
    rejected: int = 0
    absent: int = 0
    failed: int = 0
    plan_hash: str | None = None


def named_parameters(sql: str, parameters: Mapping[str, Any] | None) -> dict[str, Any]:
    """Those of the parameters that the query names: an engine refuses any more."""
    named = set(re.findall(r"@(\w+)", sql))
    return {name: value for name, value in (parameters or {}).items() if name in named}


LEDGER_COLUMNS = LedgerRow._fields
RUN_COLUMNS = tuple(field.name for field in fields(RunRow))
ITEM_COLUMNS = Item._fields


class Table(NamedTuple):
    """A table that holds rows. place: `marts` or `raw`; texts: its columns of text."""

    place: str
    name: str
    texts: frozenset[str]


class Warehouse(Protocol):
    """One per engine. Thread-safe."""

    #: Whether others may take a lock that ran out while this process cannot reach the warehouse.
    is_shared: bool

    @property
    def schema(self) -> str:
        """Where the models are: dbt's schema, BigQuery's dataset."""

    def local_files(self) -> list[Path]:
        """Where it keeps rows on this machine; none for a warehouse that is elsewhere."""

    def session(self, *, patient: bool = False) -> AbstractContextManager[None]:
        """Several calls of this thread share a connection; keeps others out, so for moments only.

        patient: waits longer for another process, as one does who has something to write.
        """

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The whole result of a small query.

        Raises WarehouseMissing where a table is not there, WarehouseBusy where another process
        holds the database, WarehouseUnavailable where it cannot be reached.
        """

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Runs a statement that changes rows. Raises as `rows`."""

    def tables(self) -> list[Table]:
        """Every table of the models and the raw schema; views are none."""

    def compact(self) -> None:
        """Makes sure that deleted rows are in no file of the warehouse that we can reach."""

    def rows_of_each(
        self, queries: Sequence[str], parameters: Mapping[str, Any] | None = None
    ) -> list[list[dict[str, Any]]]:
        """The whole results of small queries, in their order; side by side where that is faster.

        parameters: of all of them; each takes those that it names.
        """

    def export(self, sql: str, path: Path, parameters: Mapping[str, Any] | None = None) -> None:
        """Writes the result of one evaluation of a query, in its order, to a Parquet file."""

    def still_pending(self, items: Sequence[Item]) -> set[str]:
        """Which of these deltas, all of one destination, `sync_deltas` holds now."""

    def append_ledger(self, rows: Sequence[LedgerRow]) -> None:
        """Adds rows to raw.sync_ledger, all or none; the next query sees them."""

    def append_ledger_file(self, path: Path) -> None:
        """Adds the rows of a Parquet file with the ledger's columns, all or none."""

    def append_runs(self, rows: Sequence[RunRow]) -> None:
        """Adds rows to raw.sync_runs, all or none; the next query sees them."""

    def take_locks(
        self, rows: Sequence[RunRow], is_no_rival: Callable[[str], bool]
    ) -> dict[str, RunRow]:
        """Adds those of one run's rows whose destination no other run holds; renews likewise.

        Gives the latest row of each other run that holds one, by destination. Safe between
        processes. A run holds a destination while its latest row says `running` and has not
        expired. is_no_rival: whether a run, by its id, may be passed over: it is known to have
        ended without a word, or sends another part.
        """
