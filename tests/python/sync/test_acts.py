"""An operator's act is an event like any other, and ends no person's refusal."""

from __future__ import annotations

from typing import Any

import pytest

from tests.python.conftest import Warehouse
from tests.python.sync.real import cli, run
from tests.python.sync.world import SandboxClient

on_duckdb = pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
WHY = ("--because", "legal hold", "--by", "mia")


def listed(warehouse: Warehouse) -> dict[str, str]:
    rows = warehouse.rows("select address, event_type from suppression_list")
    return {row["address"]: row["event_type"] for row in rows}


def event(kind: str, email: str, **more: Any) -> dict[str, Any]:
    return {"email": email, "event": kind, "timestamp": 1.7e9, "sg_event_id": email, **more}


def test_staff_end_a_block_and_a_bounce_and_never_a_persons_refusal(
    fresh_warehouse: Warehouse, sandbox: SandboxClient
) -> None:
    warehouse = fresh_warehouse
    warehouse.land(
        "sendgrid",
        [event("bounce", "bounced@example.com", type="bounce"), event("unsubscribe", "left@x.io")],
    )
    code, done = cli(warehouse, sandbox, "suppress", " Noa@X.io", "--channel", "email", *WHY)
    assert (code, done["event_type"], done["holding"]) == (0, "block", None)
    cli(
        warehouse, sandbox, "suppress", "+1 (415) 555-0100", "--channel", "sms",
        "--person-asked", "call 4711", "--by", "mia",
    )  # fmt: skip
    warehouse.build()
    assert listed(warehouse) == {
        "bounced@example.com": "bounce",
        "left@x.io": "unsubscribe",
        "noa@x.io": "block",
        "+14155550100": "unsubscribe",
    }
    (block,) = warehouse.rows("select * from events where event_type = 'block'")
    assert (block["source"], block["source_of_change"]) == ("operator", "mia")
    assert block["reason"] == "legal hold"
    (asked,) = warehouse.rows("select * from events where channel = 'sms'")
    assert asked["reason"] == "evidence: call 4711"

    for address, channel, left in (
        ("noa@x.io", "email", []),
        ("bounced@example.com", "email", []),
        ("left@x.io", "email", ["unsubscribe"]),
        ("+14155550100", "sms", ["unsubscribe"]),
    ):
        code, done = cli(warehouse, sandbox, "release", address, "--channel", channel, *WHY)
        remaining = [one["reason"] for one in done["holding"] if not one["is_ended"]]
        assert (code, remaining) == (1 if left else 0, left)
    said = run(warehouse, sandbox, "release", "left@x.io", "--channel", "email", *WHY)
    assert "only the person may" in said.stderr
    warehouse.build()
    assert listed(warehouse) == {"left@x.io": "unsubscribe", "+14155550100": "unsubscribe"}

    code, _ = cli(
        warehouse, sandbox, "release", "left@x.io", "--channel", "email",
        "--person-asked", "letter 12", "--by", "mia",
    )  # fmt: skip
    assert code == 0
    warehouse.build()
    assert listed(warehouse) == {"+14155550100": "unsubscribe"}


@on_duckdb
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody", "--channel", "email", *WHY], "not an email address"),
        (["555-0100", "--channel", "sms", *WHY], "E.164"),
        (["a@b.io", "--channel", "email", "--by", "mia"], "--because"),
        (["a@b.io", "--channel", "email", "--because", "x", "--by", " "], "--by is empty"),
        (["a@b.io", "--channel", "email", "--because", "x"], "--by"),
        (["a@b.io", "--because", "x", "--by", "mia"], "--channel"),
    ],
)
def test_an_act_that_does_not_say_whom_why_or_who_is_refused_and_lands_nothing(
    warehouse: Warehouse, sandbox: SandboxClient, arguments: list[str], said: str
) -> None:
    done = run(warehouse, sandbox, "suppress", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert not warehouse.landing.exists()
