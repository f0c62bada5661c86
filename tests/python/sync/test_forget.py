"""Erasure keeps the refusal: nothing of the person is left, who comes back stays stopped."""

from __future__ import annotations

import hashlib
import json
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest

from sync.privacy.person import Name, Person
from sync.privacy.redaction import redacted
from tests.python.bigquery.warehouse import BigQueryWarehouse
from tests.python.conftest import Warehouse, opened
from tests.python.sync.real import cli, run
from tests.python.sync.world import SandboxClient

on_duckdb = pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
KEY = {"CONTACT_SYNC_FORGET_KEY": "a key of the tests, long enough"}
NOA, PHONE = "noa.secret@example.com", "+14155550123"


def event(kind: str, email: str, at: float = 1.7e9, **more: Any) -> dict[str, Any]:
    return {"email": email, "event": kind, "timestamp": at, "sg_event_id": f"{kind}{email}", **more}


def identify(external_id: str, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": external_id, "messageId": external_id, "traits": traits}


def land_everything(warehouse: Warehouse) -> None:
    warehouse.land(
        "sendgrid",
        [
            event("unsubscribe", "Noa.Secret@Example.com"),
            # An application may have written anything into the id of a message.
            event("bounce", "ben@x.io", type="bounce", sg_message_id=f"1.{NOA}.9"),
        ],
    )
    warehouse.land("segment", identify("user-4711", email=NOA, phone="+1 (415) 555-0123"))
    warehouse.land("twilio", {"From": PHONE, "To": "+15005550006", "Body": "STOP",
                              "MessageSid": "SM1", "OptOutType": "STOP"})  # fmt: skip
    warehouse.land("sendgrid", '[{"email": "noa.secret@example.com", "event": cut')
    warehouse.land_rows("email_sends", [{"recipient_email": NOA, "send_date": "2026-05-01"}])
    warehouse.land_rows("contacts", [{"external_id": "user-4711", "email": NOA, "phone": PHONE}])


def places_that_hold(warehouse: Warehouse, *texts: str) -> list[str]:
    """Files below the directory whose bytes hold a text, and cells of the database that do."""
    found = []
    for path in sorted(warehouse.directory.rglob("*")):
        if path.is_file():
            data = path.read_bytes().lower()
            found += [str(path.name) for text in texts if text.lower().encode() in data]
    every_table = """
        select table_schema || '.' || table_name from information_schema.tables
        where table_catalog = current_database()
    """
    with chdir(warehouse.directory), opened(warehouse.database) as connection:
        for (table,) in connection.execute(every_table).fetchall():
            rows = str(connection.execute(f"select * from {table}").fetchall()).lower()
            found += [table for text in texts if text.lower() in rows]
    return found


@on_duckdb
def test_nothing_of_the_person_is_left_and_who_comes_back_stays_stopped(
    warehouse: Warehouse, sandbox: SandboxClient
) -> None:
    land_everything(warehouse)
    warehouse.build()
    plan = cli(warehouse, sandbox, "plan")[1]["hash"]
    assert cli(warehouse, sandbox, "push", "--plan", plan)[0] == 0
    secrets = (NOA, PHONE, "5550123", "555-0123", "user-4711")
    assert places_that_hold(warehouse, *secrets)
    others = warehouse.values("select event_id from events where address = 'ben@x.io'")

    code, done = cli(warehouse, sandbox, "forget", NOA, "--yes", **KEY)
    assert code == 0
    assert done["names"] == {"email": 1, "external_id": 1, "sms": 1}
    assert places_that_hold(warehouse, *secrets) == []
    # Others are as they were, and the ledger has lost no row.
    assert warehouse.values("select event_id from events where address = 'ben@x.io'") == others
    outcomes = warehouse.values("select outcome from raw.sync_ledger order by outcome")
    assert outcomes == ["confirmed", "confirmed", "intended", "intended"]
    # By the time of the event the kept hash could be told apart.
    assert (
        warehouse.rows(
            "select event_id, event_timestamp from raw.sync_ledger where address like 'forgotten-%'"
        )
        == [{"event_id": None, "event_timestamp": None}] * 2
    )
    warehouse.build()
    assert warehouse.values("select address from suppression_list") == ["ben@x.io"]
    assert places_that_hold(warehouse, *secrets) == []

    # Neither a send list nor an export brings the address back unnoticed.
    (warehouse.directory / "list.csv").write_text(f"email\n{NOA}\nmay@example.com\n")
    code, scrubbed = cli(warehouse, sandbox, "scrub", "list.csv", **KEY)
    assert (code, scrubbed["may"], scrubbed["reasons"]) == (0, 1, {"unsubscribe": 1})
    assert cli(warehouse, sandbox, "explain", NOA, **KEY)[1]["forgotten"]["reason"] == "unsubscribe"
    (warehouse.directory / "crm.csv").write_text(f"external_id,email\nagain-1,{NOA}\n")
    assert cli(warehouse, sandbox, "backfill", "crm.csv", **KEY)[0] == 0
    warehouse.build()
    assert set(warehouse.values("select address from suppression_list")) == {"ben@x.io", NOA}
    assert cli(warehouse, sandbox, "forget", "again-1", "--yes", **KEY)[0] == 0
    for file in ("list.csv", "crm.csv", "list.may-not.csv"):
        (warehouse.directory / file).unlink()
    assert places_that_hold(warehouse, *secrets) == []

    # Back by a webhook, without a word of the refusal; and under a new address of the same id.
    warehouse.land("sendgrid", [event("open", NOA, 1.77e9)], received_at="2026-11-20T08:00:00Z")
    warehouse.land("segment", identify("user-4711", email="new@example.com"))
    warehouse.build()
    said = run(warehouse, sandbox, "push", **KEY)
    assert "refusals of people who were forgotten landed again" in said.stderr
    warehouse.build()
    rows = warehouse.rows("select * from suppression_list")
    listed = {row["address"]: row["event_type"] for row in rows}
    assert listed[NOA] == "unsubscribe"
    assert listed["new@example.com"] == "unsubscribe"
    assert cli(warehouse, sandbox, "forget", "--returned", **KEY)[1]["landed"] == 0


@pytest.mark.parametrize("warehouse", ["bigquery"], indirect=True)
def test_on_bigquery_no_table_holds_the_person_and_who_comes_back_stays_stopped(
    warehouse: BigQueryWarehouse, sandbox: SandboxClient
) -> None:
    land_everything(warehouse)
    warehouse.build()
    secrets = (NOA, PHONE, "5550123", "555-0123", "user-4711")
    assert cells_that_hold(warehouse, *secrets)
    why = ("--channel", "email", "--because", "legal hold", "--by", "mia")
    code, act = cli(warehouse, sandbox, "suppress", "joe@x.io", *why)
    assert (code, act["event_type"]) == (0, "block")
    code, done = cli(warehouse, sandbox, "forget", NOA, "--yes", **KEY)
    assert (code, done["names"]) == (0, {"email": 1, "external_id": 1, "sms": 1})
    assert cells_that_hold(warehouse, *secrets) == []
    warehouse.land("sendgrid", [event("open", NOA, 1.77e9)], received_at="2026-11-20T08:00:00Z")
    # The emulator tells a table that changed by its number of rows alone: one more than there were.
    warehouse.land("sendgrid", [event("open", "ben@x.io", 1.77e9)])
    warehouse.build("--selector", "frequent")
    assert set(warehouse.values("select address from suppression_list")) == {"ben@x.io", "joe@x.io"}
    code, landed = cli(warehouse, sandbox, "forget", "--returned", **KEY)
    assert (code, landed["landed"]) == (0, 1)
    warehouse.build("--selector", "frequent")
    listed = set(warehouse.values("select address from suppression_list"))
    assert listed == {"ben@x.io", "joe@x.io", NOA}


def cells_that_hold(warehouse: BigQueryWarehouse, *texts: str) -> list[str]:
    """Tables of both datasets that hold a text."""
    found = []
    for dataset in ("raw", "marts"):
        for table in warehouse.client.list_tables(f"{warehouse.project_id}.{dataset}"):
            if table.table_type == "TABLE":
                rows = warehouse.rows(f"select * from {dataset}.{table.table_id}")
                text = json.dumps(rows, default=str).lower()
                found += [table.table_id for one in texts if one.lower() in text]
    return found


@on_duckdb
def test_what_a_person_refused_at_a_mailbox_that_others_share_goes_on_holding(
    warehouse: Warehouse, sandbox: SandboxClient
) -> None:
    shared, own = "family@example.com", "ann@example.com"
    for person, email in (("ann-1", own), ("ann-1", shared), ("bob-2", shared)):
        body = {**identify(person, email=email), "messageId": f"{person}{email}"}
        warehouse.land("segment", body)
    warehouse.land("sendgrid", [event("unsubscribe", own), event("open", "ben@x.io")])
    warehouse.build()
    assert set(warehouse.values("select address from suppression_list")) == {own, shared}
    code, before = cli(warehouse, sandbox, "forget", "ann-1", "--dry-run", **KEY)
    assert (code, before["shared"], before["tables"]["suppression_list"]) == (0, 1, 2)
    assert set(warehouse.values("select address from suppression_list")) == {own, shared}
    assert run(warehouse, sandbox, "forget", shared, "--yes", **KEY).returncode == 2
    assert cli(warehouse, sandbox, "forget", "ann-1", "--yes", **KEY)[0] == 0
    warehouse.build()
    assert warehouse.values("select address from suppression_list") == [shared]
    assert warehouse.values("select distinct external_id from int_contact_identifiers") == ["bob-2"]
    assert places_that_hold(warehouse, own, "ann-1") == []


@on_duckdb
def test_who_is_not_known_and_a_key_that_is_another_change_nothing(
    warehouse: Warehouse, sandbox: SandboxClient
) -> None:
    warehouse.land("segment", identify("user-47110", email="ben@x.io"))
    warehouse.land("sendgrid", [event("unsubscribe", "ben@x.io"), event("bounce", "joe@x.io")])
    warehouse.build()
    before = {path: path.read_bytes() for path in warehouse.landing.rglob("*.ndjson")}
    elsewhere = {**KEY, "CONTACT_SYNC_LANDING": "elsewhere"}
    done = run(warehouse, sandbox, "forget", "ben@x.io", "--yes", **elsewhere)
    assert (done.returncode, "no landing directory" in done.stderr) == (2, True)
    for nobody in ("user-4711", "4711", "en@x.io", "ben@x.i"):
        done = run(warehouse, sandbox, "forget", nobody, "--yes", **KEY)
        assert (done.returncode, "Nothing of this person is here" in done.stdout) == (0, True)
    assert {path: path.read_bytes() for path in warehouse.landing.rglob("*.ndjson")} == before
    assert set(warehouse.values("select address from suppression_list")) == {"ben@x.io", "joe@x.io"}
    assert cli(warehouse, sandbox, "forget", "joe@x.io", "--yes", **KEY)[0] == 0
    other = {"CONTACT_SYNC_FORGET_KEY": "another key of the tests"}
    for command in (["forget", "ben@x.io", "--yes"], ["forget", "--returned"], ["scrub", "x.csv"]):
        (warehouse.directory / "x.csv").write_text("email\nben@x.io\n")
        done = run(warehouse, sandbox, *command, **other)
        assert (done.returncode, "another key" in done.stderr) == (2, True)


@on_duckdb
def test_a_platform_that_still_stops_the_forgotten_is_no_difference_and_is_not_adopted(
    warehouse: Warehouse, sandbox: SandboxClient
) -> None:
    warehouse.land(
        "sendgrid", [event("unsubscribe", NOA), event("bounce", "b@x.io", type="bounce")]
    )
    warehouse.build()
    plan = cli(warehouse, sandbox, "plan")[1]["hash"]
    assert cli(warehouse, sandbox, "push", "--plan", plan)[0] == 0
    assert cli(warehouse, sandbox, "forget", NOA, "--yes", **KEY)[0] == 0
    code, found = cli(warehouse, sandbox, "reconcile", "--destination", "sendgrid", **KEY)
    assert (code, found["items"], found["forgotten"]) == (0, 0, 1)
    code, done = cli(warehouse, sandbox, "adopt", "--destination", "sendgrid", **KEY)
    assert (code, done["forgotten"], done["entries"]) == (0, 1, 1)
    # A send list of digests does not bring the address back either.
    digest = hashlib.sha256(NOA.encode()).hexdigest()
    (warehouse.directory / "d.csv").write_text(f"email\n{digest}\n")
    code, done = cli(warehouse, sandbox, "scrub", "d.csv", "--hashed-in", "sha256", **KEY)
    assert (code, done["may_not"]) == (0, 1)


@on_duckdb
def test_without_a_key_nobody_is_forgotten(warehouse: Warehouse, sandbox: SandboxClient) -> None:
    done = run(warehouse, sandbox, "forget", NOA, "--yes")
    assert done.returncode == 2
    assert "CONTACT_SYNC_FORGET_KEY" in done.stderr


PERSON = Person(
    frozenset({Name("email", NOA), Name("sms", PHONE), Name("external_id", "42")}),
    deliveries=frozenset({"known"}),
)


@pytest.mark.parametrize(
    ("payload", "left"),
    [
        ([{"email": "Noa.Secret@example.com"}, {"email": "ben@x.io"}], [{"email": "ben@x.io"}]),
        ({"email": NOA}, None),
        ({"batch": [{"userId": 42}, {"userId": 43}]}, {"batch": [{"userId": 43}]}),
        ({"to": "+1 415-555.0123", "id": 1}, None),
        # About somebody else, and quoting the person: the quote goes, the rest stays.
        ([{"email": "ben@x.io", "reason": f"550 {NOA} moved"}],
         [{"email": "ben@x.io", "reason": f"550 {'*' * len(NOA)} moved"}]),
        ({"url": "https://x.io/?e=noa.secret%40example.com"},
         {"url": f"https://x.io/?e={'*' * (len(NOA) + 2)}"}),
        ([{"email": f"Noa <{NOA}>"}, 1], [1]),
        ({"user_identities": [{"identity": NOA}, {"identity": "x"}], "user_attributes": {"n": 1}},
         None),
        ([{"asm_group_id": 42, "email": "ben@x.io"}], [{"asm_group_id": 42, "email": "ben@x.io"}]),
        ([{"email": "noa.secret@example.com.au"}], [{"email": "noa.secret@example.com.au"}]),
        ({"events": '[{"email": "noa.secret@example.com"}, {"email": "b@x.io"}]'},
         {"events": '[{"email":"b@x.io"}]'}),
        ([{"email": "other-noa.secret@example.com"}], [{"email": "other-noa.secret@example.com"}]),
        ([{"count": 420}], [{"count": 420}]),
        ([], []),
    ],
)  # fmt: skip
def test_of_a_body_the_elements_of_the_person_are_taken_out(payload: Any, left: Any) -> None:
    found = redacted(json.dumps(payload), PERSON, is_about=True)
    assert (None if found is None else json.loads(found)) == left


def test_an_id_that_is_a_plain_number_names_nobody_in_a_delivery_about_others() -> None:
    body = json.dumps([{"count": 42}])
    assert redacted(body, PERSON, is_about=False) == body


def test_a_file_that_a_receiver_still_writes_keeps_its_length(tmp_path: Path) -> None:
    from sync.privacy.landing import erase_files

    path = tmp_path / "x.ndjson"
    rows = [{"delivery_id": n, "payload": json.dumps([{"email": one}])}
            for n, one in enumerate((NOA, "ben@x.io"))]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    size = path.stat().st_size
    with path.open("a") as receiver:
        assert erase_files(tmp_path, PERSON) == 1
        receiver.write(json.dumps(rows[1]) + "\n")
    lines = path.read_text().splitlines()
    assert [line.strip() for line in lines] == ["", json.dumps(rows[1]), json.dumps(rows[1])]
    assert path.stat().st_size == size + len(lines[2]) + 1
