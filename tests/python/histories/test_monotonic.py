"""Adding any event that is not a grant or a sign of life takes no address off the list.

The exceptions that the design names are not drawn (see additions.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from . import oracle
from .additions import Grown, grown_histories
from .history import History
from .payloads import copies, lines
from .scale import COUNT, POLICIES, SEED, project_under
from .strategies import AS_OF, LAST_REACTION, collect
from .trial import (
    Difference,
    Trials,
    by_history,
    by_the_oracle,
    differences,
    history_of_row,
    shrink,
    told,
    world_of,
)
from .warehouse import Marts
from .world import Rules

# Above what any history names: crowding is one of the exceptions.
NOBODY_IS_CROWDED = {"max_addresses_per_contact": 50}

# dbt leaves its log file to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


@pytest.mark.parametrize("policy", POLICIES)
def test_in_the_oracle_no_refusal_takes_an_address_off_the_list(
    policy: str, tmp_path: Path
) -> None:
    _, rules, _ = project_under(policy, tmp_path, **NOBODY_IS_CROWDED)
    for grown in collect(grown_histories(rules), COUNT, SEED + 2):
        gone = lost_by_the_oracle(grown, rules)
        assert not gone, (
            f"Off the list: {gone}\n{told(grown.before, 1)}\nAdded:\n{told(grown.added, 1)}"
        )


@pytest.mark.parametrize("policy", POLICIES)
def test_in_the_models_no_refusal_takes_an_address_off_the_list(
    policy: str, tmp_path: Path
) -> None:
    project, rules, its_vars = project_under(policy, tmp_path, **NOBODY_IS_CROWDED)
    trials = Trials(tmp_path, rules, project, **its_vars)
    drawn = collect(grown_histories(rules), COUNT, SEED + 3)
    gone, before, after = lost_by_the_models(drawn, trials)
    print(f"CONTACT_SYNC_HISTORIES_SEED={SEED}: listed {len(before[0])}, then {len(after[0])}")
    assert not gone, explain(drawn, gone, trials)
    assert len(after[0]) > len(before[0]) > COUNT / 4

    wrong = differences(by_the_oracle(world_of([grown.whole for grown in drawn]), rules), after)
    assert not wrong, "\n".join(map(str, wrong[:20]))


def lost_by_the_oracle(grown: Grown, rules: Rules) -> set[str]:
    """What is off the oracle's list of a history after the addition."""
    before, after = (
        oracle.marts(copies(history, 1), rules, AS_OF, LAST_REACTION)[0].keys()
        for history in (grown.before, grown.whole)
    )
    return before - after


def lost_by_the_models(
    drawn: Sequence[Grown], trials: Trials
) -> tuple[list[Difference], Marts, Marts]:
    """What is off the models' list after the additions, and the marts before and after."""
    warehouse = trials.warehouse()
    before = world_of([grown.before for grown in drawn])
    warehouse.land(line for n, history in before.items() for line in lines(history, n))
    warehouse.build(AS_OF)
    first = warehouse.marts()
    added = enumerate((grown.added for grown in drawn), start=1)
    warehouse.land(line for n, history in added for line in lines(history, n))
    warehouse.build(AS_OF)
    then = warehouse.marts()
    gone = [
        Difference(history_of_row(row), "suppression_list", key, "(row)", row["event_type"], None)
        for key, row in first[0].items()
        if key not in then[0]
    ]
    return gone, first, then


def explain(drawn: Sequence[Grown], gone: list[Difference], trials: Trials) -> str:
    """The smallest history that lost an address, made smaller as far as the oracle keeps it."""

    def judge(histories: Sequence[History]) -> dict[int, list[Difference]]:
        candidates = [Grown.of(history) for history in histories]
        lost, _, _ = lost_by_the_models(candidates, trials)
        return {
            n - 1: those
            for n, those in by_history(lost).items()
            if not lost_by_the_oracle(candidates[n - 1], trials.rules)
        }

    failed = by_history(gone)
    smallest = min(failed, key=lambda n: drawn[n - 1].whole.size)
    small, found = shrink(drawn[smallest - 1].whole, judge)
    grown = Grown.of(small)
    return "\n".join(
        [
            f"{len(gone)} addresses of {len(failed)} histories are off the list.",
            f"The smallest, history {smallest}, made smaller:",
            told(grown.before, 1),
            "Then came:",
            told(grown.added, 1, found or failed[smallest]),
        ]
    )


def test_what_is_added_is_worth_adding(tmp_path: Path) -> None:
    _, rules, _ = project_under(next(iter(POLICIES)), tmp_path, **NOBODY_IS_CROWDED)
    added = [grown.added for grown in collect(grown_histories(rules), 500, SEED + 4)]
    told_of = itertools.chain.from_iterable(copies(history, 1) for history in added)
    types = {copy.event.event_type for copy in told_of}
    assert types >= {
        "complaint",
        "unsubscribe",
        "bounce",
        "block",
        "sent",
        "soft_bounce",
        "identify",
    }
    assert not types & {"subscribe", "topic_subscribe", "delivered", "open", "click", "reactivate"}
