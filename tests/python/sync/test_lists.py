"""A platform's own lists: taken over as events, and compared with what should be there."""

from __future__ import annotations

import csv
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.python.conftest import (
    ROOT,
    Warehouse,
    every_row_enabled,
    new_built_warehouse,
    project_with_seeds,
)
from tests.python.sync.real import cli, run
from tests.python.sync.world import KEY, SandboxClient, addresses

OURS = addresses(60, "ours")
FOREIGN = addresses(30, "foreign")
on_duckdb = pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)


def bounces(people: list[str]) -> list[dict[str, object]]:
    return [
        {"email": one, "event": "bounce", "type": "bounce", "sg_event_id": one, "timestamp": 1.7e9}
        for one in people
    ]


def unsubscribes(people: list[str]) -> list[dict[str, object]]:
    return [
        {"email": one, "event": "unsubscribe", "sg_event_id": one, "timestamp": 1.7e9}
        for one in people
    ]


def take_off(sandbox: SandboxClient, people: list[str]) -> None:
    """What somebody does in the platform's own pages."""
    for one in people:
        request = urllib.request.Request(
            f"{sandbox.url}/sendgrid/v3/asm/suppressions/global/{one}",
            method="DELETE",
            headers={"Authorization": f"Bearer {KEY}"},
        )
        urllib.request.urlopen(request, timeout=10).close()


def pushed(warehouse: Warehouse, sandbox: SandboxClient, people: list[str]) -> None:
    warehouse.land("sendgrid", bounces(people))
    warehouse.build()
    plan = cli(warehouse, sandbox, "plan")[1]["hash"]
    assert cli(warehouse, sandbox, "push", "--plan", plan)[0] == 0


def kinds(found: dict[str, object]) -> dict[str, int]:
    differences = found["differences"]
    assert isinstance(differences, list)
    return {one["kind"]: one["items"] for one in differences}


def test_what_was_removed_and_what_is_foreign_is_found_repaired_and_adopted(
    warehouse: Warehouse, sandbox: SandboxClient
) -> None:
    pushed(warehouse, sandbox, OURS)
    code, found = cli(warehouse, sandbox, "reconcile", "--destination", "sendgrid")
    assert (code, found["items"], found["wanted"]) == (0, 0, 60)

    take_off(sandbox, OURS[:50])
    sandbox.fill({"global": FOREIGN})
    code, found = cli(
        warehouse, sandbox, "reconcile", "--destination", "sendgrid", "--csv", "all.csv"
    )
    assert (code, found["items"], kinds(found)) == (1, 80, {"removed": 50, "foreign": 30})
    with (warehouse.directory / "all.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["address"] for row in rows if row["kind"] == "removed"} == set(OURS[:50])
    assert {row["address"] for row in rows if row["kind"] == "foreign"} == set(FOREIGN)

    code, found = cli(
        warehouse, sandbox, "reconcile", "--destination", "sendgrid", "--adopt", "--repair"
    )
    assert (code, found["adopted"], found["repair"]["destinations"][0]["suppressed"]) == (0, 30, 50)
    assert set(sandbox.lists()["global"]) == {*OURS, *FOREIGN}
    warehouse.build("--selector", "frequent")
    code, found = cli(warehouse, sandbox, "reconcile", "--destination", "sendgrid")
    assert (code, found["items"], found["wanted"]) == (0, 0, 90)


@on_duckdb
def test_a_pending_refusal_is_missing_and_only_a_repair_sends_it(
    warehouse: Warehouse, sandbox: SandboxClient
) -> None:
    pushed(warehouse, sandbox, OURS[:5])
    take_off(sandbox, OURS[:2])
    warehouse.land("sendgrid", bounces(OURS[5:8]), received_at="2026-05-03T08:00:00Z")
    warehouse.build("--selector", "frequent")
    before = (sandbox.lists(), sorted(warehouse.landing.rglob("*")))
    code, found = cli(warehouse, sandbox, "reconcile", "--destination", "sendgrid")
    assert (code, kinds(found)) == (1, {"missing": 3, "removed": 2})
    # A comparison alone changes nothing anywhere.
    assert (sandbox.lists(), sorted(warehouse.landing.rglob("*"))) == before
    assert cli(warehouse, sandbox, "reconcile", "--destination", "sendgrid", "--repair")[0] == 0
    assert cli(warehouse, sandbox, "plan")[1]["destinations"][0]["items"] == 0


@on_duckdb
def test_a_platforms_lists_are_adopted_with_reason_and_date_and_only_once(
    warehouse: Warehouse, sandbox: SandboxClient
) -> None:
    sandbox.fill(
        {
            "global": addresses(1_100, "left"),
            "bounces": ["bounced@example.com"],
            "spam_reports": ["complained@example.com"],
            "invalid_emails": ["invalid@example.com"],
            "blocks": ["blocked-once@example.com"],
            "groups": {"77": ["no-news@example.com"]},
        }
    )
    warehouse.build()
    code, found = cli(warehouse, sandbox, "adopt", "--destination", "sendgrid")
    assert (code, found["entries"]) == (0, 1_104)
    warehouse.build()
    rows = warehouse.rows("select * from suppression_list")
    listed = {row["address"]: row["event_type"] for row in rows}
    assert len(listed) == 1_103
    assert listed["left7@example.com"] == "unsubscribe"
    assert listed["bounced@example.com"] == "bounce"
    assert listed["complained@example.com"] == "complaint"
    assert listed["invalid@example.com"] == "bounce"
    assert {row["source"] for row in rows} == {"sendgrid"}
    assert all(row["event_timestamp"] <= row["inserted_at"] for row in rows)
    topics = warehouse.rows("select address, topic from events where topic is not null")
    assert topics == [{"address": "no-news@example.com", "topic": "77"}]
    events = warehouse.values("select count(*) from events")
    assert cli(warehouse, sandbox, "adopt", "--destination", "sendgrid")[0] == 0
    warehouse.build()
    assert warehouse.values("select count(*) from events") == events


@on_duckdb
@pytest.mark.parametrize("command", ["adopt", "reconcile"])
def test_a_platform_that_shows_no_list_says_so(
    warehouse: Warehouse, sandbox: SandboxClient, command: str
) -> None:
    done = run(warehouse, sandbox, command, "--destination", "twilio")
    assert (done.returncode, "shows no list" in done.stderr) == (2, True)


@on_duckdb
def test_what_we_put_there_ourselves_is_adopted_as_our_own_and_holds_nobody(
    warehouse: Warehouse, sandbox: SandboxClient
) -> None:
    """A bounce that we filed as a global opt-out must not become the person's refusal."""
    pushed(warehouse, sandbox, OURS[:3])
    assert cli(warehouse, sandbox, "adopt", "--destination", "sendgrid")[0] == 0
    warehouse.build()
    own = warehouse.values("select is_own from events where provider_event like 'list/%'")
    assert own == [True] * 3
    assert warehouse.values("select distinct event_type from suppression_list") == ["bounce"]


BRAZE = {"BRAZE_API_KEY": KEY, "BRAZE_INSTANCE": "iad-05", "BRAZE_RATE": "0"}
GROUP = "12345678-0000-4000-8000-000000000001"


@pytest.fixture
def braze(tmp_path: Path, sandbox: SandboxClient) -> tuple[Warehouse, dict[str, str]]:
    """What dbt builds with all rows enabled, and how the command reaches Braze."""
    warehouse = new_built_warehouse(tmp_path)
    seeds = {"destinations.csv": every_row_enabled()}
    warehouse.project = project_with_seeds(tmp_path / "project", seeds)
    warehouse.dbt("seed")
    warehouse.build()
    return warehouse, {**BRAZE, "BRAZE_BASE_URL": f"{sandbox.url}/braze"}


def named(found: dict[str, Any]) -> set[tuple[str, str]]:
    return {(row["channel"], row["scope"]) for row in found["unreadable"]}


def test_a_row_that_nobody_can_read_stops_no_other(
    braze: tuple[Warehouse, dict[str, str]], sandbox: SandboxClient
) -> None:
    """Braze's push and texts are shown by person only; its emails are taken over all the same."""
    warehouse, settings = braze
    unreadable = {("push", ""), ("sms", GROUP)}
    sandbox.fill({"unsubscribed": FOREIGN, "hard_bounced": FOREIGN[:3]}, "braze")
    reconcile = ("reconcile", "--destination", "braze")
    code, found = cli(warehouse, sandbox, *reconcile, **settings)
    assert (code, kinds(found), named(found)) == (1, {"foreign": 30}, unreadable)
    adopt = ("adopt", "--destination", "braze")
    code, found = cli(warehouse, sandbox, *adopt, **settings)
    assert (code, found["entries"], named(found)) == (0, 33, unreadable)
    warehouse.build()
    assert len(warehouse.rows("select * from suppression_list")) == 30
    done = run(warehouse, sandbox, *adopt, **settings)
    assert "braze push was passed over: Braze shows no list" in done.stdout
    # With --scope every channel is asked; those that show none are named.
    code, found = cli(warehouse, sandbox, *adopt, "--scope", "", **settings)
    assert (code, found["entries"], named(found)) == (0, 33, {("push", ""), ("sms", "")})
    # Where nothing can be read at all, nothing is passed over in silence.
    done = run(warehouse, sandbox, *adopt, "--scope", GROUP, **settings)
    assert (done.returncode, "shows no list" in done.stderr) == (2, True)


@pytest.fixture(scope="module")
def two_streams(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """One opt-out, built where two of Postmark's streams are told; no test builds again."""
    directory = tmp_path_factory.mktemp("streams")
    warehouse = new_built_warehouse(directory)
    rows = "postmark,email,{},suppression,all,marketing,false,false,true\n"
    text = (ROOT / "seeds" / "destinations.csv").read_text(encoding="utf-8")
    streams = ("broadcast", "outbound")
    seed = text.splitlines()[0] + "\n" + "".join(map(rows.format, streams))
    reasons = "destination,channel,scope,reason\n" + "".join(
        f"postmark,email,{stream},unsubscribe\n" for stream in streams
    )
    seeds = {"destinations.csv": seed, "destination_reasons.csv": reasons}
    warehouse.project = project_with_seeds(directory / "project", seeds)
    warehouse.land("sendgrid", unsubscribes(OURS[:1]))
    warehouse.dbt("seed")
    warehouse.build()
    return warehouse


@pytest.mark.parametrize("command", ["adopt", "reconcile"])
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"kind": "error", "status": 400, "message": "no"}, "HTTP 400"),
        ({"kind": "error", "status": 418}, "HTTP 418"),
        ({"kind": "answer", "status": 200, "body": {"x": 1}}, "no list"),
    ],
    ids=["400", "418", "shape"],
)
def test_a_list_that_fails_is_named_and_the_others_are_done(
    two_streams: Warehouse, sandbox: SandboxClient, command: str, fault: dict[str, Any], says: str
) -> None:
    """Of two streams one fails: nothing of it counts as missing, and the exit code says so."""
    settings = {
        "POSTMARK_SERVER_TOKEN": KEY,
        "POSTMARK_RATE": "0",
        "POSTMARK_BASE_URL": f"{sandbox.url}/postmark",
        "CONTACT_SYNC_RETRY_WAIT": "0.01",
    }
    sandbox.fill({"outbound": FOREIGN[:4], "broadcast": FOREIGN[4:6]}, "postmark")
    sandbox.fault(**fault, platform="postmark", path="/broadcast/")
    code, found = cli(two_streams, sandbox, command, "--destination", "postmark", **settings)
    assert (code, named(found)) == (1, {("email", "broadcast")})
    assert says in found["unreadable"][0]["error"]
    assert found["entries"] == 4
    if command == "reconcile":
        assert kinds(found) == {"missing": 1, "foreign": 4}
        assert {one["scope"] for one in found["differences"]} == {"outbound"}


@on_duckdb
def test_of_two_scopes_the_one_that_is_there_is_adopted(
    warehouse: Warehouse, sandbox: SandboxClient
) -> None:
    sandbox.fill({"groups": {"101": ["a@example.com"]}})
    adopt = ("adopt", "--destination", "sendgrid", "--scope", "999")
    done = run(warehouse, sandbox, *adopt)
    assert (done.returncode, "999" in done.stderr) == (2, True)
    code, found = cli(warehouse, sandbox, *adopt, "--scope", "101")
    assert (code, found["entries"], named(found)) == (1, 1, {("email", "999")})
