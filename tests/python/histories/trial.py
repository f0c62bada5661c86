"""Landing many histories in one database, telling which of them came out wrong, and making the
smallest of those smaller.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from . import history as names
from . import oracle, payloads
from .history import History
from .strategies import AS_OF, LAST_REACTION, STEPS, watchers
from .warehouse import Marts, Warehouse
from .world import Copy, Rules

World = Mapping[int, History]

WATCHERS = 0
PART_OF_STEP = {
    0: ("--exclude", "tag:weekly"),
    2: ("--select", "+events"),
}
# What stands for now in the build of each step: what arrived later waits for a later build.
AS_OF_OF_STEP = (*(AS_OF - timedelta(days=days) for days in (45, 45, 1, 0)), AS_OF)


def world_of(histories: Sequence[History]) -> dict[int, History]:
    """The histories by number; number 0 are the watchers, whose opens say how far sources are
    observed.
    """
    return {WATCHERS: watchers(), **dict(enumerate(histories, start=1))}


# --- three ways to the same marts


def stepwise(world: World, warehouse: Warehouse) -> Marts:
    """Landed in steps, in whatever order the histories say, with a build after each.

    Not all builds are whole: one leaves out the weekly models, and one breaks off halfway.
    """
    lines = [line for n, history in world.items() for line in payloads.lines(history, n)]
    for step in range(STEPS):
        warehouse.land(line for line in lines if line.step == step)
        warehouse.build(AS_OF_OF_STEP[step], *PART_OF_STEP.get(step, ()))
    return warehouse.marts()


def stepwise_with_kills(
    world: World, warehouse: Warehouse, dice: random.Random
) -> tuple[Marts, int]:
    """The same, and before each build one that is killed at some statement while more lands.

    Gives the marts, and how many builds died.
    """
    lines = [line for n, history in world.items() for line in payloads.lines(history, n)]
    died = 0
    for step in range(STEPS):
        ours = [line for line in lines if line.step == step]
        warehouse.land(ours[::2])
        as_of = AS_OF_OF_STEP[step]
        died += warehouse.build_killed(as_of, dice.randrange(5, 110), *PART_OF_STEP.get(step, ()))
        warehouse.land(ours[1::2])
        warehouse.build(as_of)
    return warehouse.marts(), died


def at_once(world: World, warehouse: Warehouse) -> Marts:
    """Landed all at once, in the opposite order, with one build."""
    lines = [line for n, history in world.items() for line in payloads.lines(history, n)]
    warehouse.land(reversed(lines))
    warehouse.build(AS_OF, "--full-refresh")
    return warehouse.marts()


def by_the_oracle(world: World, rules: Rules) -> Marts:
    """What must come out. Histories share nothing but how far each source has been observed."""
    copies = {n: payloads.copies(history, n) for n, history in world.items()}
    observed = _observed(itertools.chain.from_iterable(copies.values()), rules)
    listed: oracle.Table = {}
    profiles: oracle.Table = {}
    for told in copies.values():
        one_listed, one_profiles = oracle.marts(told, rules, AS_OF, observed)
        listed.update(one_listed)
        profiles.update(one_profiles)
    return listed, profiles


def _observed(copies: Iterable[Copy], rules: Rules) -> dict[str, datetime]:
    observed = oracle.observed_at(oracle.standing_events(copies, rules, AS_OF), rules)
    assert observed == LAST_REACTION, (
        "a history reacts after the watchers: silence is judged by them"
    )
    return observed


# --- differences


@dataclass(frozen=True, slots=True)
class Difference:
    """One column (or a whole row) of one mart that differs."""

    history: int
    mart: str
    key: str
    column: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        where = f"{self.mart}[{self.key}].{self.column}"
        return f"{where}: expected {self.expected!r}, found {self.found!r}"


def differences(expected: Marts, found: Marts) -> list[Difference]:
    """All differences, in every column of both marts."""
    result: list[Difference] = []
    for mart, wanted, got in zip(
        ("suppression_list", "contact_profiles"), expected, found, strict=True
    ):
        for key in sorted(wanted.keys() | got.keys()):
            left, right = wanted.get(key), got.get(key)
            n = history_of_row(left or right or {})
            if left is None or right is None:
                result.append(Difference(n, mart, key, "(row)", left, right))
                continue
            for column in sorted(left.keys() | right.keys()):
                if left.get(column, "(no column)") != right.get(column, "(no column)"):
                    result.append(
                        Difference(n, mart, key, column, left.get(column), right.get(column))
                    )
    return result


def history_of_row(row: Mapping[str, Any]) -> int:
    """The history that a row of a mart is about; -1 if it names none."""
    for column in ("address", "external_id", "email", "phone", "push_token"):
        n = names.history_of(str(row.get(column) or ""))
        if n is not None:
            return n
    return -1


def by_history(found: Iterable[Difference]) -> dict[int, list[Difference]]:
    """The differences of each history."""
    result: dict[int, list[Difference]] = defaultdict(list)
    for difference in found:
        result[difference.history].append(difference)
    return dict(result)


# --- making a failing history smaller

# The differences of each of some histories, by their position; those without any are left out.
Judge = Callable[[Sequence[History]], dict[int, list[Difference]]]

ROUNDS = 3
CANDIDATES = 300


def shrink(failing: History, judge: Judge, seed: int = 0) -> tuple[History, list[Difference]]:
    """A small part of a failing history that still fails, with its differences told as history 1.

    Every round judges hundreds of smaller ones in one go: a build costs the same for one as for
    hundreds.
    """
    dice = random.Random(seed)
    for _ in range(ROUNDS):
        if failing.size == 1:
            break
        candidates = _smaller(failing, dice)
        verdicts = judge(candidates)
        if not verdicts:
            break
        failing = candidates[min(verdicts, key=lambda index: (candidates[index].size, index))]
    return failing, judge([failing]).get(0, [])


def _smaller(whole: History, dice: random.Random) -> list[History]:
    """Parts of a history: each thing left out, and many random parts of every size."""
    things = _things(whole)
    parts = [tuple(thing for thing in things if thing != left_out) for left_out in things]
    sizes = [size for size in (2, 3, 4, 5, 6, 8) if size < len(things) - 1]
    for _ in range(CANDIDATES - len(parts) if sizes else 0):
        parts.append(tuple(sorted(dice.sample(things, dice.choice(sizes)))))
    return [_only(whole, part) for part in dict.fromkeys(parts) if part]


def _things(history: History) -> list[tuple[str, int, int]]:
    return [
        *(
            ("element", index, position)
            for index, delivery in enumerate(history.deliveries)
            for position in range(len(delivery.elements))
        ),
        *(("mail", index, 0) for index in range(len(history.mails))),
        *(("entry", index, 0) for index in range(len(history.entries))),
    ]


def _only(history: History, things: Sequence[tuple[str, int, int]]) -> History:
    kept = set(things)
    deliveries = []
    for index, delivery in enumerate(history.deliveries):
        elements = tuple(
            element
            for position, element in enumerate(delivery.elements)
            if ("element", index, position) in kept
        )
        if elements:
            deliveries.append(dataclasses.replace(delivery, elements=elements))
    return History(
        tuple(deliveries),
        tuple(mail for index, mail in enumerate(history.mails) if ("mail", index, 0) in kept),
        tuple(entry for index, entry in enumerate(history.entries) if ("entry", index, 0) in kept),
    )


def told(history: History, n: int, found: Sequence[Difference] = ()) -> str:
    """A report that can be read, and run again."""
    copies = sorted(payloads.copies(history, n), key=lambda copy: copy.received_at)
    text = ["What happened, by arrival:"]
    text += [
        f"  {copy.received_at} {copy.delivery_id}[{copy.position}] {_short(copy)}"
        for copy in copies
    ]
    if found:
        text += ["What differs:", *(f"  {difference}" for difference in found)]
    text += [f"To land it again, as history {n}:", f"  {history!r}"]
    return "\n".join(text)


def _short(copy: Copy) -> str:
    event = copy.event
    shown = {
        field.name: getattr(event, field.name)
        for field in dataclasses.fields(event)
        if field.name not in ("source", "event_type")
        and getattr(event, field.name) not in (None, False)
    }
    if event.trait_value is False:
        shown["trait_value"] = False
    if event.timestamp is not None:
        shown["timestamp"] = str(event.timestamp)
    return f"{event.source} {event.event_type} " + " ".join(
        f"{name}={value}" for name, value in shown.items()
    )


class Trials:
    """Warehouses numbered under one directory, so that a shrink can build as many as it needs."""

    def __init__(self, home: Path, rules: Rules, project: Path, **dbt_vars: Any) -> None:
        self.rules = rules
        self._home = home
        self._project = project
        self._vars = dbt_vars
        self._count = itertools.count(1)

    def warehouse(self) -> Warehouse:
        """A fresh one."""
        return Warehouse(self._home / f"warehouse-{next(self._count)}", self._project, **self._vars)

    def judge_rules(self, histories: Sequence[History]) -> dict[int, list[Difference]]:
        """One full build against the oracle."""
        world = world_of(histories)
        found = differences(by_the_oracle(world, self.rules), at_once(world, self.warehouse()))
        return {n - 1: those for n, those in by_history(found).items() if n > 0}

    def judge_order(self, histories: Sequence[History]) -> dict[int, list[Difference]]:
        """Steps against one full build."""
        world = world_of(histories)
        found = differences(at_once(world, self.warehouse()), stepwise(world, self.warehouse()))
        return {n - 1: those for n, those in by_history(found).items() if n > 0}

    def explain(self, world: World, found: Sequence[Difference], judge: Judge, what: str) -> str:
        """Why a world failed, on its smallest failing history made smaller still."""
        failed = by_history(found)
        smallest = min(
            failed,
            key=lambda n: (n not in world or n == WATCHERS, world[n].size if n in world else 0, n),
        )
        if smallest not in world or smallest == WATCHERS:
            return "\n".join([f"{what}:", *map(str, failed[smallest])])
        small, theirs = shrink(world[smallest], judge)
        return "\n".join(
            [
                f"{what}: {len(failed)} of {len(world)} histories differ, in {len(found)} values.",
                f"The smallest, history {smallest}, made smaller:",
                told(small, 1, theirs or failed[smallest]),
            ]
        )
