"""`contact-sync status`: what it counts, as text and as JSON."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from sync.clock import utc_now
from sync.delivery.guard import Limits
from sync.reports.status import FINDINGS
from tests.python.conftest import ROOT
from tests.python.sync.engines import ENGINES
from tests.python.sync.world import SandboxClient, World

on_each_engine = pytest.mark.parametrize("engine", ENGINES, indirect=True)


@pytest.fixture
def busy(world: World, sandbox: SandboxClient) -> World:
    """A world in which every section has something to show."""
    world.sql("delete from raw.builds where true")
    world.build(age=timedelta(hours=2))
    world.sql(
        """
        insert into events (source, event_type, provider_event, topic) values
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
    world.sql(
        "insert into quarantined_deliveries (source, reason) values ('mailgun', 'malformed JSON')"
    )
    world.sql(
        "insert into int_events_unioned values"
        " ('postmark', 'Surprise', null, true), ('postmark', 'Bounce/HardBounce', null, false),"
        " ('sendgrid', 'group_unsubscribe', '55', false), ('segment', 'track/left', null, false)"
    )
    world.sql("insert into track_names values ('segment', 'left us'), ('segment', 'sms sent')")
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


@on_each_engine
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
    assert status["unmatched_rows"] == [
        {"seed": "track_names", "source": "segment", "name": "left us", "why": "never came"}
    ]
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


@on_each_engine
def test_every_section_as_text(busy: World) -> None:
    done = busy.cli("status", "--all")
    assert done.returncode == 0
    for expected in (
        "Newest build: ok, 2 h 0 min ago",
        "Webhook requests of the last 30 days",
        "malformed JSON",
        "Surprise",
        "left us",
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


@on_each_engine
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


@on_each_engine
def test_a_platform_without_a_key_is_named_though_nothing_is_pending(world: World) -> None:
    told = json.loads(world.cli("status", "--output", "json", SENDGRID_API_KEY="").stdout)
    assert told["unready"].keys() == {"sendgrid"}
    assert "SENDGRID_API_KEY is not set" in told["unready"]["sendgrid"]
    text = world.cli("status", SENDGRID_API_KEY="").stdout
    assert "Cannot be pushed to from here" in text
    assert "SENDGRID_API_KEY is not set" in text
    assert json.loads(world.cli("status", "--output", "json").stdout)["unready"] == {}


@on_each_engine
def test_where_all_is_well_it_says_so_and_no_more_than_a_screen(world: World) -> None:
    world.already_pushed()
    world.list_addresses(3)
    done = world.cli("status")
    assert done.stdout.startswith("Fine: nothing needs a person.\n")
    assert "Suppression list" in done.stdout
    assert "Ledger" not in done.stdout
    assert len(done.stdout.splitlines()) < 24


@on_each_engine
def test_what_is_urgent_is_said_first_and_then_all_that_was_found(busy: World) -> None:
    busy.build(ok=False)
    # Its act is of January, and it is not pushed.
    busy.want("waits@example.com", reason="unsubscribe")
    text = busy.cli("status").stdout
    first, *others = text.splitlines()
    assert first == (
        "Act now: the newest build failed; 1 opt-outs name a platform's own id, and no address is"
        " known of it; 2 opt-outs wait for longer than 48 hours."
    )
    assert "platforms will never take 1 other changes" in "\n".join(others)
    assert "Surprise" not in text
    told = json.loads(busy.cli("status", "--output", "json").stdout)
    assert told["verdict"] == "act now"
    assert [(one["finding"], one["items"]) for one in told["findings"]] == [
        ("build_failed", 1),
        ("opt_outs_unlinked", 1),
        ("opt_outs_waiting", 2),
        ("contacts_over_address_limit", 1),
        ("rejected", 1),
        ("unknown_events", 1),
        ("unlisted_topics", 1),
        ("unmatched_rows", 1),
    ]


def test_every_finding_has_words() -> None:
    views = ROOT.glob("models/marts/status/findings_of_*.sql")
    text = "".join(view.read_text(encoding="utf-8") for view in views)
    found = set(re.findall(r"'(\w+)' as finding", text))
    assert found | {"run_died"} == FINDINGS.keys()


def test_a_build_is_old_where_nothing_is_pushed_from_it() -> None:
    """Said of one number in four places; the rule of messages may have another, but not so."""
    hours = int(Limits().max_age.total_seconds()) // 3600
    view = (ROOT / "models/marts/status/findings_of_builds.sql").read_text(encoding="utf-8")
    assert f"ended_at < {{{{ hours_ago({hours}) }}}}" in view
    assert f"older than {hours} hours" in FINDINGS["build_old"][0]
    assert f"build_old,{hours}," in (ROOT / "seeds/alert_rules.csv").read_text(encoding="utf-8")


@on_each_engine
def test_without_a_build_it_says_what_to_run(world: World) -> None:
    world.sql("delete from raw.builds where true")
    done = world.cli("status")
    assert done.stdout.startswith("Act now: no build is recorded.")
    assert "dbt build" in done.stdout


@on_each_engine
def test_a_killed_run_is_shown_as_killed(world: World) -> None:
    world.sql(
        "insert into raw.sync_runs (run_id, destination, started_at, expires_at, status) values"
        " ('old', 'sendgrid', ?, ?, 'running')",
        [utc_now() - timedelta(hours=2), utc_now() - timedelta(hours=1)],
    )
    runs = json.loads(world.cli("status", "--output", "json").stdout)["runs"]
    assert [(run["run_id"], run["status"]) for run in runs] == [("old", "killed")]
