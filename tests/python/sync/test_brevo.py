"""Brevo: one flag per contact and channel, which only an act of consent takes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sync.clock import utc_now
from sync.delivery.calls import DryRun
from sync.destinations.base import Entry, Item, Outcome, Request
from sync.destinations.brevo import Brevo
from tests.python.sync.cases import Row
from tests.python.sync.cases.brevo import CASE
from tests.python.sync.test_contract import connected
from tests.python.sync.world import SandboxClient

EMAIL, SMS = CASE.rows
ONE, NUMBER = "a@example.com", "+14155550100"
CONSENT = utc_now() - timedelta(days=2)
EARLY, LATE = (f"{CONSENT + one:%Y-%m-%dT%H:%M:%SZ}" for one in (-timedelta(hours=1), timedelta(1)))
FILED = "2025-12-31T23:59:59.000Z"


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
    list(destination.release([person(action="release")]))
    assert [(one.method, one.json, one.params) for one in seen if one.method != "GET"] == [
        ("POST", {"email": ONE, "emailBlacklisted": True, "updateEnabled": True}, {}),
        ("PUT", {"smsBlacklisted": True}, {"identifierType": "phone_id"}),
        ("PUT", {"emailBlacklisted": False}, {"identifierType": "email_id"}),
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
    back = person(action="release", event_timestamp=CONSENT)
    (outcome,) = told(sandbox, "release", back)
    assert outcome.result == result
    assert sandbox.lists("brevo")["email"] == ([] if result == "confirmed" else [ONE])


@pytest.mark.parametrize("age", [timedelta(days=90), timedelta(days=400), None])
def test_a_consent_that_is_older_than_what_brevo_shows_frees_nobody(
    sandbox: SandboxClient, age: timedelta | None
) -> None:
    """A refusal that is later, but older than 90 days, would not show."""
    sandbox.fill({"email": [ONE]}, "brevo")
    at = None if age is None else utc_now() - age
    (outcome,) = told(sandbox, "release", person(action="release", event_timestamp=at))
    assert (outcome.result, outcome.attempts, sandbox.call_count()) == ("rejected", 0, 0)
    assert "ask the person again" in str(outcome.error)
    back = person(action="release", event_timestamp=utc_now() - timedelta(days=80))
    assert [one.result for one in told(sandbox, "release", back)] == ["confirmed"]


def test_no_number_is_released_for_no_refusal_of_texts_is_shown(sandbox: SandboxClient) -> None:
    sandbox.fill({"sms": [NUMBER]}, "brevo")
    (outcome,) = told(sandbox, "release", person(NUMBER, SMS, action="release"))
    assert (outcome.result, sandbox.call_count()) == ("rejected", 0)
    assert "take the number off" in str(outcome.error)


def test_new_and_known_numbers_have_one_outcome_each(sandbox: SandboxClient) -> None:
    sandbox.fill({"sms": [NUMBER]}, "brevo")
    people = [person(one, SMS) for one in ("+14155550101", NUMBER, "+14155550102")]
    found = told(sandbox, "suppress", *people)
    assert sorted(one.item.address or "" for one in found) == sorted(
        one.address or "" for one in people
    )
    assert ({one.result for one in found}, sandbox.call_count()) == ({"confirmed"}, 5)


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
                ["b@example.com", "hardBounce", "shop@example.com", FILED],
                ["c@example.com", "unsubscribedViaEmail", "shop@example.com", FILED],
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
