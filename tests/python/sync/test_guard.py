"""The guard: exit 3 and nothing sent (by scrub, written), and --plan as the only way past it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from sync.cli.plan import plan_json
from sync.delivery.guard import Limits, Share
from sync.delivery.plan import make_plan
from sync.delivery.report import Report
from sync.errors import GuardStop
from tests.python.sync.engines import ENGINES
from tests.python.sync.world import SandboxClient, World, addresses

pytestmark = pytest.mark.parametrize("engine", ENGINES, indirect=True)


def refused(report: Report, sandbox: SandboxClient) -> str:
    part = report.parts[0]
    assert report.exit_code == 3
    assert isinstance(part.error, GuardStop)
    assert part.status == "guarded"
    assert sandbox.call_count() == 0
    assert "push --plan" in str(part.error)
    return str(part.error)


def test_a_failed_build_is_not_pushed(world: World, sandbox: SandboxClient) -> None:
    world.already_pushed()
    world.want("a@example.com")
    world.build(ok=False)
    assert "newest build failed" in refused(world.push(), sandbox)


def test_only_the_newest_build_counts(world: World, sandbox: SandboxClient) -> None:
    world.already_pushed()
    world.want("a@example.com")
    world.build(ok=False, age=timedelta(minutes=5))
    assert world.push().exit_code == 0
    assert sandbox.lists()["global"] == ["a@example.com"]


def test_an_old_build_is_not_pushed(world: World, sandbox: SandboxClient) -> None:
    world.already_pushed()
    world.want("a@example.com")
    world.sql("delete from raw.builds where true")
    world.build(age=timedelta(hours=30))
    assert "30 h old" in refused(world.push(), sandbox)
    assert world.push(limits=Limits(max_age=timedelta(hours=31))).exit_code == 0


def test_without_any_build_nothing_is_pushed(world: World, sandbox: SandboxClient) -> None:
    world.already_pushed()
    world.want("a@example.com")
    world.sql("delete from raw.builds where true")
    assert "no build is recorded" in refused(world.push(), sandbox)


def test_an_empty_list_beside_a_full_ledger_is_not_pushed(
    world: World, sandbox: SandboxClient
) -> None:
    world.already_pushed()
    world.want("a@example.com", action="release")
    assert "suppression_list is empty" in refused(world.push(), sandbox)


def test_the_first_push_to_a_row_needs_a_plan(world: World, sandbox: SandboxClient) -> None:
    sandbox.fill({"groups": {"7": []}})
    world.already_pushed()
    world.want("a@example.com")
    world.want("b@example.com", scope="7")
    message = refused(world.push(), sandbox)
    assert "sendgrid email 7: the first push" in message
    assert "sendgrid email: the first push" not in message
    assert world.push(plan=True).exit_code == 0


def test_a_first_push_that_failed_is_still_the_first(world: World, sandbox: SandboxClient) -> None:
    world.want("a@example.com")
    sandbox.fault("unauthorized")
    assert world.push(plan=True).exit_code == 1
    sandbox.reset()
    assert "the first push" in refused(world.push(), sandbox)
    assert world.push(plan=True).exit_code == 0
    world.want("b@example.com")
    assert world.push().exit_code == 0


@pytest.mark.parametrize("action", ["suppress", "release"])
def test_more_changes_than_the_share_are_not_pushed(
    world: World, sandbox: SandboxClient, action: str
) -> None:
    world.already_pushed()
    world.list_addresses(1000)
    world.want(*addresses(300), action=action)
    assert f"300 to {action}" in refused(world.push(), sandbox)
    roomy = Limits(max_suppress=Share(0.5, 0), max_release=Share(0.5, 0))
    assert world.push(limits=roomy).exit_code == 0


@pytest.mark.parametrize("action", ["suppress", "release"])
def test_up_to_the_floor_any_share_passes(
    world: World, sandbox: SandboxClient, action: str
) -> None:
    world.already_pushed()
    world.list_addresses(3)
    world.want(*addresses(9), action=action)
    assert (
        world.push(limits=Limits(max_suppress=Share(0.1, 8), max_release=Share(0.1, 8))).exit_code
        == 3
    )
    assert sandbox.call_count() == 0
    assert (
        world.push(limits=Limits(max_suppress=Share(0.1, 9), max_release=Share(0.1, 9))).exit_code
        == 0
    )


def test_a_share_of_zero_lets_nothing_pass(world: World, sandbox: SandboxClient) -> None:
    world.already_pushed()
    world.want("a@example.com")
    done = world.cli("push", "--max-suppress", "0")
    assert done.returncode == 3
    assert sandbox.call_count() == 0


def test_a_guarded_run_is_recorded_and_gives_the_lock_back(world: World) -> None:
    world.want("a@example.com")
    assert world.push().exit_code == 3
    assert sorted(status for _, status in world.runs()) == ["guarded", "running"]
    assert world.push(plan=True).exit_code == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda world: world.build(ok=False),
        lambda world: world.sql("delete from raw.builds where true"),
        lambda world: world.sql("delete from suppression_list where true"),
        lambda world: world.want(*addresses(500, "more")),
    ],
    ids=["failed build", "no build", "empty list", "too many"],
)
def test_a_plan_overrides_the_guard(
    world: World, sandbox: SandboxClient, spoil: Callable[[World], object]
) -> None:
    world.already_pushed()
    world.want("a@example.com")
    spoil(world)
    assert world.push().exit_code == 3
    assert world.push(plan=True).exit_code == 0
    assert "a@example.com" in sandbox.lists()["global"]


def change_rules(world: World, schema: str) -> None:
    world.sql(
        "insert into raw.rule_changes (relation, changed_at)"
        " select ?, current_timestamp from raw.builds",
        [schema],
    )


def test_the_first_push_after_the_policy_changed_needs_a_plan(
    world: World, sandbox: SandboxClient
) -> None:
    world.already_pushed()
    world.want("a@example.com")
    change_rules(world, "of_another_team")
    assert world.push().exit_code == 0
    sandbox.reset()
    world.want("b@example.com")
    change_rules(world, world.warehouse().schema)
    assert "the first push since" in refused(world.push(), sandbox)
    assert world.push(plan=True).exit_code == 0
    world.want("c@example.com")
    assert world.push().exit_code == 0
    assert len(sandbox.lists()["global"]) == 2


def test_a_push_that_a_clock_ahead_stamped_obeys_no_change_of_today(
    world: World, sandbox: SandboxClient
) -> None:
    world.already_pushed()
    world.want("a@example.com")
    assert world.push().exit_code == 0
    sandbox.reset()
    later = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=365)
    world.sql("update raw.sync_runs set started_at = ?, expires_at = ? where true", [later, later])
    world.sql("update raw.sync_runs set status = 'finished' where true")
    world.want("b@example.com")
    change_rules(world, world.warehouse().schema)
    assert "the first push since" in refused(world.push(destinations=["sendgrid"]), sandbox)


def held(report: Report) -> str:
    """What the guard says where it lets suppressions pass and frees nobody."""
    part = report.parts[0]
    assert (report.exit_code, part.status, part.error) == (3, "incomplete", None)
    assert part.tally.released == 0
    assert "push --plan" in str(part.held)
    return str(part.held)


def test_policy_releases_are_sent_under_a_plan_only(world: World, sandbox: SandboxClient) -> None:
    sandbox.fill({"global": ["freed@example.com", "asked@example.com"]})
    world.already_pushed()
    world.list_addresses(5)
    world.want("freed@example.com", action="release", reason="policy")
    world.want("asked@example.com", action="release")
    world.want("a@example.com")
    report = world.push()
    assert report.exit_code == 0
    assert report.parts[0].held_policy == 1
    assert sandbox.lists()["global"] == ["a@example.com", "freed@example.com"]
    assert world.push(plan=True).exit_code == 0
    assert sandbox.lists()["global"] == ["a@example.com"]


def test_a_list_that_lost_one_address_frees_nobody_whatever_the_floor(
    world: World, sandbox: SandboxClient
) -> None:
    sandbox.fill({"global": ["freed@example.com"]})
    world.already_pushed()
    world.list_addresses(5)
    world.sql(
        "insert into int_lost_suppressions (destination, channel, scope, address)"
        " values ('postmark', 'email', '', 'x@example.com')"
    )
    world.want("freed@example.com", action="release")
    assert world.push().exit_code == 0
    sandbox.fill({"global": ["again@example.com"]})
    world.sql("update int_lost_suppressions set destination = 'sendgrid' where true")
    world.want("again@example.com", action="release")
    world.want("a@example.com")
    assert "sendgrid email: 1 left the list since they were pushed" in held(world.push())
    assert sandbox.lists()["global"] == ["a@example.com", "again@example.com"]
    made = make_plan(world.warehouse(), (), Limits(), world.environment)
    shown = plan_json(made)
    assert (made.guard, shown["guard"], shown["destinations"][0]["guard"]) == ([], [], [])
    assert shown["held"] == shown["destinations"][0]["held"]
    assert "sendgrid email: 1 left the list" in shown["held"][0]
    said = world.cli("plan").stdout
    assert "would hold back what would free people: sendgrid email: 1 left the list" in said
    assert "would stop" not in said
    assert world.push(plan=True).exit_code == 0
    assert sandbox.lists()["global"] == ["a@example.com"]


def test_a_limit_does_not_carry_an_implausible_change_past_the_guard(
    world: World, sandbox: SandboxClient
) -> None:
    world.already_pushed()
    world.want(*addresses(20))
    limits = Limits(max_suppress=Share(0.1, 9), max_release=Share(0.1, 9))
    assert "20 to suppress" in refused(world.push(limits=limits, limit=5), sandbox)


def say_stop(world: World, people: int) -> None:
    """So many people leave, each by an event of their own."""
    world.want(*addresses(people), reason="unsubscribe")
    world.sql("update int_deltas set event_id = delta_id where reason = 'unsubscribe'")


def test_refusals_by_persons_pass_whatever_their_number(
    world: World, sandbox: SandboxClient
) -> None:
    """One newsletter makes more people leave than a young list has."""
    world.already_pushed()
    world.list_addresses(10)
    say_stop(world, 150)
    report = world.push()
    assert report.exit_code == 0
    assert len(sandbox.lists()["global"]) == 150
    assert "150 complaints and opt-outs" in report.parts[0].warnings[0]


def test_refusals_of_one_event_are_a_machines(world: World, sandbox: SandboxClient) -> None:
    world.already_pushed()
    world.list_addresses(10)
    world.want(*addresses(150), reason="unsubscribe")
    world.sql("update int_deltas set event_id = 'one' where true")
    assert "149 to suppress" in refused(world.push(), sandbox)


def test_refusals_by_persons_carry_no_bounces_past_the_guard(
    world: World, sandbox: SandboxClient
) -> None:
    world.already_pushed()
    world.list_addresses(10)
    say_stop(world, 150)
    world.want(*addresses(150, "bounced"), reason="bounce")
    assert "150 to suppress" in refused(world.push(), sandbox)


def test_a_build_from_the_future_is_not_pushed(world: World, sandbox: SandboxClient) -> None:
    world.already_pushed()
    world.want("a@example.com")
    world.build(age=-timedelta(hours=7))
    assert "7 h in the future" in refused(world.push(), sandbox)


def _only_build(world: World, age: timedelta) -> None:
    world.sql("delete from raw.builds where true")
    world.build(age=age)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda world: world.build(ok=False), "the newest build failed"),
        (lambda world: _only_build(world, timedelta(hours=30)), "the newest build is 30 h old"),
        (lambda world: world.build(age=-timedelta(hours=7)), "newest build is 7 h in the future"),
        (lambda world: world.sql("delete from raw.builds where true"), "no build is recorded"),
        (
            lambda world: world.sql("delete from suppression_list where true"),
            "suppression_list is empty although the ledger is not",
        ),
    ],
    ids=["failed", "old", "of the future", "none", "empty list"],
)
def test_push_and_scrub_refuse_by_one_rule(
    world: World, sandbox: SandboxClient, spoil: Callable[[World], object], fault: str
) -> None:
    world.already_pushed()
    world.want("a@example.com")
    people = world.directory / "people.csv"
    people.write_text("email\na@example.com\nfree@example.com\n")
    spoil(world)
    for command in (("push",), ("scrub", people.name)):
        done = world.cli(*command)
        assert done.returncode == 3, done.stderr
        assert fault in done.stdout + done.stderr
    assert sandbox.call_count() == 0
    assert list(world.directory.glob("people*")) == [people]
