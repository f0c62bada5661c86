"""An item at which a platform fails, whatever it answers, keeps no other from being sent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import pytest

from sync.delivery.isolate import Failures, isolate
from sync.destinations import get
from sync.destinations.base import Item, Outcome
from sync.errors import (
    DestinationDown,
    ItemsRefused,
    NeedsPerson,
    NotThere,
    PlatformError,
    PlatformFailed,
    RefusedForNow,
    UnexpectedAnswer,
)
from tests.python.size import sized
from tests.python.sync.cases import Case
from tests.python.sync.engines import ENGINES
from tests.python.sync.test_contract import CASES, identities
from tests.python.sync.test_contract_runs import connect, outcomes
from tests.python.sync.world import SandboxClient, World, addresses, item

#: What a platform does with a call that names the person.
FAULTS: dict[str, dict[str, Any]] = {
    "500": {"kind": "error", "status": 500},
    "400": {"kind": "error", "status": 400, "message": "no"},
    "404": {"kind": "error", "status": 404},
    "418": {"kind": "error", "status": 418},
    "cut": {"kind": "reset"},
    "half": {"kind": "truncate"},
    "unreadable": {"kind": "hostile", "trick": "deep", "status": 200},
}
BATCHED = [case for case in CASES if get(case.name).batch_size > 1]
#: Mailchimp meets all, the others some: every fault is met by several. 404 names the audience at
#: Mailchimp, and the domain at Mailgun: that is the row's fault, and no item's.
MET = [
    (case, name)
    for number, case in enumerate(BATCHED)
    for turn, name in enumerate(FAULTS)
    if (case.name == "mailchimp" or (number + turn) % sized(small=4, deep=1) == 0)
    and not (name == "404" and case.name in ("mailchimp", "mailgun"))
    # An answer without a body cannot be cut in half.
    and not (name == "half" and case.name == "mparticle")
]
ATTEMPTS = 6


def tries(sandbox: SandboxClient, world: World) -> int:
    """The calls of one more push."""
    before = sandbox.call_count()
    world.push()
    return sandbox.call_count() - before


@pytest.mark.parametrize(("case", "name"), MET, ids=[f"{case.name}-{name}" for case, name in MET])
def test_one_at_whom_the_platform_fails_keeps_no_neighbour_from_being_sent(
    world: World, sandbox: SandboxClient, case: Case, name: str
) -> None:
    row, fault = case.rows[0], FAULTS[name]
    people = case.people(row, 40)
    poison, others = people[7], people[:7] + people[8:]
    connect(world, case, row)
    world.environment[f"{case.name.upper()}_BATCH_SIZE"] = "20"
    world.want_items(people)
    sandbox.fault(**fault, platform=case.name, address=case.identity(poison))
    for _ in range(2):
        world.push()
    found = outcomes(world)
    assert {found[one.delta_id] for one in others} == {case.success}
    assert identities(case, others) <= case.suppressed(sandbox.lists(case.name))
    (last,) = [row for row in world.ledger() if row["delta_id"] == poison.delta_id][-1:]
    assert last["outcome"] == ("rejected" if fault.get("status") == 400 else "failed")
    assert last["error"]
    # Known by now, it is asked for alone: no more calls than one of a push has.
    assert tries(sandbox, world) <= ATTEMPTS
    sandbox.heal()
    world.push()
    if fault.get("status") != 400:
        assert outcomes(world)[poison.delta_id] == case.success


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_a_member_at_whom_mailchimp_fails_costs_a_few_calls_once(
    world: World, sandbox: SandboxClient
) -> None:
    case = next(case for case in CASES if case.name == "mailchimp")
    row = case.rows[0]
    people = case.people(row, 500)
    connect(world, case, row)
    world.want_items(people)
    sandbox.fault("error", status=500, platform=case.name, address=people[123].address)
    part = world.push(plan=True).parts[0]
    assert (part.error, part.exit_code) == (None, 1)
    assert (part.tally.suppressed, part.tally.failed) == (499, 1)
    # Failed calls are repeated, the others are not.
    assert sandbox.call_count() <= (3 * math.log2(500) + 2) * ATTEMPTS
    assert tries(sandbox, world) == ATTEMPTS
    # Whoever is new is sent before it and without it.
    new = [case.person(row, one) for one in addresses(30, "new")]
    world.want_items(new)
    part = world.push().parts[0]
    assert (part.tally.suppressed, part.tally.failed) == (30, 1)
    assert part.calls == 1 + ATTEMPTS


@pytest.mark.parametrize("verb", ["release", "subscribe"])
def test_a_positive_verb_is_divided_likewise(
    world: World, sandbox: SandboxClient, verb: str
) -> None:
    case = next(c for c in CASES if c.name == ("segment" if verb == "subscribe" else "postmark"))
    row = case.rows[0]
    people = [
        case.person(row, one, action=verb, reason="unsubscribe", priority=100)
        for one in addresses(20)
    ]
    connect(world, case, row)
    world.list_addresses(100)
    world.want_items(people)
    sandbox.fault("error", status=500, platform=case.name, address=case.identity(people[3]))
    everyone = world.push(plan=True).parts[0]
    assert everyone.tally.failed == 1
    assert everyone.tally.released + everyone.tally.subscribed == 19


def test_several_of_them_are_all_found(world: World, sandbox: SandboxClient) -> None:
    people = addresses(60)
    bad = set(people[::20])
    world.want(*people)
    for address in bad:
        sandbox.fault("error", status=502, address=address)
    # Three in a row may end a run before all are tried: the next one takes them in another order.
    for _ in range(20):
        world.push_freely()
        if set(sandbox.lists()["global"]) == set(people) - bad:
            break
    assert {a for a, outcome in world.outcomes().items() if outcome == "failed"} == bad
    assert set(sandbox.lists()["global"]) == set(people) - bad


@pytest.mark.parametrize(
    ("fault", "size"), [("500", "1"), ("418", "7"), ("cut", "1000"), ("unreadable", "1000")]
)
def test_a_platform_that_is_down_is_never_asked_item_by_item(
    world: World, sandbox: SandboxClient, fault: str, size: str
) -> None:
    world.want(*addresses(1000))
    sandbox.fault(**FAULTS[fault])
    for _ in range(2):
        before = sandbox.call_count()
        part = world.push_freely(environment={"SENDGRID_BATCH_SIZE": size})
        assert part.exit_code == 1
        # Three calls in a row, and what was under way beside them.
        assert sandbox.call_count() - before <= 14 * ATTEMPTS
    assert set(world.outcomes().values()) == {"failed"}
    sandbox.heal()
    assert world.push_freely().exit_code == 0
    assert len(sandbox.lists()["global"]) == 1000


def test_answers_of_no_shape_are_not_asked_for_item_by_item(
    world: World, sandbox: SandboxClient
) -> None:
    """A call succeeds and says nothing: no breaker of calls sees it."""
    world.want(*addresses(400))
    sandbox.fault("answer", status=200, body=["an answer"])
    part = world.push_freely(environment={"SENDGRID_BATCH_SIZE": "20"})
    assert part.exit_code == 1
    # One call for each batch, and a few single ones before nothing is divided any more.
    assert sandbox.call_count() <= 20 + 10
    assert set(world.outcomes().values()) == {"failed"}


def test_those_at_whom_it_fails_never_keep_the_others_back_where_a_call_takes_one(
    world: World, sandbox: SandboxClient
) -> None:
    """The oldest are at fault: were they first in every run, it would be given up each time."""
    case = next(case for case in CASES if case.name == "onesignal")
    row = case.rows[0]
    people = case.people(row, 30)
    connect(world, case, row)
    world.want_items(people)
    for one in people[:6]:
        sandbox.fault("error", status=500, platform=case.name, address=case.identity(one))
    for _ in range(3):
        world.push()
    assert case.suppressed(sandbox.lists(case.name)) == identities(case, people[6:])


def test_a_platform_that_failed_at_very_many_is_asked_in_batches_again(
    world: World, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was down: nobody is at fault, and the order of delivery is that of importance."""
    monkeypatch.setattr("sync.warehouse.spool._MOST_SUSPECTS", 50)
    world.want(*addresses(100))
    sandbox.fault("error", status=503)
    world.push_freely()
    sandbox.heal()
    world.want("new@example.com")
    before = sandbox.call_count()
    assert world.push_freely().exit_code == 0
    assert sandbox.call_count() - before == 1


class Platform:
    """Fails at calls that hold one of some items, with an error of their own making."""

    def __init__(self, poison: Sequence[Item], error: PlatformError) -> None:
        self.poison = {one.delta_id for one in poison}
        self.error = error
        self.calls = 0

    def take(self, batch: Sequence[Item]) -> Iterator[Outcome]:
        self.calls += 1
        if self.poison & {one.delta_id for one in batch}:
            raise self.error
        yield from (Outcome(one, "confirmed", 201) for one in batch)


@pytest.mark.parametrize("size", [*range(1, 20), 100, 500])
def test_one_never_costs_more_than_thrice_the_logarithm(size: int) -> None:
    items = [item(f"p{number}@example.com") for number in range(size)]
    for place in range(0, size, 1 if size < 20 else 13):
        platform = Platform([items[place]], PlatformFailed("500", status=500))
        found = list(isolate(platform.take, items))
        assert platform.calls <= 3 * math.log2(size) + 2
        assert sorted(o.item.delta_id for o in found) == sorted(one.delta_id for one in items)
        assert [o.item for o in found if o.result == "failed"] == [items[place]]


@pytest.mark.parametrize("error", [PlatformFailed("500", status=500), NotThere("404", status=404)])
def test_where_everything_fails_three_calls_are_made_and_all_have_failed(
    error: PlatformError,
) -> None:
    items = [item(f"p{number}@example.com") for number in range(500)]
    platform, failures = Platform(items, error), Failures()
    found: list[Outcome] = []
    # A host that is not the platform: the run is over.
    with suppress(NotThere):
        found.extend(isolate(platform.take, items, failures=failures))
    assert platform.calls == 3
    assert {o.result for o in found} == {"failed"}
    assert len({o.item.delta_id for o in found}) == 500


@pytest.mark.parametrize("seen", [DestinationDown("down", attempts=0), UnexpectedAnswer("418")])
def test_what_was_sent_before_the_run_ended_has_failed(seen: PlatformError) -> None:
    items = [item(f"p{number}@example.com") for number in range(8)]
    calls = 0

    def verb(batch: Sequence[Item]) -> Iterator[Outcome]:
        nonlocal calls
        calls += 1
        for _ in batch:
            raise PlatformFailed("500", status=500) if calls == 1 else seen
        yield Outcome(batch[0], "confirmed", 201)

    found: list[Outcome] = []
    with suppress(type(seen)):
        found.extend(isolate(verb, items))
    assert calls > 1
    assert {o.item.delta_id for o in found} == {one.delta_id for one in items}


def test_a_call_that_needs_a_person_is_not_divided_and_not_taken_for_an_outage() -> None:
    items = [item(f"p{number}@example.com") for number in range(50)]
    error = NeedsPerson("no such group", status=400)
    platform, failures = Platform(items, error), Failures()
    failures.note_failed(1)
    failures.note_failed(1)
    found: list[Outcome] = []
    with pytest.raises(NeedsPerson):
        found.extend(isolate(platform.take, items, failures=failures))
    assert platform.calls == 1
    assert {(o.result, o.attempts) for o in found} == {("failed", 1)}
    assert len(found) == 50
    assert failures.may_split


def test_items_that_are_put_off_never_end_a_run() -> None:
    items = [item(f"p{number}@example.com") for number in range(8)]
    failures = Failures()
    platform = Platform(items, RefusedForNow("for now", status=400))
    found = list(isolate(platform.take, items, failures=failures))
    assert {o.result for o in found} == {"failed"}
    assert len(found) == 8
    # Divided no further once nobody was taken, and yet not down.
    assert platform.calls == 3
    assert not failures.is_down
    platform = Platform([items[5]], RefusedForNow("for now", status=400))
    found = list(isolate(platform.take, items))
    assert [o.item for o in found if o.result == "failed"] == [items[5]]


@pytest.mark.parametrize(
    "error", [ItemsRefused("400", status=400), PlatformFailed("500", status=500)]
)
def test_each_part_is_asked_for_once_more_before_its_call(error: PlatformError) -> None:
    """Who opts out between two calls is in the second one no more, and has no outcome."""
    items = [item(f"p{number}@example.com") for number in range(8)]
    poison, gone = items[0], items[1:4]
    calls: list[list[Item]] = []

    def verb(batch: Sequence[Item]) -> Iterator[Outcome]:
        calls.append(list(batch))
        if poison in batch:
            raise error
        yield from (Outcome(one, "confirmed", 201) for one in batch)

    def wanted(part: Sequence[Item]) -> Sequence[Item]:
        return [one for one in part if not calls or one not in gone]

    found = {o.item.delta_id: o.result for o in isolate(verb, items, wanted=wanted)}
    assert not any(one in call for call in calls[1:] for one in gone)
    assert set(found) == {one.delta_id for one in items if one not in gone}
    assert [one for one in items if found.get(one.delta_id) == "confirmed"] == items[4:]


def test_a_run_divides_so_many_calls_and_no_more() -> None:
    """One that takes single items only costs a bounded number of calls a run."""
    items = [item(f"p{number}@example.com") for number in range(2000)]
    calls = 0

    def verb(batch: Sequence[Item]) -> Iterator[Outcome]:
        nonlocal calls
        calls += 1
        if len(batch) > 1:
            raise PlatformFailed("500", status=500)
        yield Outcome(batch[0], "confirmed", 201)

    found = list(isolate(verb, items))
    assert len(found) == 2000
    assert calls <= 3 * 102
    assert any(o.result == "confirmed" for o in found)
