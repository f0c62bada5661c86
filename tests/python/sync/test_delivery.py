"""From a delta to its ledger row: retries, splitting, refusals, other destinations."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import sync.destinations
from sync.delivery.isolate import isolate
from sync.destinations.base import Item, Outcome
from sync.destinations.sendgrid import SendGrid
from sync.errors import CredentialRefused, DestinationDown, ItemsRefused
from tests.python.sync.engines import ENGINES, DuckDb
from tests.python.sync.world import KEY, SandboxClient, World, addresses, item, wait_until

on_both = pytest.mark.parametrize("engine", ENGINES, indirect=True)


@on_both
def test_batches_are_as_large_as_allowed(world: World, sandbox: SandboxClient) -> None:
    world.want(*addresses(2500))
    part = world.push_freely()
    assert part.tally.suppressed == 2500
    assert sandbox.calls() == {"POST /v3/asm/suppressions/global": 3}
    assert len(sandbox.lists()["global"]) == 2500


@on_both
def test_every_item_has_one_ledger_row(world: World) -> None:
    ids = world.want(*addresses(1500))
    world.push_freely()
    rows = world.ledger()
    assert sorted(row["delta_id"] for row in rows) == sorted(ids)
    assert {row["outcome"] for row in rows} == {"confirmed"}
    assert {row["http_status"] for row in rows} == {201}
    assert {row["attempts"] for row in rows} == {1}


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "error", "status": 500},
        {"kind": "error", "status": 503},
        {"kind": "error", "status": 429},
        {"kind": "reset"},
        {"kind": "reset_after"},
        {"kind": "truncate"},
        {"kind": "timeout", "seconds": 3},
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)
def test_a_passing_fault_is_retried(
    world: World, sandbox: SandboxClient, fault: dict[str, object]
) -> None:
    world.want("a@example.com")
    sandbox.fault(count=2, **fault)  # type: ignore[arg-type]
    part = world.push_freely(environment={"CONTACT_SYNC_TIMEOUT": "0.5"})
    assert part.exit_code == 0
    assert world.ledger()[0]["attempts"] == 3
    assert sandbox.lists()["global"] == ["a@example.com"]


@pytest.mark.parametrize("kind", ["error", "reset", "reset_after", "truncate"])
def test_faults_at_30_percent_converge_within_five_runs(
    world: World, sandbox: SandboxClient, kind: str
) -> None:
    world.want(*addresses(60))
    sandbox.fill({"bounces": addresses(20, "back")})
    world.want(*addresses(20, "back"), action="release")
    sandbox.fault(kind, probability=0.3)
    for _ in range(5):
        part = world.push_freely(environment={"SENDGRID_BATCH_SIZE": "7"})
        if part.exit_code == 0:
            break
    assert part.exit_code == 0
    assert set(sandbox.lists()["global"]) == set(addresses(60))
    assert sandbox.lists()["bounces"] == []
    assert set(world.outcomes().values()) == {"confirmed"}
    assert len(world.outcomes()) == 80


def test_what_failed_is_sent_again_by_the_next_run(world: World, sandbox: SandboxClient) -> None:
    world.want("a@example.com")
    sandbox.fault("error", status=500)
    part = world.push_freely()
    assert (part.exit_code, part.tally.failed) == (1, 1)
    assert "HTTP 500" in world.ledger()[0]["error"]
    sandbox.heal()
    assert world.push_freely().exit_code == 0
    assert [row["outcome"] for row in world.ledger()] == ["failed", "confirmed"]


def test_a_platform_that_is_down_is_given_up_after_three_calls(
    world: World, sandbox: SandboxClient
) -> None:
    world.want(*addresses(500))
    sandbox.fault("error", status=503)
    part = world.push_freely(environment={"SENDGRID_BATCH_SIZE": "1"})
    assert isinstance(part.error, DestinationDown)
    assert part.exit_code == 1
    # Not 500 times six calls: the rest was not tried, and has no row.
    assert sandbox.call_count() < 100
    assert 3 <= len(world.ledger()) < 50
    assert {row["outcome"] for row in world.ledger()} == {"failed"}


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_credential_stops_the_destination_at_once(
    world: World, sandbox: SandboxClient, status: int
) -> None:
    world.want(*addresses(400))
    sandbox.fault("error", status=status)
    part = world.push_freely(environment={"SENDGRID_BATCH_SIZE": "1"})
    assert isinstance(part.error, CredentialRefused)
    assert part.exit_code == 1
    # No more than what was on its way when the first answer came.
    assert sandbox.call_count() <= 32
    assert len(world.ledger()) == sandbox.call_count()
    assert {row["outcome"] for row in world.ledger()} == {"failed"}
    assert {row["http_status"] for row in world.ledger()} == {status}


def test_a_wrong_key_is_refused_by_the_sandbox(world: World) -> None:
    world.want("a@example.com")
    part = world.push_freely(environment={"SENDGRID_API_KEY": "SG.another"})
    assert isinstance(part.error, CredentialRefused)
    assert world.ledger()[0]["http_status"] == 401


@pytest.mark.parametrize("action", ["suppress", "release"])
def test_a_host_that_is_not_the_platform_ends_the_run(
    world: World, sandbox: SandboxClient, action: str
) -> None:
    """Its 404 is never taken for the platform's `not on this list`."""
    world.list_addresses(10)
    world.want(*addresses(100), action=action)
    part = world.push_freely(
        environment={"SENDGRID_BASE_URL": f"{sandbox.url}/elsewhere", "SENDGRID_BATCH_SIZE": "1"}
    )
    assert part.exit_code == 1
    assert part.error is not None
    assert len(world.ledger()) < 100
    assert {row["outcome"] for row in world.ledger()} == {"failed"}


def test_a_poison_item_is_isolated_and_all_others_confirmed(
    world: World, sandbox: SandboxClient
) -> None:
    people = addresses(1000)
    world.want(*people)
    sandbox.fault("poison", address=people[400])
    part = world.push_freely()
    assert (part.exit_code, part.tally.suppressed, part.tally.rejected) == (1, 999, 1)
    assert set(sandbox.lists()["global"]) == set(people) - {people[400]}
    assert sandbox.call_count() <= 2 * math.log2(1000) + 1
    rejected = [row for row in world.ledger() if row["outcome"] == "rejected"]
    assert [(row["address"], row["http_status"]) for row in rejected] == [(people[400], 400)]


def test_several_poison_items_are_all_isolated(world: World, sandbox: SandboxClient) -> None:
    people = addresses(64)
    bad = {people[0], people[31], people[32], people[63]}
    world.want(*people)
    for address in bad:
        sandbox.fault("poison", address=address)
    part = world.push_freely()
    assert (part.tally.suppressed, part.tally.rejected) == (60, 4)
    assert {a for a, outcome in world.outcomes().items() if outcome == "rejected"} == bad


@pytest.mark.parametrize("size", [*range(1, 34), 100, 999, 1000])
def test_one_poison_item_never_costs_more_than_twice_the_logarithm(size: int) -> None:
    """Exhaustive over the place of the item; the platform is a function."""
    positions = range(size) if size < 101 else range(0, size, 37)
    items = [item(f"p{number}@example.com") for number in range(size)]
    for position in positions:
        calls = 0

        def verb(batch: Sequence[Item], poison: Item = items[position]) -> Iterator[Outcome]:
            nonlocal calls
            calls += 1
            if poison in batch:
                raise ItemsRefused("refused", status=400)
            yield from (Outcome(one, "confirmed", 201) for one in batch)

        outcomes = list(isolate(verb, items))
        assert calls <= 2 * math.log2(size) + 1
        assert len(outcomes) == size
        assert [o.item for o in outcomes if o.result == "rejected"] == [items[position]]


def test_a_platform_that_refuses_everything_hides_nothing(
    world: World, sandbox: SandboxClient
) -> None:
    """Rejected rows are hidden for good: a changed API must not make all of them so."""
    world.want(*addresses(500))
    sandbox.fault("error", status=400)
    part = world.push_freely()
    assert part.exit_code == 1
    assert part.tally.rejected == 0
    assert {row["outcome"] for row in world.ledger()} == {"failed"}
    sandbox.heal()
    assert world.push_freely().tally.suppressed == 500


def test_success_of_a_call_is_not_success_of_its_items(
    world: World, sandbox: SandboxClient
) -> None:
    world.want("a@example.com", "forgotten@example.com")
    sandbox.fault("omit", address="forgotten@example.com")
    part = world.push_freely()
    assert part.exit_code == 1
    assert world.outcomes() == {"a@example.com": "confirmed", "forgotten@example.com": "failed"}


@on_both
def test_suppressions_are_through_before_the_first_release(
    world: World, sandbox: SandboxClient
) -> None:
    """A run that is cut off has done what matters most."""
    world.want("free@example.com", action="release")
    world.want(*addresses(30))
    sandbox.fault("error", status=401, method="DELETE")
    part = world.push_freely(environment={"SENDGRID_BATCH_SIZE": "3"})
    assert part.tally.suppressed == 30
    assert part.exit_code == 1


def test_a_suppression_that_failed_lately_is_through_before_the_first_release(
    world: World, sandbox: SandboxClient
) -> None:
    world.want("failed@example.com")
    sandbox.fault("error", status=500)
    world.push_freely()
    sandbox.heal()
    world.want("free@example.com", action="release")
    world.want("new@example.com")
    sandbox.fault("error", status=401, method="DELETE")
    part = world.push_freely(environment={"SENDGRID_BATCH_SIZE": "3"})
    assert part.exit_code == 1
    assert set(sandbox.lists()["global"]) == {"failed@example.com", "new@example.com"}


def test_a_release_that_failed_lately_is_sent_after_the_others(
    world: World, sandbox: SandboxClient
) -> None:
    sandbox.fill({"bounces": ["failed@example.com", "new@example.com"]})
    world.list_addresses(10)
    world.want("failed@example.com", action="release")
    sandbox.fault("error", status=500)
    world.push_freely()
    sandbox.heal()
    world.want("new@example.com", action="release")
    world.push_freely()
    assert [row["address"] for row in world.ledger()] == [
        "failed@example.com",
        "new@example.com",
        "failed@example.com",
    ]


@on_both
def test_a_refusal_that_arrives_during_the_run_stops_the_release(
    world: World, sandbox: SandboxClient
) -> None:
    sandbox.fill({"global": ["kept@example.com", "freed@example.com"]})
    world.already_pushed()
    world.list_addresses(10)
    world.want("slow@example.com")
    kept = world.want("kept@example.com", action="release")
    world.want("freed@example.com", action="release")
    sandbox.fault("slow", seconds=60, count=1)
    process = world.start("push")
    wait_until(lambda: sandbox.call_count() >= 1, "the suppression is on its way")
    # What a build does that has seen the new refusal.
    world.sql("delete from int_deltas where delta_id = ?", kept)
    sandbox.heal()
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "1 no longer wanted" in output
    assert sandbox.lists()["global"] == ["kept@example.com", "slow@example.com"]
    assert set(world.outcomes()) == {"slow@example.com", "freed@example.com"}


def test_a_refusal_that_arrives_between_two_parts_of_a_batch_stops_its_release(
    world: World, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = addresses(8)
    sandbox.fill({"bounces": people})
    world.list_addresses(100)
    ids = world.want(*people, action="release")
    original = SendGrid.release
    calls: list[list[str]] = []

    def release(self: SendGrid, items: Sequence[Item]) -> Iterator[Outcome]:
        calls.append([one.delta_id for one in items])
        if len(calls) == 1:
            # What a build does that has seen the new refusal.
            world.sql("delete from int_deltas where delta_id = ?", [ids[3]])
            raise ItemsRefused("one of them", status=400)
        yield from original(self, items)

    monkeypatch.setattr(SendGrid, "release", release)
    part = world.push_freely()
    assert (part.tally.released, part.tally.withdrawn, part.exit_code) == (7, 1, 0)
    assert not any(ids[3] in call for call in calls[1:])
    assert sandbox.lists()["bounces"] == [people[3]]
    intended = world.sql("select count(*) from raw.sync_ledger where outcome = 'intended'")
    assert intended == [(8,)]


@on_both
def test_what_is_about_to_be_suppressed_is_on_record_before_it_is_sent(world: World) -> None:
    """A run that dies in between leaves a platform that may stop the person, or not."""
    world.want(*addresses(3))
    world.sandbox.fault("error", status=503)
    world.push_freely()
    rows = world.sql(
        "select outcome, count(*), min(pushed_at) from raw.sync_ledger where run_id <> 'earlier'"
        " group by outcome order by min(pushed_at)"
    )
    assert [row[:2] for row in rows] == [("intended", 3), ("failed", 3)]


@on_both
def test_no_answer_is_stamped_before_one_of_a_machine_whose_clock_is_ahead(world: World) -> None:
    """The order of stamps says what a platform has: it must be that of the pushes."""
    world.already_pushed()
    ahead = datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=10)
    world.sql("update raw.sync_ledger set pushed_at = ? where true", [ahead])
    world.list_addresses(10)
    world.want("freed@example.com", action="release")
    assert world.push().exit_code == 0
    stamps = world.sql(
        "select outcome from raw.sync_ledger where run_id <> 'earlier' and pushed_at > ?"
        " order by pushed_at",
        [ahead],
    )
    assert [row[0] for row in stamps] == ["intended", "confirmed"]


def test_a_limited_platform_gets_no_call_too_many(tmp_path: Path) -> None:
    from sync.sandbox.server import running

    with running(rate=20, environment={"SENDGRID_API_KEY": KEY}) as url:
        world = World(tmp_path, SandboxClient(url), DuckDb(tmp_path / "contact_sync.duckdb"))
        world.want(*addresses(60))
        part = world.push_freely(environment={"SENDGRID_RATE": "20", "SENDGRID_BATCH_SIZE": "1"})
        assert part.exit_code == 0
        assert "429" not in world.sandbox.statuses()


def test_a_platform_slower_than_its_documents_is_obeyed(tmp_path: Path) -> None:
    from sync.sandbox.server import running

    with running(rate=30, environment={"SENDGRID_API_KEY": KEY}) as url:
        world = World(tmp_path, SandboxClient(url), DuckDb(tmp_path / "contact_sync.duckdb"))
        world.want(*addresses(90))
        part = world.push_freely(environment={"SENDGRID_RATE": "0", "SENDGRID_BATCH_SIZE": "1"})
        assert part.exit_code == 0
        assert part.tally.suppressed == 90
        # One stop for all, not a stop for every thread and call.
        assert part.refusals < 60


@pytest.fixture
def second_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A destination that consists of nothing but its file."""
    folder = tmp_path / "platforms"
    folder.mkdir()
    source = Path(sync.destinations.__file__).with_name("sendgrid.py").read_text(encoding="utf-8")
    text = source.replace('name = "sendgrid"', 'name = "second"').replace("SENDGRID_", "SECOND_")
    (folder / "second.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(sync.destinations, "__path__", [*sync.destinations.__path__, str(folder)])
    sync.destinations.names.cache_clear()
    yield "second"
    sync.destinations.names.cache_clear()
    sys.modules.pop("sync.destinations.second", None)
    shutil.rmtree(folder)


@on_both
def test_one_destinations_trouble_never_stops_another(
    world: World, sandbox: SandboxClient, second_platform: str
) -> None:
    world.enable(second_platform)
    world.already_pushed()
    world.already_pushed(destination=second_platform)
    world.want("a@example.com")
    world.want("b@example.com", destination=second_platform)
    sandbox.fault("error", status=503, address="b@example.com")
    second = {
        "SECOND_API_KEY": KEY,
        "SECOND_BASE_URL": f"{sandbox.url}/sendgrid",
        "SECOND_RATE": "0",
    }
    report = world.push(environment=second)
    assert report.exit_code == 1
    assert {part.destination: part.exit_code for part in report.parts} == {
        "second": 1,
        "sendgrid": 0,
    }
    assert world.outcomes() == {"a@example.com": "confirmed", "b@example.com": "failed"}


def test_a_destination_without_its_credential_stops_no_other(
    world: World, sandbox: SandboxClient, second_platform: str
) -> None:
    world.enable(second_platform)
    world.already_pushed()
    world.want("a@example.com")
    world.want("b@example.com", destination=second_platform)
    report = world.push()
    assert report.exit_code == 2
    assert "SECOND_API_KEY" in str(report.parts[0].error)
    assert sandbox.lists()["global"] == ["a@example.com"]


def test_a_new_destination_row_is_guarded_alone(
    world: World, sandbox: SandboxClient, second_platform: str
) -> None:
    world.enable(second_platform)
    world.already_pushed()
    world.want("a@example.com")
    world.want("b@example.com", destination=second_platform)
    report = world.push(environment={"SECOND_API_KEY": KEY})
    assert report.exit_code == 3
    assert sandbox.lists()["global"] == ["a@example.com"]


def test_an_address_that_cannot_be_sent_is_rejected_without_a_call(
    world: World, sandbox: SandboxClient
) -> None:
    world.want("a b@example.com", "../x@example.com", "ok@example.com")
    part = world.push_freely()
    assert (part.tally.rejected, part.tally.suppressed) == (2, 1)
    assert sandbox.call_count() == 1
    row = next(row for row in world.ledger() if row["address"] == "a b@example.com")
    assert (row["http_status"], row["attempts"]) == (None, 0)
    assert "a b@" not in row["error"]
