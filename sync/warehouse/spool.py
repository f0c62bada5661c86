"""One destination's deltas, read once and kept in a local file: what is planned is what is sent.

One evaluation of `sync_deltas`, however long the run; memory stays flat at any number of rows.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb

from sync.destinations.base import Item
from sync.warehouse.base import ITEM_COLUMNS, Warehouse

_PREFIX = "contact-sync-"


@dataclass(frozen=True, slots=True)
class DeltaCount:
    """How many deltas of one destination row share an action and a reason."""

    channel: str
    scope: str
    action: str
    reason: str
    items: int


class Spool:
    """A snapshot of one destination's deltas. A context manager: the file is deleted at the end."""

    def __init__(
        self,
        warehouse: Warehouse,
        destination: str,
        *,
        limit: int | None = None,
        with_policy: bool = True,
        plan_hash: str | None = None,
    ) -> None:
        """limit: the first so many, in the order of delivery.

        with_policy: releases that no event explains are in it. plan_hash: what earlier runs under
        this hash recorded stays part of the set, so that a plan that was cut off can be resumed.
        """
        _sweep()
        self.destination = destination
        self._directory = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        self._connection = duckdb.connect(config={"memory_limit": "256MB", "threads": 1})
        try:
            if plan_hash:
                self._export_recorded(warehouse, plan_hash)
            self._export_deltas(warehouse, limit, with_policy, recorded=bool(plan_hash))
        except BaseException:
            self.close()
            raise

    def _export_recorded(self, warehouse: Warehouse, plan_hash: str) -> None:
        path = self._directory / "recorded.parquet"
        # One that failed is pending again, and is counted there.
        warehouse.export(
            """
            select distinct delta_id from {raw}.sync_ledger
            where destination = @destination
                and run_id in (select run_id from {raw}.sync_runs where plan_hash = @plan_hash)
                and delta_id not in (
                    select delta_id from {marts}.sync_deltas where destination = @destination
                )
            """,
            path,
            {"destination": self.destination, "plan_hash": plan_hash},
        )
        self._connection.read_parquet(str(path)).create_view("recorded")

    def _export_deltas(
        self, warehouse: Warehouse, limit: int | None, with_policy: bool, *, recorded: bool
    ) -> None:
        path = self._directory / "deltas.parquet"
        parameters: dict[str, object] = {
            "destination": self.destination,
            "left_out": "" if with_policy else "policy",
        }
        ending = ""
        if limit is not None:
            done = self._one("select count(*) from recorded") if recorded else 0
            ending = "limit @limit"
            parameters["limit"] = max(limit - done, 0)
        warehouse.export(
            f"""
            select {", ".join(ITEM_COLUMNS)} from {{marts}}.sync_deltas
            where destination = @destination and reason <> @left_out
            order by priority, event_timestamp, delta_id
            {ending}
            """,
            path,
            parameters,
        )
        self._connection.read_parquet(str(path)).create_view("deltas")
        if not recorded:
            self._connection.execute(
                "create view recorded as select delta_id from deltas where false"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Deletes the file."""
        self._connection.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def counts(self) -> list[DeltaCount]:
        """The deltas by destination row, action and reason, in the order of delivery."""
        found = self._connection.execute(
            """
            select channel, scope, action, reason, count(*) from deltas
            group by channel, scope, action, reason
            order by channel, scope, min(priority), action, reason
            """
        ).fetchall()
        return [DeltaCount(*row) for row in found]

    def fingerprint(self) -> tuple[int, int]:
        """Size and order-free hash of the set of delta_ids, recorded ones included."""
        sql = """
            select count(*), coalesce(bit_xor(md5_number(delta_id)), 0)
            from (select delta_id from deltas union all select delta_id from recorded)
        """
        size, digest = self._connection.execute(sql).fetchall()[0]
        return int(size), int(digest)

    def pages(self, size: int) -> Iterator[list[Item]]:
        """The deltas in the order of delivery, so many at a time."""
        cursor = self._connection.cursor().execute(f"select {', '.join(ITEM_COLUMNS)} from deltas")
        while rows := cursor.fetchmany(size):
            yield [Item._make(row) for row in rows]

    def _one(self, sql: str) -> int:
        return int(self._connection.execute(sql).fetchall()[0][0])


def _sweep() -> None:
    """Deletes what killed runs left behind: the files hold addresses."""
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        owner = directory.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not is_alive(int(owner)):
            shutil.rmtree(directory, ignore_errors=True)


def is_alive(pid: int) -> bool:
    """Whether this machine runs a process of that id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def pending_counts(
    warehouse: Warehouse, destination: str, *, with_policy: bool
) -> list[DeltaCount]:
    """All that is pending for a destination, whatever a limit leaves of it.

    The guard judges it whole: a release of everybody is no better in small portions.
    """
    with Spool(warehouse, destination, with_policy=with_policy) as everything:
        return everything.counts()
