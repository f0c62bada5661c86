"""`check`: what is missing is said before the night's run finds out."""

from __future__ import annotations

import json

import pytest

from tests.python.sync.cases import Case
from tests.python.sync.test_contract import CASES, settings_of
from tests.python.sync.world import SandboxClient, World

EACH = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def enable(world: World, case: Case) -> None:
    world.sql("delete from destinations where true")
    for row in case.rows:
        world.enable(case.name, row.channel, row.scope)
    world.connect(case.name, settings_of(case))


@EACH
def test_a_destination_that_is_ready_is_said_to_be_and_nothing_changes(
    world: World, sandbox: SandboxClient, case: Case
) -> None:
    enable(world, case)
    before = sandbox.lists(case.name)
    done = world.cli("check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{case.name}: ready" in done.stdout
    assert sandbox.lists(case.name) == before
    assert world.ledger() == []


@EACH
def test_a_credential_that_is_refused_is_named(
    world: World, sandbox: SandboxClient, case: Case
) -> None:
    enable(world, case)
    sandbox.fault("unauthorized", platform=case.name)
    done = world.cli("check", "--output", "json")
    assert done.returncode == 1
    (found,) = json.loads(done.stdout)["destinations"]
    assert not found["ok"]
    assert any("not accepted" in str(finding["error"]) for finding in found["findings"])
    assert "very-secret" not in done.stdout + done.stderr


def test_a_variable_that_is_missing_is_named(world: World) -> None:
    done = world.cli("check", SENDGRID_API_KEY="")
    assert done.returncode == 2
    assert "SENDGRID_API_KEY is not set" in done.stdout


def test_a_right_that_is_missing_is_told_from_a_wrong_credential(
    world: World, sandbox: SandboxClient
) -> None:
    sandbox.fault("error", status=403, message="access forbidden", path="/suppression/bounces")
    done = world.cli("check")
    assert done.returncode == 1
    assert "ok      GET /v3/suppression/unsubscribes" in done.stdout
    assert "lacks this right" in done.stdout


def test_a_scope_that_is_not_there_is_named(world: World) -> None:
    world.enable("sendgrid", scope="999")
    done = world.cli("check")
    assert done.returncode == 1
    assert "what the row's scope names is not there" in done.stdout


def test_a_channel_that_the_platform_does_not_take_is_named(world: World) -> None:
    world.enable("sendgrid", channel="sms")
    done = world.cli("check")
    assert done.returncode == 1
    assert "cannot be told about sms" in done.stdout


def test_one_destinations_trouble_hides_no_other(world: World, sandbox: SandboxClient) -> None:
    case = next(case for case in CASES if case.name == "postmark")
    world.enable("postmark", scope="outbound")
    world.connect("postmark", settings_of(case))
    sandbox.fault("unauthorized", platform="postmark")
    done = world.cli("check")
    assert done.returncode == 1
    assert "sendgrid: ready" in done.stdout
    assert "postmark: NOT READY" in done.stdout
