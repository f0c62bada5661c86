"""The lock on an engine whose inserts never conflict: never two holders, whatever the interleaving.

Runs are threads over one table in memory; every read and every insert waits for its turn, and the
turns are drawn. An insert takes effect some turns after it was sent, as at BigQuery.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.errors import WarehouseUnavailable
from sync.warehouse.base import RunRow
from sync.warehouse.claims import Claims, Live

START = datetime(2026, 11, 25, 12)
LEASE = timedelta(seconds=60)


def row(run: str, started: int, destination: str = "sendgrid") -> RunRow:
    """A claim; started: seconds by the clock of the run's own machine, which may be wrong."""
    at = START + timedelta(seconds=started)
    return RunRow(run, destination, at, None, at + LEASE, "running")


@dataclass
class Table:
    """raw.sync_runs and the warehouse's clock."""

    rows: list[RunRow] = field(default_factory=list)
    now: datetime = START

    def append(self, rows: Sequence[RunRow]) -> None:
        for added in rows:
            ends = self.now + (timedelta() if added.ended_at else LEASE)
            self.rows.append(
                RunRow(
                    added.run_id,
                    added.destination,
                    added.started_at,
                    added.ended_at,
                    ends,
                    added.status,
                )
            )

    def live(self, destinations: Sequence[str]) -> list[Live]:
        latest: dict[tuple[str, str], RunRow] = {}
        for found in self.rows:
            key = (found.run_id, found.destination)
            before = latest.get(key)
            rank = (found.ended_at is not None, found.expires_at)
            if before is None or rank >= (before.ended_at is not None, before.expires_at):
                latest[key] = found
        return [
            Live(found, self.now)
            for found in latest.values()
            if found.destination in destinations
            and found.status == "running"
            and found.expires_at > self.now
        ]


class Turns:
    """Lets threads go one step at a time, in the order that is drawn."""

    def __init__(self, order: Sequence[int]) -> None:
        self._order = list(order)
        self._gates: dict[str, threading.Semaphore] = {}
        self._arrived = threading.Semaphore(0)
        self._waiting: set[str] = set()
        self._lock = threading.Lock()

    def wait(self, name: str) -> None:
        """Called by a thread before each of its steps."""
        with self._lock:
            gate = self._gates.setdefault(name, threading.Semaphore(0))
            self._waiting.add(name)
        self._arrived.release()
        gate.acquire()

    def end(self) -> None:
        """Called by a thread that is through."""
        self._arrived.release()

    def run(self, threads: Sequence[threading.Thread], step: Callable[[], None]) -> None:
        """Runs the threads to their ends; step is called between their steps."""
        for thread in threads:
            thread.start()
        for _ in threads:
            self._arrived.acquire()
        while True:
            with self._lock:
                names = sorted(self._waiting)
            if not names:
                break
            number = self._order.pop(0) if self._order else 0
            name = names[number % len(names)]
            step()
            with self._lock:
                self._waiting.remove(name)
            self._gates[name].release()
            # It comes back for its next step, or is through.
            self._arrived.acquire()
        for thread in threads:
            thread.join()


@dataclass
class Run:
    """One process that wants a destination."""

    name: str
    claim: RunRow
    table: Table
    turns: Turns
    holder: RunRow | None = None
    failed: Exception | None = None

    def __post_init__(self) -> None:
        self.slept = 0.0
        self.claims = Claims(self._read, self._append, sleep=self._sleep, clock=lambda: self.slept)

    def _read(self, destinations: Sequence[str]) -> list[Live]:
        self.turns.wait(self.name)
        return self.table.live(destinations)

    def _append(self, rows: Sequence[RunRow]) -> None:
        # Sent, then committed; others may read and write in between.
        self.turns.wait(self.name)
        self.turns.wait(self.name)
        self.table.append(rows)

    def _sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.turns.wait(self.name)

    def take(self) -> None:
        try:
            held = self.claims.take([self.claim], lambda _: False)
            self.holder = held.get(self.claim.destination, self.claim)
        except Exception as error:
            self.failed = error
        finally:
            self.turns.end()

    @property
    def has_it(self) -> bool:
        return self.holder is self.claim


def race(starts: Sequence[int], order: Sequence[int], seconds_per_step: float = 0.0) -> list[Run]:
    table, turns = Table(), Turns(order)
    runs = [
        Run(f"run{number}", row(f"run{number}", start), table, turns)
        for number, start in enumerate(starts)
    ]

    def step() -> None:
        table.now += timedelta(seconds=seconds_per_step)

    turns.run([threading.Thread(target=run.take) for run in runs], step)
    return runs


orders = st.lists(st.integers(0, 5), max_size=120)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(starts=st.lists(st.integers(0, 3), min_size=2, max_size=4), order=orders)
def test_exactly_one_of_those_who_race_gets_it(starts: list[int], order: list[int]) -> None:
    runs = race(starts, order)
    assert [run.failed for run in runs] == [None] * len(runs)
    winners = [run for run in runs if run.has_it]
    assert len(winners) <= 1
    # Everybody else names a run that was there.
    assert all(run.holder is not None for run in runs)
    if not winners:
        # A wait that is as long as it gets ends without a holder, and nobody's claim stays.
        assert runs[0].table.live(["sendgrid"]) == []


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    starts=st.lists(st.integers(0, 3), min_size=2, max_size=4),
    order=orders,
    seconds=st.sampled_from([1.0, 5.0, 20.0]),
)
def test_leases_that_run_out_meanwhile_never_make_two_holders(
    starts: list[int], order: list[int], seconds: float
) -> None:
    """Who holds at the end has a live row, and is the only one with such a row."""
    runs = race(starts, order, seconds)
    winners = [run for run in runs if run.has_it]
    assert all(isinstance(run.failed, WarehouseUnavailable | None) for run in runs)
    live = {found.row.run_id for found in runs[0].table.live(["sendgrid"])}
    holding = [run for run in winners if run.name in live]
    assert len(holding) <= 1


def alone(table: Table) -> Claims:
    def rows(destinations: Sequence[str]) -> list[Live]:
        return table.live(destinations)

    return Claims(rows, table.append, sleep=lambda _: None)


def never(_: str) -> bool:
    return False


def test_who_comes_later_finds_it_held_and_writes_nothing() -> None:
    table = Table()
    assert alone(table).take([row("a", 5)], never) == {}
    # An earlier start does not count against a holder.
    assert alone(table).take([row("b", 0)], never)["sendgrid"].run_id == "a"
    assert [found.run_id for found in table.rows] == ["a"]


def test_a_dead_run_holds_nothing() -> None:
    table = Table()
    alone(table).take([row("a", 0)], never)
    assert alone(table).take([row("b", 1)], lambda run: run == "a") == {}


def test_a_renewal_in_time_is_not_shaken_by_a_claim() -> None:
    table = Table()
    holder = alone(table)
    holder.take([row("a", 9)], never)
    table.now += timedelta(seconds=50)
    # Somebody who started earlier has claimed, and not yet withdrawn.
    table.append([row("b", 0)])
    assert holder.take([row("a", 9)], never) == {}


def test_a_renewal_that_comes_too_late_yields() -> None:
    table = Table()
    first = alone(table)
    first.take([row("a", 0)], never)
    table.now += timedelta(seconds=61)
    assert alone(table).take([row("b", 1)], never) == {}
    assert first.take([row("a", 0)], never)["sendgrid"].run_id == "b"
    assert {found.row.run_id for found in table.live(["sendgrid"])} == {"b"}


def test_several_destinations_are_claimed_by_one_statement() -> None:
    table = Table()
    alone(table).take([row("a", 0, "mailgun")], never)
    appended: list[int] = []

    def append(rows: Sequence[RunRow]) -> None:
        appended.append(len(rows))
        table.append(rows)

    claims = Claims(table.live, append, sleep=lambda _: None)
    wanted = [row("b", 1, name) for name in ("mailgun", "postmark", "sendgrid")]
    held: Any = claims.take(wanted, never)
    assert {name: found.run_id for name, found in held.items()} == {"mailgun": "a"}
    assert appended == [2]


@pytest.mark.parametrize("late", [False, True])
def test_a_claim_that_nobody_withdraws_is_waited_for_and_then_yielded_to(late: bool) -> None:
    """A run that died between its claim and its withdrawal."""
    table = Table()
    clock = [0.0]

    def read(destinations: Sequence[str]) -> list[Live]:
        # The other's claim is committed right after ours.
        if any(found.run_id == "a" for found in table.rows) and len(table.rows) == 1:
            table.append([row("b", 1)])
        return table.live(destinations)

    def sleep(seconds: float) -> None:
        clock[0] += seconds
        if not late and clock[0] > 5:
            table.append([row("b", 1).__class__(**{**_values(row("b", 1)), "ended_at": START})])

    claims = Claims(read, table.append, sleep=sleep, clock=lambda: clock[0])
    held = claims.take([row("a", 0)], never)
    assert (list(held) == ["sendgrid"]) is late
    live = {found.row.run_id for found in table.live(["sendgrid"])}
    assert live == ({"b"} if late else {"a"})


def _values(found: RunRow) -> dict[str, Any]:
    return {name: getattr(found, name) for name in found.__dataclass_fields__}


@dataclass
class Overtaken:
    """Run a renews; b claims, finds a's lease run out, and holds, right before a's row is there."""

    table: Table
    seconds: float
    is_on: bool = False
    slept: float = 0.0

    def append(self, rows: Sequence[RunRow]) -> None:
        if self.is_on:
            self.is_on = False
            self.table.now += timedelta(seconds=self.seconds)
            assert alone(self.table).take([row("b", 1)], never) == {}
        self.table.append(rows)

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


@pytest.mark.parametrize("seconds_before", [30, 61])
def test_a_renewal_that_is_overtaken_yields_at_once(seconds_before: float) -> None:
    """Whether its lease ran out before it looked, or between that and its insert."""
    table = Table()
    overtaken = Overtaken(table, 61 - seconds_before)
    claims = Claims(
        table.live, overtaken.append, sleep=overtaken.sleep, clock=lambda: overtaken.slept
    )
    assert claims.take([row("a", 0)], never) == {}
    table.now += timedelta(seconds=seconds_before)
    overtaken.is_on = True
    assert claims.take([row("a", 0)], never)["sendgrid"].run_id == "b"
    # It sends on as long as it does not know: it must not wait for the other to go.
    assert overtaken.slept == 0
    assert {found.row.run_id for found in table.live(["sendgrid"])} == {"b"}


def test_a_claim_that_was_never_confirmed_is_no_lock() -> None:
    """Its first try was cut off after the insert, while another run got the destination."""
    table = Table()
    reads: list[int] = []

    def read(destinations: Sequence[str]) -> list[Live]:
        reads.append(1)
        if len(reads) == 2:
            raise WarehouseUnavailable("cut off")
        return table.live(destinations)

    def append(rows: Sequence[RunRow]) -> None:
        if not table.rows:
            assert alone(table).take([row("b", 1)], never) == {}
        table.append(rows)

    claims = Claims(read, append, sleep=lambda _: None)
    with pytest.raises(WarehouseUnavailable):
        claims.take([row("a", 0)], never)
    assert claims.take([row("a", 0)], never)["sendgrid"].run_id == "b"
