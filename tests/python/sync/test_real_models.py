"""The command over the real models: a bounce and an opt-out obeyed, a delivery that frees again."""

from __future__ import annotations

import itertools
import random
import time
from typing import Any

from tests.python.conftest import Warehouse
from tests.python.size import sized
from tests.python.sync.real import cli, started
from tests.python.sync.world import SandboxClient

KILLS = sized(small=3, deep=200)


EVERYTHING = ("--max-suppress", "100%:1000000", "--max-release", "100%:1000000")


def plan_of(warehouse: Warehouse, sandbox: SandboxClient) -> str:
    """The hash of what is pending."""
    return str(cli(warehouse, sandbox, "plan")[1]["hash"])


def event(kind: str, email: str, at: int, **more: Any) -> dict[str, Any]:
    return {"email": email, "event": kind, "timestamp": at, "sg_event_id": f"{kind}-{at}", **more}


def test_the_loop_closes_over_the_real_models(warehouse: Warehouse, sandbox: SandboxClient) -> None:
    warehouse.land(
        "sendgrid",
        [
            event("bounce", "Bounced@Example.com", 1_777_600_000, type="bounce"),
            event("unsubscribe", "left@example.com", 1_777_600_001),
            event("something_new", "x@example.com", 1_777_600_002),
            event("group_unsubscribe", "y@example.com", 1_777_600_003, asm_group_id=77),
        ],
    )
    warehouse.land("sendgrid", "{cut")
    warehouse.build()
    _, status = cli(warehouse, sandbox, "status")
    assert status["build"]["ok"] is True
    assert status["quarantined"] == [
        {"source": "sendgrid", "reason": "malformed JSON", "deliveries": 1}
    ]
    assert [row["provider_event"] for row in status["unknown_events"]] == ["something_new"]
    assert [row["topic"] for row in status["unlisted_topics"]] == ["77"]
    assert [row["items"] for row in status["pending"]] == [1, 1]
    code, plan = cli(warehouse, sandbox, "plan")
    assert (code, plan["destinations"][0]["items"]) == (0, 2)
    assert cli(warehouse, sandbox, "push")[0] == 3
    assert cli(warehouse, sandbox, "push", "--plan", plan["hash"])[0] == 0
    assert sandbox.lists()["global"] == ["bounced@example.com", "left@example.com"]
    assert cli(warehouse, sandbox, "plan")[1]["destinations"][0]["items"] == 0

    # The platform's own list has the bounce too; a later delivery ends it, the opt-out stays.
    sandbox.fill({"bounces": ["bounced@example.com"]})
    delivered = event("delivered", "bounced@example.com", 1_777_700_000)
    warehouse.land("sendgrid", [delivered], received_at="2026-05-03T08:00:00Z")
    warehouse.build("--selector", "frequent")
    code, report = cli(warehouse, sandbox, "push")
    assert (code, report["destinations"][0]["released"]) == (0, 1)
    assert sandbox.lists()["global"] == ["left@example.com"]
    assert sandbox.lists()["bounces"] == []
    _, status = cli(warehouse, sandbox, "status")
    assert status["pending"] == []
    assert [(row["outcome"], row["items"]) for row in status["ledger"]] == [("confirmed", 3)]


def test_a_refusal_after_a_release_without_an_answer_is_sent_again(
    warehouse: Warehouse, sandbox: SandboxClient
) -> None:
    who = "ann@example.com"
    warehouse.land(
        "sendgrid",
        [
            event("bounce", who, 1_777_600_000, type="bounce"),
            event("unsubscribe", "left@example.com", 1_777_600_001),
        ],
    )
    warehouse.build()
    assert (
        cli(warehouse, sandbox, "push", *EVERYTHING, "--plan", plan_of(warehouse, sandbox))[0] == 0
    )
    warehouse.land(
        "sendgrid", [event("delivered", who, 1_777_700_000)], received_at="2026-05-03T08:00:00Z"
    )
    warehouse.build("--selector", "frequent")
    # The platform takes her off its list, and its answer is lost.
    sandbox.fault("reset_after", method="DELETE", path="/global/")
    code, report = cli(warehouse, sandbox, "push")
    assert (code, report["destinations"][0]["failed"]) == (1, 1)
    sandbox.heal()
    assert sandbox.lists()["global"] == ["left@example.com"]
    assert cli(warehouse, sandbox, "plan")[1]["destinations"][0]["unknown"] == 1
    assert [row["items"] for row in cli(warehouse, sandbox, "status")[1]["unknown"]] == [1]
    assert cli(warehouse, sandbox, "reconcile", "--destination", "sendgrid")[1]["unknown"] == 1
    warehouse.land(
        "sendgrid", [event("unsubscribe", who, 1_777_750_000)], received_at="2026-05-03T20:00:00Z"
    )
    warehouse.build("--selector", "frequent")
    assert cli(warehouse, sandbox, "push")[0] == 0
    assert sandbox.lists()["global"] == [who, "left@example.com"]
    plan = cli(warehouse, sandbox, "plan")[1]["destinations"][0]
    assert (plan["items"], plan["unknown"]) == (0, 0)


def test_releases_and_refusals_under_kills_and_faults_end_as_the_mart_says(
    warehouse: Warehouse, sandbox: SandboxClient
) -> None:
    """Each round frees some, is killed in it, and hears refusals of those that it was freeing."""
    chance = random.Random(14)
    people = [f"person{number}@example.com" for number in range(12)]
    hours = itertools.count(1)
    # The first build makes everything.
    selection: list[str] = []

    def say(**said: list[str]) -> None:
        at = 1_777_600_000 + 3600 * next(hours)
        warehouse.land(
            "sendgrid",
            [
                event(kind, who, at, **({"type": "bounce"} if kind == "bounce" else {}))
                | {"sg_event_id": f"{kind}-{at}-{who}"}
                for kind, names in said.items()
                for who in names
            ],
        )
        warehouse.build(*selection)

    say(bounce=people)
    selection += ["--selector", "frequent"]
    cli(warehouse, sandbox, "push", "--plan", plan_of(warehouse, sandbox))
    for _ in range(KILLS if warehouse.adapter == "duckdb" else 1):
        chance.shuffle(people)
        say(delivered=people[:6])
        sandbox.fault("reset_after", method="DELETE", probability=0.3)
        sandbox.fault("slow", seconds=0.05)
        until = sandbox.call_count() + chance.randint(1, 6)
        process = started(warehouse, sandbox, "push", *EVERYTHING, SENDGRID_BATCH_SIZE="1")
        while sandbox.call_count() < until and process.poll() is None:
            time.sleep(0.005)
        process.kill()
        process.communicate()
        sandbox.heal()
        # Whom the killed run may have freed says stop.
        say(unsubscribe=people[:3], bounce=people[6:])
        assert cli(warehouse, sandbox, "push", *EVERYTHING)[0] == 0
        marts = "main" if warehouse.adapter == "duckdb" else "marts"
        listed = warehouse.values(f"select address from {marts}.suppression_list order by 1")
        assert sorted(sandbox.lists()["global"]) == listed
