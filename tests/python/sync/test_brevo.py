"""Brevo: one flag per contact and channel, which only an act of consent takes back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sync.delivery.calls import DryRun
from sync.destinations.base import Entry, Item, Outcome, Request
from sync.destinations.brevo import Brevo
from tests.python.sync.cases import Row
from tests.python.sync.cases.brevo import CASE
from tests.python.sync.test_contract import connected
from tests.python.sync.world import SandboxClient

EMAIL, SMS = CASE.rows
ONE, NUMBER = "a@example.com", "+14155550100"
EARLY, LATE = "2025-12-31T23:59:59.000Z", "2026-03-01T00:00:00.000Z"


def person(address: str = ONE, row: Row = EMAIL, **values: object) -> Item:
    return CASE.person(row, address, **values)


def told(sandbox: SandboxClient, verb: str, *items: Item) -> list[Outcome]:
    with connected("brevo", sandbox) as destination:
        return list(getattr(destination, verb)(items))


def test_a_number_that_is_no_contact_yet_becomes_one_with_the_flag(sandbox: SandboxClient) -> None:
    (outcome,) = told(sandbox, "suppress", person(NUMBER, SMS))
    assert (outcome.result, sandbox.call_count()) == ("confirmed", 2)
    (outcome,) = told(sandbox, "suppress", person(NUMBER, SMS))
    assert (outcome.result, sandbox.call_count()) == ("confirmed", 3)
    assert sandbox.lists("brevo") == {"email": [], "sms": [NUMBER]}


def test_a_call_names_one_flag_and_no_other_part_of_the_contact() -> None:
    seen: list[Request] = []
    destination = Brevo(DryRun(seen.append), {})
    list(destination.suppress([person(), person(NUMBER, SMS)]))
    list(destination.release([person(action="release"), person(NUMBER, SMS, action="release")]))
    assert [(one.method, one.json, one.params) for one in seen if one.method != "GET"] == [
        ("POST", {"email": ONE, "emailBlacklisted": True, "updateEnabled": True}, {}),
        ("PUT", {"smsBlacklisted": True}, {"identifierType": "phone_id"}),
        ("PUT", {"emailBlacklisted": False}, {"identifierType": "email_id"}),
        ("PUT", {"smsBlacklisted": False}, {"identifierType": "phone_id"}),
    ]


@pytest.mark.parametrize("reason", ["bounce", "block", "unengaged", "policy"])
@pytest.mark.parametrize("row", [EMAIL, SMS], ids=["email", "sms"])
def test_no_flag_is_taken_back_without_an_act_of_consent(
    sandbox: SandboxClient, reason: str, row: Row
) -> None:
    """Who left there before anybody asked Brevo's list has the same flag."""
    address = ONE if row is EMAIL else NUMBER
    sandbox.fill({row.channel: [address]}, "brevo")
    (outcome,) = told(sandbox, "release", person(address, row, action="release", reason=reason))
    assert (outcome.result, outcome.attempts) == ("rejected", 0)
    assert "act of consent" in str(outcome.error)
    assert sandbox.call_count() == 0


@pytest.mark.parametrize(
    ("entry", "result"),
    [
        ([ONE], "confirmed"),
        ([ONE, EARLY], "confirmed"),
        ([ONE, "", EARLY], "confirmed"),
        ([ONE, LATE], "rejected"),
        ([ONE, EARLY, LATE], "rejected"),
        ([ONE, "not a date"], "rejected"),
    ],
)
def test_a_refusal_there_that_is_later_than_the_consent_is_kept(
    sandbox: SandboxClient, entry: list[str], result: str
) -> None:
    sandbox.fill({"email": [entry]}, "brevo")
    back = person(action="release", event_timestamp=datetime(2026, 1, 1))
    (outcome,) = told(sandbox, "release", back)
    assert outcome.result == result
    assert sandbox.lists("brevo")["email"] == ([] if result == "confirmed" else [ONE])


def test_who_is_no_contact_is_free(sandbox: SandboxClient) -> None:
    (outcome,) = told(sandbox, "release", person(action="release"))
    assert (outcome.result, outcome.status) == ("confirmed", 404)


def test_another_hosts_404_frees_nobody(sandbox: SandboxClient) -> None:
    sandbox.fault("answer", platform="brevo", status=404, body={"message": "no such page"})
    (outcome,) = told(sandbox, "release", person(action="release"))
    assert (outcome.result, outcome.status) == ("failed", 404)


def test_an_answer_without_the_flag_frees_nobody(sandbox: SandboxClient) -> None:
    sandbox.fault("answer", platform="brevo", status=200, body={"email": ONE})
    (outcome,) = told(sandbox, "release", person(action="release"))
    assert (outcome.result, outcome.attempts) == ("failed", 1)


def test_a_row_with_a_scope_is_refused(sandbox: SandboxClient) -> None:
    with connected("brevo", sandbox) as destination:
        assert "scope" in str(destination.refusal(person(row=Row("email", "12"))))


def test_entries_are_the_flags_and_the_blocklist_of_transactional_emails(
    sandbox: SandboxClient,
) -> None:
    sandbox.fill(
        {
            "email": [ONE],
            "sms": [NUMBER],
            "transactional": [
                ["b@example.com", "hardBounce", "shop@example.com", EARLY],
                ["c@example.com", "unsubscribedViaEmail", "shop@example.com", EARLY],
            ],
        },
        "brevo",
    )
    since = datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)
    with connected("brevo", sandbox) as destination:
        assert list(destination.entries("sms", "")) == [Entry("sms", NUMBER, "blocklisted")]
        assert list(destination.entries("email", "")) == [
            Entry("email", ONE, "blocklisted"),
            Entry("email", "b@example.com", "transactional/hardbounce", since),
            Entry(
                "email",
                "c@example.com",
                "transactional/unsubscribedviaemail",
                since,
                "shop@example.com",
            ),
        ]
