"""What a push to every destination must come to, whatever goes wrong on the way."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pytest

from sync.cli.push import print_report, report_json
from sync.cli.tables import print_json
from sync.destinations import get
from sync.destinations.base import Item
from sync.errors import UnexpectedAnswer
from tests.python.sync.cases import Case, Row
from tests.python.sync.engines import ENGINES
from tests.python.sync.test_contract import CASES, ROWS, identities, settings_of
from tests.python.sync.world import KEY, SandboxClient, World

#: What befalls one call in three.
TROUBLES: Sequence[dict[str, Any]] = (
    {"kind": "error", "status": 429},
    {"kind": "error", "status": 503},
    {"kind": "reset"},
    {"kind": "reset_after"},
    {"kind": "timeout", "seconds": 2.0},
    {"kind": "truncate"},
)
EACH = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
RUNS = 5


def connect(world: World, case: Case, row: Row) -> None:
    """The row is enabled, was pushed to before, and is the only one."""
    world.sql("delete from destinations where true")
    world.enable(case.name, row.channel, row.scope)
    world.already_pushed(row.scope, case.name, row.channel)
    world.connect(case.name, settings_of(case))


def outcomes(world: World) -> dict[str, str]:
    """The latest outcome of each delta."""
    return {row["delta_id"]: row["outcome"] for row in world.ledger()}


def undoing(case: Case, row: Row, people: Sequence[Item]) -> list[Item]:
    verb = "subscribe" if case.is_profile else "release"
    return [case.person(row, one.address or "", action=verb, priority=100) for one in people]


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
@pytest.mark.parametrize(("case", "row"), ROWS)
def test_what_is_pending_arrives_and_what_ended_is_undone(
    world: World, sandbox: SandboxClient, case: Case, row: Row
) -> None:
    people = case.people(row, 6)
    connect(world, case, row)
    world.want_items(people)
    report = world.push()
    assert report.exit_code == 0, report.parts[0].error
    assert case.suppressed(sandbox.lists(case.name)) == identities(case, people)
    assert set(outcomes(world).values()) == {case.success}
    freed = undoing(case, row, people[:2])
    world.want_items(freed)
    world.push()
    assert {outcomes(world)[one.delta_id] for one in freed} == {case.release_of(row)}
    left = people if case.release_of(row) == "rejected" else people[2:]
    assert case.suppressed(sandbox.lists(case.name)) == identities(case, left)


@EACH
def test_trouble_with_one_call_in_three_converges_within_five_runs(
    world: World, sandbox: SandboxClient, case: Case
) -> None:
    row = case.rows[0]
    people = case.people(row, 40)
    connect(world, case, row)
    world.want_items(people)
    for trouble in TROUBLES:
        sandbox.fault(**trouble, probability=0.3 / len(TROUBLES), platform=case.name)
    size = min(get(case.name).batch_size, 4)
    settings = {"CONTACT_SYNC_TIMEOUT": "0.5", f"{case.name.upper()}_BATCH_SIZE": str(size)}
    for _ in range(RUNS):
        world.push(environment=settings)
    assert case.suppressed(sandbox.lists(case.name)) == identities(case, people)
    assert world.sql("select count(*) from sync_deltas") == [(0,)]
    assert outcomes(world) == {one.delta_id: case.success for one in people}


@EACH
def test_a_refused_credential_stops_that_destination_only(
    world: World, sandbox: SandboxClient, case: Case
) -> None:
    row = case.rows[0]
    other = next(one for one in CASES if one.name not in (case.name, "sendgrid"))
    world.sql("delete from destinations where true")
    for one in (case, other):
        world.enable(one.name, one.rows[0].channel, one.rows[0].scope)
        world.already_pushed(one.rows[0].scope, one.name, one.rows[0].channel)
        world.connect(one.name, settings_of(one))
        world.want_items(one.people(one.rows[0], 3))
    sandbox.fault("unauthorized", platform=case.name)
    report = world.push()
    codes = {part.destination: part.exit_code for part in report.parts}
    assert codes == {case.name: 1, other.name: 0}
    found = outcomes(world)
    assert not any(found.get(one.delta_id) == case.success for one in case.people(row, 3))
    assert case.suppressed(sandbox.lists(case.name)) == set()


@EACH
@pytest.mark.parametrize("kind", ["error", "truncate", "reset"])
def test_no_fault_tells_a_secret_or_an_address(
    world: World,
    sandbox: SandboxClient,
    case: Case,
    kind: str,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    row = case.rows[0]
    address = {
        "email": "very.private+tag@example.com",
        "sms": "+14155550166",
        "push": "privatetoken:APA91b-0123456789abcdef0123456789abcdef",
    }[row.channel]
    one = case.person(row, address, external_id="private-customer")
    connect(world, case, row)
    world.want_items([one])
    secrets = [value for value in settings_of(case).values() if "secret" in value] or [KEY]
    sandbox.fault(
        kind, platform=case.name, message=f"{address} with {' '.join(secrets)} is bad", status=500
    )
    report = world.push(environment={"CONTACT_SYNC_TIMEOUT": "5"})
    print_report(report)
    print_json(report_json(report))
    printed = capsys.readouterr()
    recorded = " ".join(str(found["error"]) for found in world.ledger())
    for text in (printed.out, printed.err, recorded, caplog.text):
        for hidden in ("private", "555016", "very-secret", *secrets):
            assert hidden not in text


@EACH
def test_a_dry_run_needs_no_credential_and_calls_nobody(
    world: World, sandbox: SandboxClient, case: Case
) -> None:
    row = case.rows[0]
    connect(world, case, row)
    world.want_items(case.people(row, 3))
    unset = dict.fromkeys(settings_of(case), "")
    done = world.cli("push", "--dry-run", "--output", "json", **unset)
    assert done.returncode == 0, done.stderr
    assert '"requests": []' not in done.stdout
    assert sandbox.call_count() == 0


def test_what_a_platform_says_of_an_item_is_recorded_without_the_address(
    world: World, sandbox: SandboxClient
) -> None:
    case = next(one for one in CASES if one.name == "mailchimp")
    row = case.rows[0]
    (one,) = case.people(row, 1)
    connect(world, case, row)
    world.want_items([one])
    error = {"email_address": one.address, "error": f"{one.address} looks fake or invalid."}
    answer = {"new_members": [], "updated_members": [], "errors": [error]}
    sandbox.fault("answer", status=200, body=answer)
    world.push()
    (said,) = [found["error"] for found in world.ledger()]
    assert said == "not an address there: <address> looks fake or invalid."


def connected_case(world: World, name: str) -> tuple[Case, Row]:
    case = next(case for case in CASES if case.name == name)
    connect(world, case, case.rows[0])
    return case, case.rows[0]


def test_items_refused_one_by_one_in_an_answer_of_success_stop_nobody_and_name_nobody(
    world: World, sandbox: SandboxClient
) -> None:
    """Postmark frees nobody who complained: the others are freed all the same, run after run."""
    case, row = connected_case(world, "postmark")
    people = case.people(row, 30)
    complaints = [[one.address, "SpamComplaint", "Recipient"] for one in people[:25]]
    sandbox.fill({"outbound": complaints}, case.name)
    world.want_items([one._replace(action="release", priority=100) for one in people])
    part = world.push().parts[0]
    assert part.error is None
    assert part.exit_code == 1
    assert (part.tally.rejected, part.tally.released) == (25, 5)
    assert not any("@" in str(line["error"]) for line in world.ledger())


def test_a_platform_that_knows_nobody_at_all_hides_nobody(
    world: World, sandbox: SandboxClient
) -> None:
    """A wrong app id: as absent they would wait for seven days, and nobody would be told."""
    case, row = connected_case(world, "onesignal")
    world.want_items(case.people(row, 25))
    sandbox.fault("error", platform=case.name, status=404)
    part = world.push().parts[0]
    assert isinstance(part.error, UnexpectedAnswer)
    assert part.exit_code == 1
    assert "25 items" in str(part.error)
    assert set(outcomes(world).values()) == {"failed"}
    sandbox.heal()
    assert world.push().exit_code == 0


def test_strangers_are_absent_where_the_account_is_the_right_one(
    world: World, sandbox: SandboxClient
) -> None:
    """Nobody of them has the app: its id is right all the same, as a harmless call shows."""
    case, row = connected_case(world, "onesignal")
    world.want_items(case.people(row, 25))
    sandbox.fault("error", platform=case.name, status=404, method="PATCH")
    part = world.push().parts[0]
    assert (part.error, part.exit_code, part.tally.absent) == (None, 0, 25)


def test_items_at_fault_never_keep_the_others_from_being_sent(
    world: World, sandbox: SandboxClient
) -> None:
    """30 addresses that the platform refuses are the oldest: whatever happens, the rest arrives."""
    case, row = connected_case(world, "sendgrid")
    people = case.people(row, 60)
    world.want_items(people)
    for one in people[:30]:
        sandbox.fault("poison", platform=case.name, address=case.identity(one))
    for _ in range(RUNS):
        world.push()
    assert case.suppressed(sandbox.lists(case.name)) == identities(case, people[30:])
    assert {outcomes(world)[one.delta_id] for one in people[:30]} == {"rejected"}


def test_what_a_refusing_platform_refused_before_the_run_was_stopped_is_not_hidden(
    world: World, sandbox: SandboxClient
) -> None:
    case, row = connected_case(world, "twilio")
    world.want_items(case.people(row, 8))
    sandbox.fault("error", platform=case.name, status=400, count=3)
    sandbox.fault("error", platform=case.name, status=401)
    part = world.push(environment={"TWILIO_BATCH_SIZE": "1"}).parts[0]
    assert part.exit_code == 1
    assert set(outcomes(world).values()) == {"failed"}


def test_those_who_are_unknown_are_absent_where_others_are_taken(
    world: World, sandbox: SandboxClient
) -> None:
    case, row = connected_case(world, "onesignal")
    people = case.people(row, 40)
    world.want_items(people)
    for one in people[:25]:
        sandbox.fault("error", platform=case.name, status=404, address=case.identity(one))
    part = world.push().parts[0]
    assert (part.exit_code, part.tally.absent, part.tally.suppressed) == (0, 25, 15)


def test_a_few_who_are_unknown_are_believed(world: World, sandbox: SandboxClient) -> None:
    case, row = connected_case(world, "onesignal")
    world.want_items(case.people(row, 19))
    sandbox.fault("error", platform=case.name, status=404)
    part = world.push().parts[0]
    assert (part.exit_code, part.tally.absent) == (0, 19)
