"""Stops a push that rests on a bad build or would change more than is plausible (exit 3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sync.clock import utc_now
from sync.errors import GuardStop
from sync.warehouse.base import Warehouse
from sync.warehouse.spool import DeltaCount, Spool

# Clocks of two machines may differ so much.
_CLOCK_SKEW = timedelta(minutes=5)
# Reads nothing; a ledger without the column could not record what is sent.
_NEWEST_COLUMNS = (
    "(select max(event_timestamp) from {raw}.sync_ledger where false) as newest_column,"
    " (select count(is_attempted) from {marts}.int_synced_state where false) as newest_model"
)


@dataclass(frozen=True, slots=True)
class Share:
    """The larger of a part of the list and a number of items."""

    part: float
    floor: int

    def of(self, total: int) -> int:
        """How many items are plausible for a list of that size."""
        return max(int(self.part * total), self.floor)

    def __str__(self) -> str:
        return f"{self.part:.0%} of the list, at least {self.floor:,}"


@dataclass(frozen=True, slots=True)
class Limits:
    """What is plausible. The defaults are those of the command line."""

    max_age: timedelta = timedelta(hours=26)
    max_suppress: Share = Share(0.2, 100)
    max_release: Share = Share(0.1, 100)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the guard judges by, for all destinations.

    listed, recorded: rows of suppression_list and of the ledger. sizes: of the list, by channel.
    pushed: the destination rows ever pushed to. personal: reasons that only a person gives.
    rules_changed_at: the latest change of the policy's seeds or vars (UTC), or None;
    obeying: the destinations that were pushed to since then. lost: how many addresses left the list
    since they were pushed though no event says why, by destination row; counted where something
    is to be freed.
    """

    newest_build: Mapping[str, Any] | None
    listed: int
    recorded: int
    sizes: Mapping[str, int] = field(default_factory=dict)
    pushed: frozenset[tuple[str, str, str]] = frozenset()
    personal: frozenset[str] = frozenset()
    rules_changed_at: datetime | None = None
    obeying: frozenset[str] = frozenset()
    lost: Mapping[tuple[str, str, str], int] = field(default_factory=dict)


def read_facts(warehouse: Warehouse, spools: Iterable[Spool]) -> Facts:
    """What there is to know; the ledger is searched only where something is pending."""
    queries = [
        "select ended_at, ok from {raw}.builds order by ended_at desc, started_at desc limit 1",
        """
        select
            (select count(*) from {marts}.suppression_list) as listed,
            (select count(*) from {raw}.sync_ledger) as recorded
        """,
    ]
    if any(spool.pending for spool in spools):
        queries += [
            "select channel, count(*) as items from {marts}.suppression_list group by channel",
            "select distinct destination, channel, scope, "
            f"{_NEWEST_COLUMNS} from {{raw}}.sync_ledger"
            # Where all failed, nobody has seen what a push to it does.
            " where outcome not in ('intended', 'unsent', 'failed')",
            "select reason from {marts}.suppression_policy where attribute = 'consent'",
        ]
    builds, totals, *more = warehouse.rows_of_each(queries)
    sizes, pushed, personal = more or ([], [], [])
    changed_at, obeying = _rule_change(warehouse) if more else (None, frozenset())
    lost = _lost(warehouse) if any(spool.frees for spool in spools) else {}
    return Facts(
        newest_build=builds[0] if builds else None,
        listed=totals[0]["listed"],
        recorded=totals[0]["recorded"],
        sizes={row["channel"]: row["items"] for row in sizes},
        pushed=frozenset(
            (row["destination"], row["channel"], row["scope"] or "") for row in pushed
        ),
        personal=frozenset(row["reason"] for row in personal),
        rules_changed_at=changed_at,
        obeying=obeying,
        lost=lost,
    )


def check_ledger(warehouse: Warehouse) -> None:
    """Raises WarehouseMissing where a version before this one built what is there."""
    warehouse.rows(f"select {_NEWEST_COLUMNS}")


def _lost(warehouse: Warehouse) -> dict[tuple[str, str, str], int]:
    rows = warehouse.rows(
        "select destination, channel, scope, count(distinct address) as items"
        " from {marts}.int_lost_suppressions group by destination, channel, scope"
    )
    return {(row["destination"], row["channel"], row["scope"]): row["items"] for row in rows}


def _rule_change(warehouse: Warehouse) -> tuple[datetime | None, frozenset[str]]:
    """When the rules of this schema last changed, and who was pushed to since."""
    (last,) = warehouse.rows(
        "select max(changed_at) as changed_at from {raw}.rule_changes where relation = @schema",
        {"schema": warehouse.schema},
    )
    if last["changed_at"] is None:
        return None, frozenset()
    runs = """
        select distinct destination
        from {raw}.sync_runs
        where
            status in ('finished', 'incomplete')
            and expires_at >= @changed_at
            and started_at between @changed_at and @latest
    """
    # One that a clock which was ahead stamped later than now may be older than the change.
    rows = warehouse.rows(runs, {**last, "latest": utc_now() + _CLOCK_SKEW})
    return last["changed_at"], frozenset(row["destination"] for row in rows)


def build_faults(facts: Facts, limits: Limits, now: datetime) -> list[str]:
    """Why the newest build, or what it made, cannot be pushed; empty if it can."""
    newest = facts.newest_build
    if newest is None:
        return ["no build is recorded: run `dbt build`"]
    faults = []
    if not newest["ok"]:
        faults.append("the newest build failed, or one of its tests did: run `dbt build`")
    age = now - newest["ended_at"]
    if age < -_CLOCK_SKEW:
        faults.append(
            f"the newest build is {_hours(-age)} in the future: a clock was ahead. Set the clocks "
            "right, then `dbt run-operation forget_the_future` and `dbt build --full-refresh`"
        )
    if age > limits.max_age:
        faults.append(
            f"the newest build is {_hours(age)} old (--max-age {_hours(limits.max_age)}): "
            "run `dbt build`"
        )
    if not facts.listed and facts.recorded:
        faults.append("suppression_list is empty although the ledger is not")
    return faults


def require_current_list(warehouse: Warehouse, max_age: timedelta) -> None:
    """Raises GuardStop where the list may lack an opt-out: its build failed, or is too old."""
    faults = build_faults(read_facts(warehouse, ()), Limits(max_age=max_age), utc_now())
    if faults:
        raise GuardStop(f"The list may lack a refusal, nothing was written: {'; '.join(faults)}.")


def change_faults(
    facts: Facts, destination: str, counts: Sequence[DeltaCount], limits: Limits
) -> list[str]:
    """Why these deltas are more than is plausible for one destination; empty if they are not."""
    faults = []
    if counts and facts.rules_changed_at and destination not in facts.obeying:
        faults.append(
            f"{destination}: the policy changed at {facts.rules_changed_at:%Y-%m-%d %H:%M} UTC "
            "(its seeds or vars), and this is the first push since"
        )
    for channel, scope in sorted({(count.channel, count.scope) for count in counts}):
        name = _row(destination, channel, scope)
        if (destination, channel, scope) not in facts.pushed:
            faults.append(f"{name}: the first push to this row of destinations.csv")
        by_action = {"suppress": 0, "release": 0, "subscribe": 0}
        for count in counts:
            if (count.channel, count.scope) == (channel, scope):
                by_action[count.action] += count.items - _personal(facts, count)
        freed = by_action["release"] + by_action["subscribe"]
        # Freed addresses have left the list: it was that much longer.
        listed = facts.sizes.get(channel, 0)
        if by_action["suppress"] > limits.max_suppress.of(listed):
            faults.append(
                f"{name}: {by_action['suppress']:,} to suppress of {listed:,} listed "
                f"(--max-suppress: {limits.max_suppress})"
            )
        if freed > limits.max_release.of(listed + freed):
            faults.append(
                f"{name}: {freed:,} to release of {listed + freed:,} listed until now "
                f"(--max-release: {limits.max_release})"
            )
    return faults


def list_faults(facts: Facts, spool: Spool) -> list[str]:
    """Why nobody is freed at one destination, whatever the number; empty if they are.

    Refusals are sent all the same: that the list lost something is no reason to lose more.
    """
    return [
        f"{_row(*row)}: {items:,} left the list since they were pushed, and no event says why: "
        "something that landed, or a table, is not what it was (int_lost_suppressions names them; "
        "`contact-sync suppress` lists one again)"
        for row, items in sorted(facts.lost.items())
        if row[0] == spool.destination
    ]


def personal_refusals(
    facts: Facts, destination: str, counts: Sequence[DeltaCount], limits: Limits
) -> list[str]:
    """Rows with more refusals by persons than --max-suppress: sent all the same, and worth a look.

    No number of them holds them back: one newsletter makes many people leave, and each has the
    right to be obeyed.
    """
    told = []
    for channel, scope in sorted({(count.channel, count.scope) for count in counts}):
        of_row = [count for count in counts if (count.channel, count.scope) == (channel, scope)]
        personal = sum(_personal(facts, count) for count in of_row)
        listed = facts.sizes.get(channel, 0)
        if personal > limits.max_suppress.of(listed):
            told.append(
                f"{_row(destination, channel, scope)}: {personal:,} complaints "
                f"and opt-outs, unusually many for {listed:,} listed; they pass the guard"
            )
    return told


def _personal(facts: Facts, count: DeltaCount) -> int:
    """Suppressions that a person asked for, one for each event: more of them a machine made."""
    if count.action != "suppress" or count.reason not in facts.personal:
        return 0
    return min(count.items, count.events)


def _row(destination: str, channel: str, scope: str) -> str:
    return f"{destination} {channel}{f' {scope}' if scope else ''}"


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.1f} h".replace(".0 h", " h")
