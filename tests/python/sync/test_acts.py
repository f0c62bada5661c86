"""An operator's act is an event like any other, and ends no person's refusal."""

from __future__ import annotations

import shutil
from typing import Any

import duckdb
import pytest

from sync.addresses import Country, normalizer, read_country
from sync.errors import ConfigError
from sync.operator import make_action
from sync.privacy.person import Person, find_person
from sync.reports.explain import find_subject
from sync.warehouse.duckdb import DuckDbWarehouse
from tests.python.conftest import ROOT, Warehouse
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
    reply = {"MessageSid": "SM1", "From": "+14155550177", "Body": "When does my trial end"}
    warehouse.land("twilio", reply)
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
    (asked,) = warehouse.rows(
        "select * from events where event_type = 'unsubscribe' and channel = 'sms'"
    )
    assert asked["reason"] == "evidence: call 4711"

    doubtful = "select received_at from possible_opt_outs"
    (read,) = warehouse.values(doubtful)
    # It comes before anybody could read it: the dismissal is not of it.
    warehouse.land("twilio", {**reply, "MessageSid": "SM2"}, received_at="2026-05-02T09:00:00Z")
    code, done = cli(warehouse, sandbox, "dismiss", "+1 415 555 0177", "--channel", "sms", *WHY)
    assert (code, done["event_type"]) == (0, "other")

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
    (unread,) = warehouse.values(doubtful)
    assert unread > read
    again = run(warehouse, sandbox, "dismiss", "+14155550178", "--channel", "sms", *WHY)
    assert (again.returncode, "nothing to dismiss" in again.stderr) == (2, True)

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


def name_contact(warehouse: Warehouse, phone: str, external_id: str) -> None:
    """A contact with a phone number, in the tables that the commands read."""
    with duckdb.connect(str(warehouse.database)) as connection:
        for table, key in (
            ("int_contact_identifiers", "contact_identifier_key"),
            ("int_contact_addresses", "contact_id"),
        ):
            connection.execute(
                f"insert into main.{table} by name"
                f" select md5($2) as {key}, 'sms' as channel, $1 as address, $2 as external_id",
                [phone, external_id],
            )


def act(address: str, channel: Any, country: Country | None) -> str:
    return make_action(
        "suppress", channel, address, by="mia", because="x", evidence=None, country=country
    ).address


@on_duckdb
def test_one_spelling_names_one_person_to_every_command(warehouse: Warehouse) -> None:
    for known, its_id in (
        ("+12025550141", "c-1"), ("+4915123456789", "c-2"), ("+442025550141", "2025550141"),
    ):  # fmt: skip
        name_contact(warehouse, known, its_id)
    opened = DuckDbWarehouse(warehouse.database)
    for spelled, code, number, external_id in (
        ("(202) 555-0142", "1", "+12025550142", None),
        ("(202) 555-0141", "1", "+12025550141", "c-1"),
        ("1-202-555-0141", "+1", "+12025550141", "c-1"),
        ("0151 / 23456789", "49", "+4915123456789", "c-2"),
        ("0049 151 23456789", "49", "+4915123456789", "c-2"),
        ("+49 (0) 151 23456789", None, "+4915123456789", "c-2"),
        ("whatsapp:+4915123456789", "1", "+4915123456789", "c-2"),
    ):
        country = read_country(code, ROOT / "seeds") if code else None
        assert normalizer("sms", country)(spelled) == act(spelled, "sms", country) == number
        subject = find_subject(opened, spelled, country)
        assert (subject.channel, subject.address) == ("sms", number)
        person = find_person(opened, spelled, country)
        assert person.external_ids == ([external_id] if external_id else [])
    america = read_country("1", ROOT / "seeds")
    # An id that could be somebody's number, were it of the default country, is the id.
    assert find_subject(opened, "2025550141", america).external_id == "2025550141"
    assert find_person(opened, "2025550141", america).addresses == ["+442025550141"]
    # Without a country it is no number; with one, of nobody known, it is no reason to erase.
    assert find_person(opened, "(202) 555-0141") == Person(frozenset())
    assert find_person(opened, "202 555 0149", america) == Person(frozenset())
    assert find_person(opened, "+1 202 555 0149", america).addresses == ["+12025550149"]
    with pytest.raises(ConfigError, match=r"E\.164"):
        act("(202) 555-0141", "sms", None)


@on_duckdb
def test_the_commands_read_the_country_of_the_project(
    warehouse: Warehouse, sandbox: SandboxClient
) -> None:
    name_contact(warehouse, "+4915123456789", "c-2")
    (warehouse.directory / "dbt_project.yml").write_text(
        "profile: contact_sync\nvars: {default_country_code: 49}"
    )
    shutil.copytree(ROOT / "seeds", warehouse.directory / "seeds")
    here = ("0151 23456789", "--project-dir", str(warehouse.directory))
    key = {"CONTACT_SYNC_FORGET_KEY": "a key of the tests, long enough"}
    assert cli(warehouse, sandbox, "suppress", *here, "--channel", "sms", *WHY)[1]["address"] == (
        "+4915123456789"
    )
    code, found = cli(warehouse, sandbox, "forget", *here, "--dry-run", **key)
    assert (code, found["names"]) == (0, {"external_id": 1, "sms": 1})
