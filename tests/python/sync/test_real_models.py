"""The command over the real models: a bounce and an opt-out obeyed, a delivery that frees again."""

from __future__ import annotations

from typing import Any

from tests.python.conftest import Warehouse
from tests.python.sync.real import cli
from tests.python.sync.world import SandboxClient


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
