"""`contact-sync status`: what it counts, as text and as JSON."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from sync.clock import utc_now
from tests.python.sync.engines import ENGINES
from tests.python.sync.world import SandboxClient, World

pytestmark = pytest.mark.parametrize("engine", ENGINES, indirect=True)


@pytest.fixture
def busy(world: World, sandbox: SandboxClient) -> World:
    """A world in which every section has something to show."""
    world.sql("delete from raw.builds where true")
    world.build(age=timedelta(hours=2))
    world.sql(
        """
        insert into events values
            ('sendgrid', 'bounce', 'bounce', null), ('sendgrid', 'bounce', 'bounce', null),
            ('twilio', 'unsubscribe', 'STOP', null),
            ('sendgrid', 'topic_unsubscribe', 'group_unsubscribe', '55'),
            ('sendgrid', 'topic_unsubscribe', 'group_unsubscribe', '77')
        """
    )
    world.sql("insert into topics values ('sendgrid', '55', true)")
    world.sql(
        "insert into raw.webhook_requests values ('sendgrid', '2xx', 40, null),"
        " ('sendgrid', '2xx', 2, null), ('sendgrid', '5xx', 1, null), ('unknown', '4xx', 3, null)"
    )
    world.sql("insert into quarantined_deliveries values ('mailgun', 'malformed JSON')")
    world.sql(
        "insert into int_events_unioned values"
        " ('postmark', 'Surprise', true), ('postmark', 'Bounce/HardBounce', false)"
    )
    world.sql(
        "insert into int_contact_addresses values ('email', 'one', false)"
        + ", ('email', 'shared', true)" * 51
    )
    world.sql(
        "insert into int_events_latest values ('klaviyo', 'email', 'klaviyo:X', null, 'complaint',"
        " false, timestamp '2026-05-01', timestamp '2026-05-01')"
    )
    world.already_pushed()
    world.want("a@example.com", "bad@example.com")
    sandbox.fault("poison", address="bad@example.com")
    world.push()
    world.want("later@example.com", reason="complaint")
    return world


def test_every_section_as_json(busy: World) -> None:
    status: dict[str, Any] = json.loads(busy.cli("status", "--output", "json").stdout)
    assert status["build"]["ok"] is True
    assert 2 * 3600 <= status["build"]["age_seconds"] < 3 * 3600
    assert status["build"]["ended_at"].endswith("Z")
    assert {"source": "sendgrid", "event_type": "bounce", "events": 2} in status["events"]
    assert status["requests"] == [
        {"source": "sendgrid", "requests_2xx": 42, "requests_4xx": 0, "requests_5xx": 1},
        {"source": "unknown", "requests_2xx": 0, "requests_4xx": 3, "requests_5xx": 0},
    ]
    assert status["quarantined"] == [
        {"source": "mailgun", "reason": "malformed JSON", "deliveries": 1}
    ]
    assert status["unknown_events"] == [
        {"source": "postmark", "provider_event": "Surprise", "events": 1}
    ]
    assert status["unlisted_topics"] == [{"source": "sendgrid", "topic": "77", "events": 1}]
    assert status["waiting_opt_outs"] == [
        {
            "source": "klaviyo",
            "channel": "email",
            "opt_outs": 1,
            "oldest": "2026-05-01T00:00:00Z",
        }
    ]
    assert status["contacts_over_address_limit"] == [
        {"channel": "email", "external_id": "shared", "addresses": 51}
    ]
    assert {"channel": "email", "reason": "bounce", "addresses": 2} in status["suppression_list"]
    ledger = {row["outcome"]: row["items"] for row in status["ledger"]}
    assert ledger == {"confirmed": 2, "rejected": 1}
    assert [(row["reason"], row["items"]) for row in status["pending"]] == [("complaint", 1)]
    assert status["rejected"][0]["items"] == 1
    assert status["runs"][0]["status"] == "incomplete"


def test_every_section_as_text(busy: World) -> None:
    done = busy.cli("status")
    assert done.returncode == 0
    for expected in (
        "Newest build: ok, 2 h 0 min ago",
        "Webhook requests of the last 30 days",
        "malformed JSON",
        "Surprise",
        "seeds/provider_events.csv",
        "seeds/topics.csv",
        "docs/platform-ids.md",
        "max_addresses_per_contact",
        "complaint",
        "rejected",
        "not a valid email",
        "incomplete",
        "contact-sync plan",
    ):
        assert expected in done.stdout
    # It shows counts, nobody's address.
    assert "@example.com" not in done.stdout


def test_what_failed_is_told_by_item_with_its_latest_error_while_it_is_pending(
    world: World, sandbox: SandboxClient
) -> None:
    world.already_pushed()
    world.want("a@example.com", "b@example.com")
    for message in ("first trouble", "second trouble"):
        sandbox.fault("error", message=message)
        world.push()
        sandbox.heal()
    (failed,) = json.loads(world.cli("status", "--output", "json").stdout)["failed"]
    assert (failed["destination"], failed["items"]) == ("sendgrid", 2)
    assert "second trouble" in failed["error"]
    world.push()
    assert json.loads(world.cli("status", "--output", "json").stdout)["failed"] == []


def test_a_platform_without_a_key_is_named_though_nothing_is_pending(world: World) -> None:
    told = json.loads(world.cli("status", "--output", "json", SENDGRID_API_KEY="").stdout)
    assert told["unready"].keys() == {"sendgrid"}
    assert "SENDGRID_API_KEY is not set" in told["unready"]["sendgrid"]
    text = world.cli("status", SENDGRID_API_KEY="").stdout
    assert "Cannot be pushed to from here" in text
    assert "SENDGRID_API_KEY is not set" in text
    assert json.loads(world.cli("status", "--output", "json").stdout)["unready"] == {}


def test_a_failed_build_is_said_first(world: World) -> None:
    world.build(ok=False)
    assert world.cli("status").stdout.startswith("Newest build: FAILED")


def test_without_a_build_it_says_what_to_run(world: World) -> None:
    world.sql("delete from raw.builds where true")
    assert "dbt build" in world.cli("status").stdout


def test_a_killed_run_is_shown_as_killed(world: World) -> None:
    world.sql(
        "insert into raw.sync_runs (run_id, destination, started_at, expires_at, status) values"
        " ('old', 'sendgrid', ?, ?, 'running')",
        [utc_now() - timedelta(hours=2), utc_now() - timedelta(hours=1)],
    )
    runs = json.loads(world.cli("status", "--output", "json").stdout)["runs"]
    assert [(run["run_id"], run["status"]) for run in runs] == [("old", "killed")]
