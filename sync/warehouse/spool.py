"""The deltas of a run, read once and kept in a local file: what is planned is what is sent.

One evaluation of `sync_deltas` for all destinations, however long the run; memory stays flat at any
number of rows.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from sync.clock import utc_now
from sync.destinations.base import Item
from sync.scratch import new_folder
from sync.warehouse.base import ITEM_COLUMNS, Warehouse

_ORDER = "priority, event_timestamp nulls last, delta_id"
_PLACE = f"row_number() over (partition by destination order by {_ORDER})"
# What failed so lately and is pending is sent apart; if more did, it was the platform that failed.
_LATELY = timedelta(days=2)
_MOST_SUSPECTS = 10_000
# By whether releases that no event explains are in it.
_SENDABLE = {True: "true", False: "reason <> 'policy'"}


@dataclass(frozen=True, slots=True)
class DeltaCount:
    """How many deltas of one destination row share an action and a reason.

    events: how many different events stand behind them (counted of what is pending only).
    """

    channel: str
    scope: str
    action: str
    reason: str
    items: int
    events: int = 0


class Snapshot:
    """The deltas of some destinations. A context manager: the files are deleted at the end."""

    def __init__(
        self,
        warehouse: Warehouse,
        destinations: Sequence[str],
        *,
        limit: int | None = None,
        with_policy: bool = True,
        plan_hash: str | None = None,
        bounds: tuple[str, str] | None = None,
        deltas: Path | None = None,
    ) -> None:
        """deltas: a Parquet file of what to send, in place of `sync_deltas`.

        limit: of each destination the first so many, in the order of delivery.

        bounds: only delta_ids from the first on and before the second.

        with_policy: releases that no event explains are in it. plan_hash: what earlier runs under
        this hash recorded stays part of the set, so that a plan that was cut off can be resumed.
        """
        self._warehouse = warehouse
        self._destinations = list(destinations)
        self._limit = limit
        self._with_policy = with_policy
        self._bounds = bounds
        self._directory = new_folder()
        self._connection = duckdb.connect(config={"memory_limit": "256MB", "threads": 1})
        self._suspects: dict[str, frozenset[str]] = {}
        try:
            self._export_recorded(plan_hash)
            if deltas is None:
                self._export_deltas()
            else:
                self._connection.read_parquet(str(deltas)).create_view("exported")
            self._connection.execute(f"create view deltas as {self._sendable()}")
            self._pending = self._count_pending()
        except BaseException:
            self.close()
            raise

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
        """Deletes the files."""
        self._connection.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def of(self, destination: str) -> Spool:
        """One destination's part."""
        pending = [DeltaCount(*row[1:]) for row in self._pending if row[0] == destination]
        return Spool(
            self._connection,
            destination,
            pending,
            with_policy=self._with_policy,
            suspects=self._suspects.get(destination, frozenset()),
            to_ledger=self._directory / f"{destination}.ledger.parquet",
        )

    def find_suspects(self) -> None:
        """Looks up what a platform was asked for and failed at: a run sends it apart."""
        if not self._destinations:
            return
        path = self._directory / "failed.parquet"
        names, parameters = self._names()
        self._warehouse.export(
            f"""
            select distinct destination, delta_id from {{raw}}.sync_ledger
            where destination in ({names}) and outcome = 'failed' and attempts > 0
                and pushed_at >= @since
            """,
            path,
            {**parameters, "since": utc_now() - _LATELY},
        )
        self._connection.read_parquet(str(path)).create_view("failed")
        found = self._connection.execute(
            f"""
            select destination, list(delta_id) from (
                select deltas.destination, deltas.delta_id from deltas
                semi join failed using (destination, delta_id)
                qualify count(*) over (partition by destination) <= {_MOST_SUSPECTS}
            ) group by destination
            """
        ).fetchall()
        self._suspects = {destination: frozenset(ids) for destination, ids in found}

    def _export_recorded(self, plan_hash: str | None) -> None:
        if plan_hash is None or not self._destinations:
            self._connection.execute(
                "create table recorded (destination varchar, delta_id varchar)"
            )
            return
        path = self._directory / "recorded.parquet"
        names, parameters = self._names()
        # One that failed is pending again, and is counted there.
        self._warehouse.export(
            f"""
            select distinct destination, delta_id from {{raw}}.sync_ledger
            where destination in ({names}) and {self._part(parameters)}
                and outcome not in ('intended', 'unsent')
                and run_id in (select run_id from {{raw}}.sync_runs where plan_hash = @plan_hash)
                and delta_id not in (
                    select delta_id from {{marts}}.sync_deltas where destination in ({names})
                )
            """,
            path,
            {**parameters, "plan_hash": plan_hash},
        )
        self._connection.read_parquet(str(path)).create_view("recorded")

    def _export_deltas(self) -> None:
        path = self._directory / "deltas.parquet"
        names, parameters = self._names()
        chosen = f"destination in ({names}) and {self._part(parameters)}"
        if self._limit is not None:
            chosen += f" and ({_SENDABLE[self._with_policy]}) qualify {_PLACE} <= @limit"
            parameters["limit"] = self._limit
        self._warehouse.export(
            f"""
            select {", ".join(ITEM_COLUMNS)} from {{marts}}.sync_deltas
            where {chosen}
            order by destination, {_ORDER}
            """,
            path,
            parameters,
        )
        self._connection.read_parquet(str(path)).create_view("exported")

    def _sendable(self) -> str:
        if self._limit is None:
            return f"select * from exported where {_SENDABLE[self._with_policy]}"
        # What earlier runs of the plan recorded takes its places under the limit.
        return f"""
            select exported.* from exported
            left join (
                select destination, count(*) as items from recorded group by destination
            ) as done using (destination)
            qualify {_PLACE} <= {int(self._limit)} - coalesce(done.items, 0)
            order by destination, {_ORDER}
        """

    def _count_pending(self) -> list[tuple[Any, ...]]:
        """What is pending by destination, row, action and reason, whatever a limit or part leaves.

        The guard judges it whole: a release of everybody is no better in small portions.
        """
        counts = (
            "select destination, channel, scope, action, reason, count(*) as items,"
            " count(distinct event_id) as events from {0}"
            " where destination in ({1}) group by destination, channel, scope, action, reason"
            " order by destination, channel, scope, min(priority), action, reason"
        )
        names, parameters = self._names()
        if self._limit is None and self._bounds is None:
            # Everything is here: the view need not be evaluated again.
            sql = counts.format("exported", names.replace("@", "$"))
            return self._connection.execute(sql, parameters).fetchall()
        found = self._warehouse.rows(counts.format("{marts}.sync_deltas", names), parameters)
        return [tuple(row.values()) for row in found]

    def _part(self, parameters: dict[str, Any]) -> str:
        """A condition on delta_id, with its parameters added to the others."""
        if self._bounds is None:
            return "true"
        parameters["first_id"], parameters["end_id"] = self._bounds
        return "delta_id >= @first_id and delta_id < @end_id"

    def _names(self) -> tuple[str, dict[str, Any]]:
        """The destinations as a list of parameters, none of them as one that nothing equals."""
        parameters = {f"name_{n}": name for n, name in enumerate(self._destinations or [""])}
        return ", ".join(f"@{name}" for name in parameters), dict(parameters)


class Spool:
    """One destination's part of a snapshot."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        destination: str,
        pending: list[DeltaCount],
        *,
        with_policy: bool,
        suspects: Collection[str],
        to_ledger: Path,
    ) -> None:
        self.destination = destination
        #: The delta_ids of what failed lately, if they are not too many to be at fault.
        self.suspects = suspects
        #: All that is pending and would be sent but for a limit.
        self.pending = [c for c in pending if with_policy or c.reason != "policy"]
        #: Releases that wait for a plan.
        self.held_policy = sum(c.items for c in pending if c.reason == "policy" and not with_policy)
        #: Whether somebody would be freed, now or under a plan.
        self.frees = any(count.action != "suppress" for count in pending)
        self._actions = "true"
        self._connection = connection
        self._to_ledger = to_ledger

    def keep_back_releases(self) -> None:
        """From now on it holds suppressions alone."""
        self._actions = "action = 'suppress'"

    def counts(self) -> list[DeltaCount]:
        """The deltas by destination row, action and reason, in the order of delivery."""
        found = self._connection.execute(
            f"""
            select channel, scope, action, reason, count(*) from deltas
            where destination = ? and {self._actions}
            group by channel, scope, action, reason
            order by channel, scope, min(priority), action, reason
            """,
            [self.destination],
        ).fetchall()
        return [DeltaCount(*row) for row in found]

    def fingerprint(self) -> tuple[int, int]:
        """Size and order-free hash of the set of delta_ids, recorded ones included."""
        sql = """
            select count(*), coalesce(bit_xor(md5_number(delta_id)), 0)
            from (
                select destination, delta_id from deltas
                union all select destination, delta_id from recorded
            )
            where destination = ?
        """
        size, digest = self._connection.execute(sql, [self.destination]).fetchall()[0]
        return int(size), int(digest)

    def pages(self, size: int) -> Iterator[list[Item]]:
        """The deltas in the order of delivery, so many at a time."""
        cursor = self._connection.cursor().execute(
            f"select {', '.join(ITEM_COLUMNS)} from deltas"
            f" where destination = ? and {self._actions}",
            [self.destination],
        )
        while rows := cursor.fetchmany(size):
            yield [Item._make(row) for row in rows]

    def announced(self, first: int, size: int, run_id: str, at: datetime) -> Path:
        """A file of the ledger's rows that say that these suppressions are about to be sent.

        first: how many suppressions come before them in the order of delivery.
        """
        return self._copy(
            "intended", f"limit {int(size)} offset {int(first)}", {"run_id": run_id, "at": at}
        )

    def unsent(self, delta_ids: Collection[str], run_id: str, at: datetime) -> Path:
        """A file of the ledger's rows that say that these suppressions were not sent."""
        named = {"run_id": run_id, "at": at, "delta_ids": list(delta_ids)}
        return self._copy("unsent", "and delta_id in (select unnest($delta_ids))", named)

    def _copy(self, outcome: str, which: str, parameters: Mapping[str, Any]) -> Path:
        self._connection.cursor().execute(
            f"""
            copy (
                select
                    $run_id as run_id, delta_id, destination, channel, scope, address, contact_id,
                    action, reason, event_id, event_timestamp, '{outcome}' as outcome,
                    null::bigint as http_status, null::varchar as error, 0 as attempts,
                    $at::timestamp as pushed_at
                from deltas
                where destination = $destination and action = 'suppress' {which}
            ) to '{self._to_ledger}' (format parquet)
            """,
            {"destination": self.destination, **parameters},
        )
        return self._to_ledger
