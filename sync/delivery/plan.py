"""What a push would do: counts, calls, duration, guard, and a hash of exactly that set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from sync.clock import utc_now
from sync.delivery import settings
from sync.delivery.guard import (
    Facts,
    Limits,
    build_faults,
    change_faults,
    list_faults,
    personal_refusals,
    read_facts,
)
from sync.delivery.messages import stopped_receipts
from sync.delivery.shard import Shard
from sync.destinations import get
from sync.destinations.base import Action, Item
from sync.errors import ConfigError, PlanChanged, UnknownDestination
from sync.warehouse.base import Warehouse
from sync.warehouse.spool import DeltaCount, Snapshot, Spool

#: Keys of each destination of which nobody knows what the platform has.
UNKNOWN = """
    select destination, count(*) as items from {marts}.int_synced_state
    where is_unknown group by destination
"""


@dataclass(slots=True)
class DestinationPlan:
    """One destination's part. seconds: at its limit; problem: why it cannot be pushed at all.

    place: the host that stands for the platform's own, if the environment names one. guard: what
    would stop it; held: why it would free nobody, though suppressions are sent.
    """

    destination: str
    place: str | None = None
    counts: list[DeltaCount] = field(default_factory=list)
    calls: int = 0
    seconds: float = 0.0
    guard: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    problem: str | None = None
    #: Keys that a call without an answer left unknown: what holds of them is sent again.
    unknown: int = 0
    warnings: list[str] = field(default_factory=list)
    #: The first that would be sent, in the order of delivery, as many as were asked for.
    first: list[Item] = field(default_factory=list)

    @property
    def items(self) -> int:
        """All deltas."""
        return sum(count.items for count in self.counts)


@dataclass(slots=True)
class Plan:
    """What `plan` prints. guard: what stops every destination."""

    hash: str
    guard: list[str]
    destinations: list[DestinationPlan]


def plan_hash(fingerprints: Iterable[tuple[int, int]]) -> str:
    """`<number of deltas>-<64 bits>`: equal for equal sets of delta_ids, whatever their order."""
    size, digest = 0, 0
    for part_size, part_digest in fingerprints:
        size += part_size
        digest ^= part_digest
    return f"{size}-{digest & 0xFFFFFFFFFFFFFFFF:016x}"


def check_hash(wanted: str, found: str) -> None:
    """PlanChanged where the deltas are no longer those of the plan, and in what they differ."""
    if wanted == found:
        return
    was, now = wanted.partition("-")[0], found.partition("-")[0]
    if not was.isdigit() or "-" not in wanted:
        why = "it is not a hash that `contact-sync plan` prints"
    elif was != now:
        why = f"it held {int(was):,} deltas, now there are {int(now):,}"
    else:
        why = "the number of deltas is the same, but others are among them"
    raise PlanChanged(
        f"Nothing was sent: plan {wanted} does not hold ({why}). Run `contact-sync plan` with the "
        "same options, read it, and push the hash that it prints."
    )


def selected(warehouse: Warehouse, wanted: Sequence[str]) -> list[str]:
    """The destinations to work on: those wanted, else all enabled in seeds/destinations.csv.

    Raises UnknownDestination, and ConfigError for one that is not enabled.
    """
    for name in wanted:
        get(name)
    rows = warehouse.rows(
        "select distinct destination from {marts}.destinations where enabled order by destination"
    )
    enabled = [row["destination"] for row in rows]
    for name in wanted:
        if name not in enabled:
            raise ConfigError(
                f"{name} has no enabled row in seeds/destinations.csv: enable one, run `dbt build`."
            )
    return sorted(set(wanted)) or enabled


def make_plan(
    warehouse: Warehouse,
    wanted: Sequence[str],
    limits: Limits,
    environment: Mapping[str, str],
    *,
    limit: int | None = None,
    shard: Shard | None = None,
    rows: int = 0,
) -> Plan:
    """The plan of a push with the same options. Needs no credential and calls no platform.

    rows: how many items of each destination it names.
    """
    with warehouse.session():
        chosen = selected(warehouse, wanted)
        bounds = None if shard is None else shard.bounds
        with Snapshot(warehouse, chosen, limit=limit, bounds=bounds) as snapshot:
            spools = [snapshot.of(name) for name in chosen]
            facts = read_facts(warehouse, spools)
            jobs = 1 if shard is None else shard.count
            parts = [_part(spool, facts, limits, environment, jobs) for spool in spools]
            unknown = {row["destination"]: row["items"] for row in warehouse.rows(UNKNOWN)}
            warnings = stopped_receipts(warehouse)
            for part, spool in zip(parts, spools, strict=True):
                part.warnings += warnings.get(part.destination, [])
                part.unknown = unknown.get(part.destination, 0)
                part.first = next(spool.pages(rows), []) if rows else []
            found = plan_hash(spool.fingerprint() for spool in spools)
    return Plan(found, build_faults(facts, limits, utc_now()), parts)


def _part(
    spool: Spool, facts: Facts, limits: Limits, environment: Mapping[str, str], jobs: int
) -> DestinationPlan:
    place = settings.place(spool.destination, environment)
    part = DestinationPlan(spool.destination, place, counts=spool.counts())
    _estimate(part, environment, jobs)
    part.guard = change_faults(facts, spool.destination, spool.pending, limits)
    part.held = list_faults(facts, spool)
    part.warnings = personal_refusals(facts, spool.destination, spool.pending, limits)
    return part


def _estimate(part: DestinationPlan, environment: Mapping[str, str], jobs: int) -> None:
    try:
        destination = get(part.destination)
    except UnknownDestination:
        part.problem = settings.unknown_row(part.destination)
        return
    size = settings.batch_size(destination, environment)
    batches: dict[tuple[str, str], int] = {}
    for count in part.counts:
        action = cast("Action", count.action)
        if action == "suppress":
            # Reasons share a batch.
            batches[count.channel, count.scope] = (
                batches.get((count.channel, count.scope), 0) + count.items
            )
        else:
            part.calls += destination.calls_for(action, count.reason, count.items, size)
    for items in batches.values():
        part.calls += destination.calls_for("suppress", "", items, size)
    rate = settings.rate(destination, environment)
    # Jobs that send side by side share the limit.
    part.seconds = part.calls * jobs / rate if rate else 0.0
