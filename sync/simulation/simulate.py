"""Builds the models as they are and as they would be, and compares who is on which list."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from sync.build import Built, build, dbt_command
from sync.simulation.scratch import Scratch
from sync.warehouse.base import Warehouse

_SQL: Final = files("sync.simulation")
_DESIRED: Final = (_SQL / "desired.sql").read_text(encoding="utf-8")
_CHANGES: Final = (_SQL / "changes.sql").read_text(encoding="utf-8")
# The mart stands above the lists that follow from it.
_FIRST_THE_MART: Final = "case when destination = 'suppression_list' then 0 else 1 end"


@dataclass(frozen=True, slots=True)
class Change:
    """What would change on one list for one reason: so many addresses, of profiles contacts.

    destination: a platform, or `suppression_list`, the mart. first: some of those added or freed,
    with what would become of each.
    """

    destination: str
    channel: str
    scope: str
    reason: str
    added: int
    freed: int
    other_reason: int
    first: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class ListSize:
    """How many are on a list before, and would be after."""

    destination: str
    channel: str
    scope: str
    before: int
    after: int
    changed: int


@dataclass(frozen=True, slots=True)
class Simulated:
    """as_of: the instant that stood for now in both builds, UTC."""

    as_of: datetime
    lists: Sequence[ListSize]
    changes: Sequence[Change]

    @property
    def most(self) -> int:
        """The most that would be added to, or freed from, one list."""
        return max((one.changed for one in self.lists), default=0)


def simulate(
    scratch: Scratch,
    *,
    before: Path,
    after: Path,
    variables: Mapping[str, Any],
    as_of: datetime,
    rows: int,
    logs: Path,
    say: Callable[[str], None],
) -> Simulated:
    """Builds project `before`, then `after` with these variables, both as of one instant.

    rows: how many people to name for each change. logs: where dbt says its details.
    Raises BuildFailed where one of them does not build or fails a test.
    """
    for project, is_changed, name in ((before, False, "before"), (after, True, "after")):
        step = "2 of 2, with the change" if is_changed else "1 of 2, as it stands"
        say(f"{step} ...")
        given = {**(variables if is_changed else {}), **scratch.variables}
        done = _build(scratch, project, given, as_of, is_changed=is_changed, logs=logs, say=say)
        say(f"{step}: {done}")
        scratch.warehouse.execute(f"create table {{marts}}.simulated_{name} as {_DESIRED}")
    return Simulated(as_of, lists_of(scratch.warehouse), changes_of(scratch.warehouse, rows=rows))


def _build(
    scratch: Scratch,
    project: Path,
    variables: Mapping[str, Any],
    as_of: datetime,
    *,
    is_changed: bool,
    logs: Path,
    say: Callable[[str], None],
) -> Built:
    given = {**variables, "as_of": f"{as_of:%Y-%m-%d %H:%M:%S.%f}"}
    options = ["--profiles-dir", str(scratch.profiles), "--target", scratch.target.name]
    # One for both: dbt parses only what the change changed.
    options += ["--target-path", str(scratch.profiles / "target"), "--vars", json.dumps(given)]
    # A change may be one of how raw events are read.
    options += ["--full-refresh"] if is_changed else []
    return build(
        "everything",
        project=project,
        lock=scratch.profiles / "build",
        options=options,
        wait=timedelta(0),
        announce=say,
        waiting=lambda _: None,
        dbt=dbt_command,
        database=None,
        logs=logs,
    )


def lists_of(warehouse: Warehouse) -> list[ListSize]:
    """Every list of the tables simulated_before and simulated_after, the mart first."""
    sql = f"""
        select
            destination,
            channel,
            scope,
            sum(case when what = 'added' then 0 else 1 end) as before,
            sum(case when what = 'freed' then 0 else 1 end) as after,
            sum(case when what in ('added', 'freed') then 1 else 0 end) as changed
        from ({_CHANGES}) as changes
        group by destination, channel, scope
        order by {_FIRST_THE_MART}, destination, channel, scope
    """
    return [ListSize(**row) for row in warehouse.rows(sql)]


def changes_of(warehouse: Warehouse, *, rows: int) -> list[Change]:
    """What changes between these tables; rows: how many people to name for each change."""
    sql = f"""
        select
            destination,
            channel,
            scope,
            reason,
            sum(case when what = 'added' then 1 else 0 end) as added,
            sum(case when what = 'freed' then 1 else 0 end) as freed,
            sum(case when what = 'other reason' then 1 else 0 end) as other_reason
        from ({_CHANGES}) as changes
        where what <> 'as before'
        group by destination, channel, scope, reason
        order by {_FIRST_THE_MART}, destination, channel, scope, reason
    """
    named = _named(warehouse, rows) if rows else {}
    changes = []
    for row in warehouse.rows(sql):
        change = tuple(row.values())[:4]
        changes.append(Change(**row, first=named.get(change, ())))
    return changes


def _named(warehouse: Warehouse, rows: int) -> dict[tuple[Any, ...], list[tuple[str, str]]]:
    """The first of each change, by (destination, channel, scope, reason): (what, subject)."""
    sql = f"""
        select destination, channel, scope, reason, what, subject
        from ({_CHANGES}) as changes
        where what in ('added', 'freed')
        qualify row_number() over (
            partition by destination, channel, scope, reason order by what, subject
        ) <= @rows
        order by what, subject
    """
    found: dict[tuple[Any, ...], list[tuple[str, str]]] = {}
    for row in warehouse.rows(sql, {"rows": rows}):
        *change, what, subject = row.values()
        found.setdefault(tuple(change), []).append((what, subject))
    return found
