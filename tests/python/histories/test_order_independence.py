"""State is a pure function of the latest events: no order of landing or repetition changes it.

Histories land in one database in five steps with a build after each (one of which breaks off
halfway), and in another all at once; both must equal the oracle in every column of
suppression_list and contact_profiles. See scale.py for how many.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from tests.python.size import sized

from .oracle import State, standing_events
from .payloads import copies
from .scale import COUNT, POLICIES, SEED, SHIPPED_POLICY, project_under
from .strategies import AS_OF, LAST_REACTION, collect, histories
from .trial import (
    Trials,
    World,
    at_once,
    by_the_oracle,
    differences,
    stepwise,
    stepwise_with_kills,
    world_of,
)
from .warehouse import Warehouse
from .witnesses import WITNESSES
from .world import Rules

# dbt leaves its log file to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


@pytest.mark.parametrize("policy", POLICIES)
def test_no_order_of_landing_changes_the_state(policy: str, tmp_path: Path) -> None:
    project, rules, its_vars = project_under(policy, tmp_path)
    trials = Trials(tmp_path, rules, project, **its_vars)
    # Another seed for each policy: as many different histories in all.
    world = world_of(
        [*WITNESSES, *collect(histories(), COUNT, SEED + 1000 * list(POLICIES).index(policy))]
    )
    print(f"CONTACT_SYNC_HISTORIES_SEED={SEED}: {len(world)} histories")
    assert_every_rule_is_met(world, rules)

    warehouse = trials.warehouse()
    full = at_once(world, warehouse)
    assert_the_history_adds_up_to_the_list(warehouse)
    wrong = differences(by_the_oracle(world, rules), full)
    assert not wrong, trials.explain(
        world, wrong, trials.judge_rules, "A full build against the oracle"
    )

    wrong = differences(full, stepwise(world, trials.warehouse()))
    assert not wrong, trials.explain(world, wrong, trials.judge_order, "Steps against a full build")


def test_what_a_killed_build_left_is_done_by_the_next_and_nothing_twice(tmp_path: Path) -> None:
    project, rules, its_vars = project_under(SHIPPED_POLICY, tmp_path)
    trials = Trials(tmp_path, rules, project, **its_vars)
    world = world_of([*WITNESSES, *collect(histories(), sized(small=60, deep=2000), SEED + 7)])
    full = at_once(world, trials.warehouse())
    dice = random.Random(SEED)
    died = 0
    for _ in range(sized(small=1, deep=15)):
        marts, its_dead = stepwise_with_kills(world, trials.warehouse(), dice)
        died += its_dead
        wrong = differences(full, marts)
        assert not wrong, trials.explain(
            world, wrong, trials.judge_order, "Killed builds against a full build"
        )
    assert died >= sized(small=3, deep=60)


def assert_the_history_adds_up_to_the_list(warehouse: Warehouse) -> None:
    """list_history ends with what is listed, and never had fewer than none."""
    wrong = warehouse.query(
        """
        with latest as (
            select channel, reason, listed from list_history
            qualify row_number() over (partition by channel, reason order by date_day desc) = 1
        ),
        ends as (select channel, sum(listed) as addresses from latest group by channel),
        lists as (select channel, count(*) as addresses from suppression_list group by channel)
        select channel, ends.addresses as ends, lists.addresses as lists
        from ends full join lists using (channel)
        where coalesce(ends.addresses, 0) <> coalesce(lists.addresses, 0)
        union all
        select channel, listed, null from list_history where listed < 0
        """
    )
    assert not wrong
    assert warehouse.query("select 1 from list_turns where turn = 'exit'")


def assert_every_rule_is_met(world: World, rules: Rules) -> None:
    """The proof is worth something only if what it is about happens often."""
    seen: Counter[str] = Counter()
    for n, history in world.items():
        state = State(standing_events(copies(history, n), rules, AS_OF), rules, LAST_REACTION)
        echoes = {standing.event_id for standing in state.events if standing.event.is_echo}
        standing_in = {act.event_id for act in state.acts} & echoes
        seen["echoes that add nothing"] += len(echoes - standing_in)
        seen["echoes that count"] += len(standing_in)
        repeating = [e for e in state.events if state.repeats_a_softened_bounce(e)]
        entries = [e for e in state.events if e.event.is_list_entry and not e.event.is_echo]
        seen["entries that repeat a soft bounce"] += len([e for e in entries if e in repeating])
        seen["entries that count"] += len([e for e in entries if e not in repeating])
        seen["refusals that repeat a soft bounce"] += sum(e.event.is_echo for e in repeating)
        seen["crowded contacts"] += len(state.crowded)
        seen["lists"] += len(state.suppression_list())
        for row in state.states.values():
            seen[f"is_subscribed {row.is_subscribed}"] += 1
            seen.update(
                f"{reason} {'holds' if found.holds else 'ended'}"
                for reason, found in row.reasons.items()
            )
    print(dict(sorted(seen.items())))
    expected = [
        "echoes that add nothing",
        "echoes that count",
        "entries that repeat a soft bounce",
        "entries that count",
        "refusals that repeat a soft bounce",
        "crowded contacts",
        "unengaged holds",
    ]
    expected += [f"is_subscribed {said}" for said in (True, False, None)]
    for reason in ("complaint", "unsubscribe", "bounce", "soft_bounces", "block"):
        expected += [f"{reason} holds", f"{reason} ended"]
    rare = {name: seen[name] for name in expected if seen[name] < len(world) / 100}
    assert not rare, f"too rare to prove anything: {rare}"
