"""seeds/destination_errors.csv: which errors of a platform are final, pass, or need a person."""

from __future__ import annotations

from typing import Any

import pytest

from sync.destinations import get, names
from sync.destinations.meanings import Meanings
from sync.errors import (
    CredentialRefused,
    ItemsRefused,
    NeedsPerson,
    PlatformFailed,
    RefusedForNow,
)
from tests.python.sync.cases import Case
from tests.python.sync.engines import ENGINES, destination_errors
from tests.python.sync.test_contract import CASES, identities, meanings_of
from tests.python.sync.test_contract_runs import connect, outcomes
from tests.python.sync.world import SandboxClient, World

SIGNUPS = (
    "{} has signed up to a lot of lists very recently; we're not allowing more signups for now"
)
COMPLIANCE = (
    "{} is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be "
    "subscribed."
)
FORGOTTEN = (
    "{} was permanently deleted and cannot be re-imported. The contact must re-subscribe to get "
    "back on the list."
)
ADDRESS = "person0@example.com"


def case_of(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


def failed(address: str, message: str) -> dict[str, Any]:
    return {"Suppressions": [{"EmailAddress": address, "Status": "Failed", "Message": message}]}


def errors(*found: dict[str, Any]) -> dict[str, Any]:
    return {"new_members": [], "updated_members": [], "errors": list(found)}


def said_of(name: str, text: str, **more: Any) -> Any:
    """An answer of success that says it of the one item of a call."""
    if name == "mailchimp":
        error = {"email_address": ADDRESS, "error": text, "error_code": "ERROR_GENERIC", **more}
        return errors(error)
    if name == "postmark":
        return failed(ADDRESS, text)
    error = {"type": text, "input_array": "attributes", "index": 0}
    return {"message": "success", "errors": [error]}


@pytest.mark.parametrize(
    ("name", "action", "text", "result"),
    [
        pytest.param("mailchimp", "suppress", SIGNUPS, "failed", id="signups"),
        ("mailchimp", "release", SIGNUPS, "failed"),
        ("mailchimp", "suppress", "Recipient {} has too many recent signup requests", "failed"),
        ("mailchimp", "suppress", "An internal error. Please try again.", "failed"),
        pytest.param("mailchimp", "suppress", "words that no row knows", "failed", id="unknown"),
        ("mailchimp", "release", COMPLIANCE, "rejected"),
        ("mailchimp", "suppress", COMPLIANCE, "confirmed"),
        ("mailchimp", "release", FORGOTTEN, "rejected"),
        (
            "mailchimp",
            "suppress",
            "{} looks fake or invalid, please enter a real email address.",
            "rejected",
        ),
        ("mailchimp", "suppress", "Your merge fields were invalid.", "failed"),
        ("postmark", "suppress", "The service is busy. Try again later.", "failed"),
        ("postmark", "suppress", "An invalid email address was provided.", "rejected"),
        (
            "postmark",
            "suppress",
            "You do not have the required authority to change this suppression.",
            "confirmed",
        ),
        (
            "postmark",
            "release",
            "You do not have the required authority to change this suppression.",
            "rejected",
        ),
        ("braze", "suppress", "the request timed out", "failed"),
        ("braze", "suppress", "'external_id' is no profile", "rejected"),
    ],
)
def test_what_a_platform_says_of_an_item_of_a_call_that_it_took(
    world: World, sandbox: SandboxClient, name: str, action: str, text: str, result: str
) -> None:
    case = case_of(name)
    row = next(one for one in case.rows if one.channel == ("push" if name == "braze" else "email"))
    connect(world, case, row)
    world.list_addresses(10)
    one = case.people(row, 1, action=action, priority=3 if action == "suppress" else 100)[0]
    world.want_items([one])
    body = said_of(name, text.format(ADDRESS))
    sandbox.fault("answer", platform=name, status=200 if name != "braze" else 201, body=body)
    world.push()
    (found,) = world.ledger()
    assert found["outcome"] == result
    assert (found["error"] is None) == (result == "confirmed")
    sandbox.heal()
    world.push()
    # What passes, or waits for somebody, is sent again; what is final is not.
    assert outcomes(world)[one.delta_id] == ("confirmed" if result == "failed" else result)


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("mailchimp", 400, {"title": "Invalid Resource", "detail": SIGNUPS.format(ADDRESS)}),
        ("sendgrid", 400, {"errors": [{"field": None, "message": "Temporarily blocked."}]}),
        ("postmark", 422, {"ErrorCode": 1407, "Message": "Internal error."}),
        ("mailgun", 400, {"message": "Please retry later"}),
        ("braze", 400, {"message": "We are in maintenance"}),
        ("twilio", 400, {"code": 20001, "message": "Too many requests at this time"}),
        ("attentive", 422, {"code": "x", "message": "Quiet hours: not possible for now"}),
        ("fcm", 409, {"error": {"code": 409, "status": "ABORTED"}}),
        ("onesignal", 400, {"errors": ["Internal server error"]}),
        ("segment", 400, "service unavailable"),
        ("mparticle", 400, {"errors": [{"code": "INTERNAL", "message": "x"}]}),
    ],
)
def test_a_call_that_is_refused_for_now_rejects_nobody(
    world: World, sandbox: SandboxClient, name: str, status: int, said: object
) -> None:
    case = case_of(name)
    row = case.rows[0]
    people = case.people(row, 2)
    connect(world, case, row)
    world.want_items(people)
    found = meanings_of(name).of_call(status, said)
    assert found is not None
    # By its words; where a status alone says it, the call is repeated.
    assert found[0] is (PlatformFailed if status == 409 else RefusedForNow)
    sandbox.fault("answer", platform=name, status=status, body=said)
    world.push()
    assert set(outcomes(world).values()) <= {"failed"}
    sandbox.heal()
    world.push()
    assert case.suppressed(sandbox.lists(name)) == identities(case, people)


@pytest.mark.parametrize(
    ("name", "status", "said", "kind"),
    [
        ("onesignal", 409, {"errors": ["several subscriptions"]}, ItemsRefused),
        ("postmark", 422, {"ErrorCode": 1226, "Message": "No such stream."}, NeedsPerson),
        ("braze", 400, {"message": "'subscription_group_id' is invalid"}, NeedsPerson),
        ("mailchimp", 400, {"detail": FORGOTTEN.format(ADDRESS)}, ItemsRefused),
        # Judged by their status.
        ("sendgrid", 400, {"errors": [{"message": "email is not valid"}]}, None),
        ("sendgrid", 401, {"errors": [{"message": "try again"}]}, None),
        ("mailchimp", 429, {"detail": "try again"}, None),
        ("mailgun", 404, {"message": "try again"}, None),
        # A word that is about something else.
        ("sendgrid", 400, "temporary email addresses are not allowed", None),
        ("sendgrid", 400, "Invalid timeout parameter", None),
        ("sendgrid", 400, "Invalid maintenance_window", None),
        ("sendgrid", 400, "The service is temporarily unavailable", RefusedForNow),
        ("sendgrid", 400, "The request timed out", RefusedForNow),
        ("fcm", 400, {"details": [{"errorCode": "TOO_MANY_TOPICS"}]}, RefusedForNow),
        ("fcm", 429, {"details": [{"errorCode": "TOO_MANY_TOPICS"}]}, RefusedForNow),
    ],
)
def test_a_call_that_is_refused_otherwise(
    name: str, status: int, said: object, kind: object
) -> None:
    found = meanings_of(name).of_call(status, said)
    assert (found and found[0]) is kind


@pytest.mark.parametrize("local", ["timeout", "temporary", "for.now", "internal"])
def test_a_word_in_the_address_that_the_platform_repeats_says_nothing(local: str) -> None:
    meaning = meanings_of("mailchimp").of(200, {"error": f"{local}@example.com is not valid."})
    assert meaning is not None
    assert meaning.meaning == "final"


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        (
            {
                "email_address": ADDRESS,
                "error": "Your merge fields were invalid.",
                "error_code": "ERROR_GENERIC",
                "field": "BIRTHDAY",
                "field_message": "This value is not valid",
            },
            "needs_person",
        ),
        ({"error": f"{ADDRESS} is not valid.", "field_message": "Merge field"}, "needs_person"),
        ({"error": "BIRTHDAY is not valid."}, None),
        ({"error": f"{ADDRESS} is not valid."}, "final"),
        ({"error": f"{'a' * 40}@example.com is not valid."}, "final"),
        ({"error": "The email address is not valid."}, "final"),
    ],
)
def test_a_field_of_a_member_is_no_fault_of_the_address(said: object, meaning: str | None) -> None:
    found = meanings_of("mailchimp").of(200, said)
    assert (found and found.meaning) == meaning


def test_a_row_of_a_scope_that_needs_a_person_stops_no_other(
    world: World, sandbox: SandboxClient
) -> None:
    case = case_of("braze")
    email, group, sms, push = case.rows
    connect(world, case, email)
    for row in (group, sms, push):
        world.enable(case.name, row.channel, row.scope)
        world.already_pushed(row.scope, case.name, row.channel)
    bad = case.people(group, 60)
    others = [one for row in (email, sms, push) for one in case.people(row, 60)]
    world.list_addresses(10_000)
    world.want_items([*bad, *others])
    body = {"message": "'subscription_group_id' is invalid"}
    for one in bad:
        # The group of texts is there.
        sandbox.fault("answer", status=400, path="/status/set", address=one.address, body=body)
    part = world.push(plan=True).parts[0]
    found = outcomes(world)
    assert isinstance(part.error, NeedsPerson)
    assert f"braze email {group.scope}: " in str(part.error)
    assert "needs a person: correct the row" in str(part.error)
    assert part.exit_code == 1
    assert {found[one.delta_id] for one in others} == {"confirmed"}
    assert {found[one.delta_id] for one in bad} == {"failed"}
    # Two calls with texts, and at most one for each batch of the row that waits.
    assert sandbox.calls()["POST /v2/subscription/status/set"] <= 4


def test_a_fault_for_good_stays_one_beside_one_that_passes() -> None:
    row = {"error_code": 30646, "error_messages": ["INVALID_DATE_OF_CONSENT", "INVALID_CONTACT_ID"]}
    meaning = meanings_of("twilio").of(201, row)
    assert meaning is not None
    assert meaning.meaning == "final"


def test_the_longer_pattern_decides_and_then_the_destinations_own() -> None:
    def row(destination: str, pattern: str, meaning: str) -> dict[str, Any]:
        return {
            "destination": destination,
            "http_status": "*",
            "field": "",
            "pattern": pattern,
            "meaning": meaning,
            "is_stopped": False,
            "note": None,
        }

    def meaning_of(*rows: dict[str, Any]) -> str:
        found = Meanings(rows).of(None, "it is down for now")
        assert found is not None
        return found.meaning

    assert (
        meaning_of(row("x", "%down%", "final"), row("*", "%for now%", "temporary")) == "temporary"
    )
    assert meaning_of(row("*", "%down%", "final"), row("x", "%down%", "temporary")) == "temporary"
    assert meaning_of(row("x", "", "final"), row("*", "%down%", "temporary")) == "temporary"
    assert meaning_of(row("x", "", "final"), row("*", "down", "temporary")) == "final"


def test_a_credential_that_a_row_gives_to_a_person_still_ends_the_run() -> None:
    row = {
        "destination": "x",
        "http_status": "403",
        "field": "",
        "pattern": "%disabled%",
        "meaning": "needs_person",
        "is_stopped": False,
        "note": "ask the account's owner",
    }
    found = Meanings([row]).of_call(403, {"detail": "This account has been disabled"})
    assert found is not None
    assert found[0] is CredentialRefused
    assert found[1].told("said") == "needs a person: ask the account's owner: said"


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_a_row_decides_and_no_code(world: World, sandbox: SandboxClient) -> None:
    """The words of a firewall that refuses an address: its row makes the item alone rejected."""
    case = case_of("sendgrid")
    people = case.people(case.rows[0], 3)
    connect(world, case, case.rows[0])
    world.want_items(people)
    world.sql(
        "insert into destination_errors values"
        " ('sendgrid', '451', '', '%never%', 'final', false, 'the gateway blocks it')"
    )
    sandbox.fault("error", status=451, message="Never.", address=people[0].address)
    world.push()
    found = outcomes(world)
    assert [found[one.delta_id] for one in people] == ["rejected", "confirmed", "confirmed"]
    (row,) = [row for row in world.ledger() if row["outcome"] == "rejected"]
    assert "the gateway blocks it" in row["error"]


def test_what_needs_a_person_waits_and_says_for_what(world: World, sandbox: SandboxClient) -> None:
    case = case_of("mailchimp")
    (one,) = case.people(case.rows[0], 1)
    connect(world, case, case.rows[0])
    world.want_items([one])
    body = errors({"email_address": one.address, "error": "Your merge fields were invalid."})
    sandbox.fault("answer", status=200, body=body)
    part = world.push().parts[0]
    assert part.exit_code == 1
    assert str(part.failure).startswith("needs a person: the audience requires a field")
    sandbox.heal()
    assert world.push().exit_code == 0


def test_every_row_is_about_a_platform_that_we_know_and_speaks() -> None:
    rows = destination_errors()
    assert {row["destination"] for row in rows} <= {"*", *names()}
    keys = [(row["destination"], row["http_status"], row["field"], row["pattern"]) for row in rows]
    assert len(keys) == len(set(keys))
    for row in rows:
        assert row["meaning"] in ("final", "temporary", "needs_person")
        # What somebody has to do is said.
        assert row["note"] or row["meaning"] == "final"
        pattern = row["pattern"].replace("%", "")
        said = {row["field"] or "message": pattern or "x"}
        status = int(row["http_status"].split()[0])
        name = row["destination"] if row["destination"] != "*" else "sendgrid"
        found = meanings_of(name).of(status, said)
        assert found is not None, row
        assert found.meaning == row["meaning"], row


def test_every_destination_takes_the_meanings_of_its_errors() -> None:
    for name in names():
        kind = get(name)
        assert kind.__init__.__annotations__["meanings"]
