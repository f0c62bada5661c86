"""What a platform filed decides whom it lets go of, and not the reason that we had."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.python.conftest import Warehouse, every_row_enabled, project_with_seeds
from tests.python.sync.real import cli
from tests.python.sync.test_every_destination import CASES, reaching
from tests.python.sync.test_real_models import EVERYTHING, event
from tests.python.sync.world import SandboxClient, addresses

OURS = addresses(4, "ours")
THEIRS = "theirs@example.com"


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_who_complained_elsewhere_and_came_back_is_freed_and_who_complained_there_is_not(
    warehouse: Warehouse, sandbox: SandboxClient, tmp_path: Path
) -> None:
    seeds = {"destinations.csv": every_row_enabled()}
    warehouse.project = project_with_seeds(tmp_path / "project", seeds)
    people = [*OURS, THEIRS]
    warehouse.land(
        "sendgrid",
        [
            event("spamreport", one, 1_777_600_000 + n)
            for n, one in enumerate([*people, "stays@example.com"])
        ],
    )
    warehouse.dbt("seed")
    warehouse.build()
    # Postmark's own complaint is there before ours comes.
    sandbox.fill({"outbound": [[THEIRS, "SpamComplaint", "Recipient"]]}, "postmark")
    settings = reaching(sandbox)
    only = ("--destination", "postmark", "--destination", "braze", "--destination", "mailgun")
    plan = cli(warehouse, sandbox, "plan", *only, **settings)[1]["hash"]
    code, report = cli(warehouse, sandbox, "push", *only, "--plan", plan, **settings)
    # Postmark has two streams.
    assert (code, report["destinations"][2]["suppressed"]) == (0, 12)
    sandbox.fill({"spam": OURS[:1], "hard_bounced": OURS[1:2]}, "braze")
    back = {"event": "Marketing Preference Updated", "properties": {"channel": "email"}}
    back["properties"]["new_status"] = "subscribed"  # type: ignore[index]
    for number, one in enumerate(people):
        call = {
            "type": "track",
            "messageId": f"back-{number}",
            "userId": f"user-{number}",
            "timestamp": "2026-06-01T08:00:00Z",
            "context": {"traits": {"email": one}},
            **back,
        }
        warehouse.land("segment", call, received_at="2026-06-01T08:00:01Z")
    warehouse.build("--selector", "frequent")
    found = cli(warehouse, sandbox, "plan", *only, **settings)[1]["destinations"]
    # A call of 50 to each stream, not none: every complaint is asked for.
    assert found[2]["calls"] == 2
    code, report = cli(warehouse, sandbox, "push", *only, *EVERYTHING, **settings)
    parts = {part["destination"]: part for part in report["destinations"]}
    assert code == 1, [(part["error"], part["held"]) for part in parts.values()]
    assert (parts["postmark"]["released"], parts["postmark"]["rejected"]) == (9, 1)
    assert sandbox.lists("postmark")["broadcast"] == ["stays@example.com"]
    assert sandbox.lists("postmark")["outbound"] == ["stays@example.com", THEIRS]
    for case in CASES:
        if case.name in ("braze", "mailgun"):
            assert (parts[case.name]["released"], parts[case.name]["rejected"]) == (5, 0)
            assert case.suppressed(sandbox.lists(case.name)) == {"stays@example.com"}
    _, status = cli(warehouse, sandbox, "status")
    assert "is filed there" in str(status)
