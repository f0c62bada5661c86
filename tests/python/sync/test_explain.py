"""`contact-sync explain` over the real models: the right event and rule for every reason."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import chdir
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sync.reports.evidence import write_evidence
from sync.reports.explain import read_explanation
from sync.warehouse.duckdb import DuckDbWarehouse
from tests.python.bigquery.analyzer import analyze
from tests.python.commands import run
from tests.python.conftest import ROOT, Warehouse, new_built_warehouse, project_with_seeds
from tests.python.sync.engines import ENGINES
from tests.python.sync.world import KEY, SandboxClient

# 1 May 2026, 02:00 UTC and a hundred days before.
MAY = 1_777_600_800
JANUARY = MAY - 100 * 86_400
AT_MAY = "2026-05-01T02:00:00Z"


def event(kind: str, email: str, at: int, contact: str | None = None, **more: Any) -> Any:
    named = {} if contact is None else {"user_id": contact}
    identity = f"{kind}-{email}-{at}"
    return {
        "email": email,
        "event": kind,
        "timestamp": at,
        "sg_event_id": identity,
        **named,
        **more,
    }


@dataclass
class People:
    """A world in which every reason holds for somebody, built by dbt and pushed in part."""

    warehouse: Warehouse
    sandbox: SandboxClient
    deliveries: dict[str, str]
    settings: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run(
            [sys.executable, "-m", "sync", *arguments, "--profiles-dir", "profiles"],
            cwd=self.warehouse.directory,
            env={
                "PATH": "",
                "HOME": str(self.warehouse.directory),
                "PYTHONPATH": str(Path(__file__).parents[3]),
                **self.warehouse.environment,
                "SENDGRID_API_KEY": KEY,
                "SENDGRID_BASE_URL": f"{self.sandbox.url}/sendgrid",
                "SENDGRID_RATE": "0",
                **self.settings,
            },
        )

    def explain(self, *arguments: str) -> dict[str, Any]:
        done = self.run("explain", *arguments, "--output", "json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def text(self, *arguments: str) -> str:
        done = self.run("explain", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout


def of(found: dict[str, Any], channel: str, address: str | None) -> dict[str, Any]:
    (verdict,) = [
        one for one in found["verdicts"] if (one["channel"], one["address"]) == (channel, address)
    ]
    assert isinstance(verdict, dict)
    return verdict


def land(warehouse: Warehouse) -> dict[str, str]:
    """Lands the people's story; gives the deliveries by the name of what they tell."""
    simple = [
        event("spamreport", "complained@example.com", MAY),
        event("unsubscribe", "left@example.com", MAY),
        event("bounce", "bounced@example.com", MAY, type="bounce"),
        event("bounce", "twice@example.com", MAY - 60, type="bounce"),
        event("unsubscribe", "twice@example.com", MAY),
        event("bounce", "freed@example.com", MAY - 7200, type="bounce"),
        event("delivered", "freed@example.com", MAY),
        # Mailed and never seen, while others' opens are.
        event("processed", "silent@example.com", JANUARY),
        event("processed", "silent@example.com", MAY - 86_400),
        event("open", "reader@example.com", MAY),
        event("group_unsubscribe", "reader@example.com", MAY + 60, asm_group_id=77),
        # Contacts with two addresses each, and a mailbox that two share.
        event("delivered", "old@example.com", MAY - 9000, "c-7"),
        event("delivered", "new@example.com", MAY - 8000, "c-7"),
        event("delivered", "home@example.com", MAY - 9000, "c-8"),
        event("delivered", "work@example.com", MAY - 8000, "c-8"),
        event("unsubscribe", "home@example.com", MAY),
        event("delivered", "family@example.com", MAY - 9000, "c-9"),
        event("delivered", "family@example.com", MAY - 8000, "c-10"),
    ]
    preference = {
        "type": "track",
        "event": "Marketing Preference Updated",
        "messageId": "by-name",
        "userId": "c-7",
        "properties": {"channel": "email", "new_status": "unsubscribed"},
        "timestamp": AT_MAY,
    }
    profile = {
        "type": "identify",
        "messageId": "of-seven",
        "userId": "c-7",
        "traits": {"email": "new@example.com"},
        "timestamp": AT_MAY,
    }
    named = [preference, {**preference, "messageId": "of-nine", "userId": "c-9"}, profile]
    block = {
        "event": "suppress",
        "channel": "email",
        "email": "blocked@example.com",
        "by": "Kim",
        "reason": "legal hold",
        "at": AT_MAY,
    }
    return {
        "simple": warehouse.land("sendgrid", simple),
        "named": warehouse.land("segment", named),
        "block": warehouse.land("operator", {"statements": [block]}),
    }


@pytest.fixture(scope="module", params=ENGINES)
def people(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    sandbox_process: SandboxClient,
) -> People:
    directory = tmp_path_factory.mktemp("people")
    warehouse = new_built_warehouse(directory)
    if request.param == "bigquery":
        from tests.python.bigquery.warehouse import new_built_bigquery

        endpoint = request.getfixturevalue("bigquery_endpoint")
        warehouse = new_built_bigquery(directory, endpoint)
    deliveries = land(warehouse)
    warehouse.build()
    sandbox_process.reset()
    sandbox_process.fault("poison", address="left@example.com")
    found = People(warehouse, sandbox_process, deliveries)
    plan = json.loads(found.run("plan", "--limit", "9", "--output", "json").stdout)
    pushed = found.run("push", "--limit", "9", "--plan", plan["hash"])
    assert pushed.returncode == 1, pushed.stderr
    sandbox_process.reset()
    return found


@pytest.mark.parametrize(
    ("reason", "address", "precedence", "released_by", "words"),
    [
        ("complaint", "complained", 1, ["subscribe"], "only the person's own subscribe"),
        ("unsubscribe", "left", 2, ["subscribe"], "only the person's own subscribe"),
        ("bounce", "bounced", 3, ["delivered", "reactivate", "subscribe"], "a delivery to this"),
        ("block", "blocked", 5, ["reactivate", "subscribe"], "a reactivation of this address"),
    ],
)
def test_a_reason_is_named_with_its_event_its_rule_and_what_would_end_it(
    people: People,
    reason: str,
    address: str,
    precedence: int,
    released_by: list[str],
    words: str,
) -> None:
    found = people.explain(f"{address}@example.com")
    verdict = of(found, "email", f"{address}@example.com")
    assert (verdict["may_contact"], verdict["is_listed"], verdict["is_asked"]) == ("no", True, True)
    (why,) = verdict["reasons"]
    assert why["policy"]["precedence"] == precedence
    assert (why["reason"], why["policy"]["suppresses"]) == (reason, "same")
    assert why["released_by"] == released_by
    assert why["ends_by"].startswith(words)
    assert why["since"] == AT_MAY
    assert why["event"]["event_type"] == reason
    assert why["event"]["event_id"] == why["event_id"]
    landed = "block" if reason == "block" else "simple"
    assert why["event"]["delivery_id"] == people.deliveries[landed]
    assert [way["kind"] for way in why["through"]] == ["address"]
    assert [row["event_id"] for row in found["timeline"]] == [why["event_id"]]


def test_unengaged_is_derived_and_says_from_what(people: People) -> None:
    (why,) = of(people.explain("silent@example.com"), "email", "silent@example.com")["reasons"]
    assert (why["reason"], why["event"], why["source"]) == ("unengaged", None, "contact_sync")
    assert why["released_by"] == ["click", "open", "subscribe"]
    assert why["derived_from"]["last_sent_at"] == "2026-04-30T02:00:00Z"
    assert why["derived_from"]["base_at"] == "2026-01-21T02:00:00Z"
    assert why["since"] == "2026-04-21T02:00:00Z"


def test_all_reasons_that_hold_are_named_the_first_by_precedence_first(people: People) -> None:
    verdict = of(people.explain("twice@example.com"), "email", "twice@example.com")
    assert [why["reason"] for why in verdict["reasons"]] == ["unsubscribe", "bounce"]


def test_a_released_address_names_what_ended_which_reason_and_when(people: People) -> None:
    verdict = of(people.explain("freed@example.com"), "email", "freed@example.com")
    assert (verdict["may_contact"], verdict["reasons"]) == ("yes", [])
    (ended,) = verdict["released"]
    assert (ended["reason"], ended["event"]["event_type"]) == ("bounce", "bounce")
    assert ended["ended_by"]["event_type"] == "delivered"
    assert (ended["ended_at"], ended["ends_by"]) == (AT_MAY, None)


def test_a_refusal_of_the_contact_reaches_each_of_its_addresses(people: People) -> None:
    found = people.explain("new@example.com")
    for address in ("new@example.com", "old@example.com"):
        (why,) = of(found, "email", address)["reasons"]
        (way,) = why["through"]
        assert (way["kind"], way["contact"], way["address"]) == ("contact", "c-7", None)
        assert why["event"]["delivery_id"] == people.deliveries["named"]
        assert why["ends_by"].endswith("naming this address or contact c-7")


def test_a_refusal_of_one_address_reaches_the_contacts_other_one(people: People) -> None:
    (why,) = of(people.explain("work@example.com"), "email", "work@example.com")["reasons"]
    (way,) = why["through"]
    assert (way["kind"], way["address"]) == ("linked address", "home@example.com")


def test_a_shared_mailbox_says_whose_refusal_it_is(people: People) -> None:
    for asked in ("family@example.com", "c-10"):
        verdict = of(people.explain(asked), "email", "family@example.com")
        assert verdict["may_contact"] == "no"
        assert sorted(verdict["contacts"]) == ["c-10", "c-9"]
        assert [why["contacts"] for why in verdict["reasons"]] == [["c-9"]]
    assert "for contact c-9, of 2 who share it" in people.text("c-10")


def test_what_nothing_is_known_of_is_said_to_be_unknown_and_not_forbidden(people: People) -> None:
    found = people.explain("nobody@example.com")
    assert found["subject"]["is_known"] is False
    assert {one["may_contact"] for one in found["verdicts"]} == {"unknown"}
    assert found["timeline"] == []
    assert "nothing is known of it, and nothing on record forbids" in people.text("nobody")


def test_a_list_that_was_left_is_named_although_it_forbids_nothing_else(people: People) -> None:
    verdict = of(people.explain("reader@example.com"), "email", "reader@example.com")
    assert verdict["may_contact"] == "yes"
    assert [(row["source"], row["topic"]) for row in verdict["topics_left"]] == [("sendgrid", "77")]
    assert "left list 77 of sendgrid 2026-05-01 02:01:00" in people.text("reader@example.com")


def test_an_address_is_found_however_it_is_written(people: People) -> None:
    found = people.explain("  Left@Example.COM ", "--channel", "email")
    assert found["subject"]["address"] == "left@example.com"
    assert {one["channel"] for one in found["verdicts"]} == {"email"}


def test_an_external_id_is_explained_by_channel_and_address(people: People) -> None:
    found = people.explain("c-8")
    assert found["subject"]["external_id"] == "c-8"
    assert {(one["channel"], one["address"]) for one in found["verdicts"]} == {
        ("email", "home@example.com"),
        ("email", "work@example.com"),
        ("sms", None),
        ("push", None),
    }
    unknown = {one["channel"] for one in found["verdicts"] if one["may_contact"] == "unknown"}
    assert unknown == {"sms", "push"}


def test_each_list_says_what_it_has_and_what_is_pending_or_rejected(people: People) -> None:
    def there(address: str) -> dict[str, Any]:
        rows = people.explain(address)["destinations"]
        (row,) = [row for row in rows if row["subject"] == address]
        assert isinstance(row, dict)
        return row

    confirmed = there("complained@example.com")
    assert (confirmed["destination"], confirmed["state"]) == ("sendgrid", "confirmed")
    assert [(row["action"], row["reason"]) for row in confirmed["known"]] == [
        ("suppress", "complaint")
    ]
    rejected = there("left@example.com")
    assert (rejected["state"], rejected["latest"]["outcome"]) == ("rejected", "rejected")
    assert rejected["latest"]["error"]
    assert rejected["known"] == []
    pending = there("silent@example.com")
    assert (pending["state"], pending["latest"]) == ("pending", None)
    assert [row["action"] for row in pending["pending"]] == ["suppress"]
    assert there("reader@example.com")["state"] == "never told"


def test_a_profile_platform_says_what_it_was_told_of_each_contact(
    tmp_path: Path, sandbox_process: SandboxClient
) -> None:
    (tmp_path / "project").mkdir()
    row = "segment,email,,profile,all,marketing,false,false,true"
    header = (ROOT / "seeds" / "destinations.csv").read_text().partition("\n")[0]
    project = project_with_seeds(tmp_path / "project", {"destinations.csv": f"{header}\n{row}\n"})
    warehouse = Warehouse(tmp_path / "world", project=project)
    simple = [
        event("unsubscribe", "told@example.com", MAY, "c-1"),
        event("delivered", "told@example.com", MAY - 60, "c-1"),
    ]
    warehouse.land("sendgrid", simple)
    warehouse.build()
    sandbox_process.reset()
    settings = {
        "SEGMENT_WRITE_KEY": KEY,
        "SEGMENT_BASE_URL": f"{sandbox_process.url}/segment",
        "SEGMENT_RATE": "0",
    }
    world = People(warehouse, sandbox_process, {}, settings)
    (contact,) = warehouse.values("select contact_id from main.contact_profiles")

    def told() -> dict[str, Any]:
        (place,) = world.explain("told@example.com")["destinations"]
        assert isinstance(place, dict)
        return place

    before = told()
    assert (before["mode"], before["subject"]) == ("profile", contact)
    assert before["name"] == "contact c-1"
    assert (before["state"], before["known"], before["latest"]) == ("pending", [], None)
    assert [row["action"] for row in before["pending"]] == ["suppress"]
    plan = json.loads(world.run("plan", "--output", "json").stdout)
    pushed = world.run("push", "--plan", plan["hash"])
    assert pushed.returncode == 0, pushed.stderr
    after = told()
    assert (after["state"], after["pending"]) == ("accepted", [])
    assert [(row["action"], row["reason"]) for row in after["known"]] == [
        ("suppress", "unsubscribe")
    ]
    assert after["latest"]["outcome"] == "accepted"
    text = world.text("told@example.com")
    assert "suppress (unsubscribe)" in text
    assert "contact c-1" in text
    assert contact not in text


def test_the_screen_says_it_in_words(people: People) -> None:
    text = people.text("new@example.com")
    assert "email new@example.com: NO" in text
    assert "unsubscribe since 2026-05-01 02:00:00" in text
    assert "policy   unsubscribe (consent): precedence 2, suppresses same" in text
    assert "ends by  only the person's own subscribe" in text
    _, _, timeline = text.partition("Timeline")
    (profile,) = [line for line in timeline.splitlines() if "identify" in line]
    assert "new@example.com" in profile, "whom a profile says that they are"
    assert "At the platforms" in text


def test_the_evidence_is_complete_private_and_the_same_each_time(people: People) -> None:
    folder = people.warehouse.directory
    digests = []
    for name in ("first.jsonl", "second.jsonl"):
        printed = people.explain("complained@example.com", "--evidence", name)["evidence"]
        data = (folder / name).read_bytes()
        assert printed["sha256"] == hashlib.sha256(data).hexdigest()
        assert (folder / name).stat().st_mode & 0o777 == 0o600
        digests.append(printed["sha256"])
    assert digests[0] == digests[1]
    lines = [json.loads(line) for line in (folder / "first.jsonl").read_text().splitlines()]
    kinds = [line["kind"] for line in lines]
    assert list(dict.fromkeys(kinds)) == [
        "subject",
        "build",
        "verdict",
        "listed",
        "state",
        "reason",
        "event",
        "delivery",
        "history",
        "ledger",
        "known",
    ]
    (delivery,) = [line for line in lines if line["kind"] == "delivery"]
    (landed,) = people.warehouse.landing.glob("**/source=sendgrid/**/*.ndjson")
    payload = json.loads(landed.read_text())["payload"]
    assert delivery["delivery_id"] == people.deliveries["simple"]
    assert delivery["sha256"] == hashlib.sha256(payload.encode()).hexdigest()
    (event,) = [line for line in lines if line["kind"] == "event"]
    assert {"loaded_at", "position", "event_timestamp", "push_token_type"} <= event.keys()


#: GoogleSQL's names of the types of the models.
TYPES = {"VARCHAR": "STRING", "BIGINT": "INT64", "BOOLEAN": "BOOL", "TIMESTAMP": "TIMESTAMP"}


class Recorder(DuckDbWarehouse):
    """Keeps every query as BigQuery would get it, with a value of its type for each parameter."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, read_only=True)
        self.statements: list[str] = []

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        kinds = {list: "array<string>", str: "string", datetime: "timestamp"}
        text = sql.replace("{marts}", "`p`.`main`").replace("{raw}", "`p`.`raw`")
        for name, value in (parameters or {}).items():
            text = re.sub(rf"@{name}\b", f"cast(null as {kinds[type(value)]})", text)
        self.statements.append(text)
        return super().rows(sql, parameters)


@pytest.mark.parametrize("people", ["duckdb"], indirect=True)
def test_every_query_is_googlesql(people: People, tmp_path: Path) -> None:
    recorder = Recorder(people.warehouse.database)
    with chdir(people.warehouse.directory):
        for asked in ("family@example.com", "c-9", "silent@example.com"):
            found = read_explanation(recorder, asked, channel=None)
            write_evidence(recorder, found, tmp_path / f"{asked}.jsonl")
    tables: dict[str, dict[str, str]] = {}
    for row in people.warehouse.rows(
        "select table_schema, table_name, column_name, data_type from information_schema.columns"
    ):
        columns = tables.setdefault(f"p.{row['table_schema']}.{row['table_name']}", {})
        columns[row["column_name"]] = TYPES.get(row["data_type"], "STRING")
    answers = analyze(tables, recorder.statements)
    assert len(answers) > 3 * 14
    assert [answer.error for answer in answers if answer.error is not None] == []
