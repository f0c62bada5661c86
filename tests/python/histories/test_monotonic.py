"""Adding any event that is not a grant or a sign of life takes no address off the list.

The exceptions that the design names are not drawn (see additions.py).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from . import oracle
from .additions import Grown, grown_histories
from .history import history_of
from .payloads import copies, lines
from .scale import COUNT, POLICIES, SEED, SHIPPED_POLICY, project_under
from .strategies import AS_OF, LAST_REACTION, collect
from .trial import by_the_oracle, differences, told, world_of
from .warehouse import Warehouse

# Above what any history names: crowding is one of the exceptions.
NOBODY_IS_CROWDED = {"max_addresses_per_contact": 50}


@pytest.mark.parametrize("policy", POLICIES)
def test_in_the_oracle_no_refusal_takes_an_address_off_the_list(
    policy: str, tmp_path: Path
) -> None:
    _, rules, _ = project_under(policy, tmp_path, **NOBODY_IS_CROWDED)
    for grown in collect(grown_histories(rules), COUNT, SEED + 2):
        before, after = (
            oracle.marts(copies(history, 1), rules, AS_OF, LAST_REACTION)[0].keys()
            for history in (grown.before, grown.whole)
        )
        assert before <= after, report(grown, before - after)


def test_in_the_models_no_refusal_takes_an_address_off_the_list(tmp_path: Path) -> None:
    project, rules, its_vars = project_under(SHIPPED_POLICY, tmp_path, **NOBODY_IS_CROWDED)
    drawn = collect(grown_histories(rules), COUNT, SEED + 3)
    before = world_of([grown.before for grown in drawn])
    added = world_of([grown.added for grown in drawn])
    whole = world_of([grown.whole for grown in drawn])

    warehouse = Warehouse(tmp_path / "warehouse", project, **its_vars)
    warehouse.land(line for n, history in before.items() for line in lines(history, n))
    warehouse.build(AS_OF)
    listed = warehouse.mart("suppression_list").keys()
    warehouse.land(line for n, history in added.items() if n for line in lines(history, n))
    warehouse.build(AS_OF)
    marts = warehouse.mart("suppression_list"), warehouse.mart("contact_profiles")

    gone = sorted(listed - marts[0].keys())
    print(f"CONTACT_SYNC_HISTORIES_SEED={SEED}: {len(listed)} listed before, {len(marts[0])} after")
    assert not gone, report_of(drawn, gone)
    wrong = differences(by_the_oracle(whole, rules), marts)
    assert not wrong, "\n".join(map(str, wrong[:20]))
    assert len(marts[0]) > len(listed) > COUNT / 4


def report_of(drawn: list[Grown], gone: list[str]) -> str:
    """What took the first of these addresses off the list."""
    first = next(n for n, _ in enumerate(drawn, start=1) if any(_is_of(key, n) for key in gone))
    return report(drawn[first - 1], {key for key in gone if _is_of(key, first)}, first)


def _is_of(key: str, n: int) -> bool:
    return history_of(key.partition("|")[2]) == n


def report(grown: Grown, gone: set[str], n: int = 1) -> str:
    """A history, what was added to it, and the addresses that it lost."""
    return "\n".join(
        [
            f"Off the list: {sorted(gone)}",
            told(grown.before, n, ()),
            "Added after it was built:",
            told(grown.added, n, ()),
        ]
    )
