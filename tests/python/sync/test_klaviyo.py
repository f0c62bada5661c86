"""Klaviyo: jobs about people, never about a list, and what Klaviyo itself keeps."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sync.delivery.calls import DryRun
from sync.destinations.base import Entry, Item, Outcome, Request
from sync.destinations.klaviyo import Klaviyo
from sync.errors import AnswerUnreadable
from sync.sandbox.platforms.klaviyo import profile_id
from tests.python.sync.cases import Row
from tests.python.sync.cases.klaviyo import CASE
from tests.python.sync.test_contract import connected
from tests.python.sync.world import SandboxClient

EMAIL, SMS = CASE.rows
ONE, NUMBER = "a@example.com", "+14155550100"
NATIVE = ("HARD_BOUNCE", "INVALID_EMAIL", "SPAM_COMPLAINT", "UNSUBSCRIBE")


def person(address: str = ONE, row: Row = EMAIL, **values: object) -> Item:
    return CASE.person(row, address, **values)


def told(sandbox: SandboxClient, verb: str, *items: Item) -> list[Outcome]:
    with connected("klaviyo", sandbox) as destination:
        return list(getattr(destination, verb)(items))


def test_a_job_names_people_and_one_channel_and_never_a_list() -> None:
    seen: list[Request] = []
    destination = Klaviyo(DryRun(seen.append), {})
    list(destination.suppress([person()]))
    list(destination.suppress([person(NUMBER, SMS)]))
    list(destination.release([person(action="release")]))
    jobs = [one for one in seen if one.method == "POST"]
    assert [one.path.removeprefix("/api/profile-") for one in jobs] == [
        "suppression-bulk-create-jobs",
        "subscription-bulk-delete-jobs",
        "suppression-bulk-delete-jobs",
    ]
    for job in jobs:
        assert set(job.json["data"]) == {"type", "attributes"}  # type: ignore[index]
    assert jobs[1].json["data"]["attributes"]["profiles"]["data"] == [  # type: ignore[index]
        {
            "type": "profile",
            "attributes": {
                "phone_number": NUMBER,
                "subscriptions": {"sms": {"marketing": {"consent": "UNSUBSCRIBED"}}},
            },
        }
    ]


@pytest.mark.parametrize("reason", NATIVE)
def test_what_klaviyo_filed_itself_is_kept_and_said(sandbox: SandboxClient, reason: str) -> None:
    sandbox.fill({"email": [[ONE, reason], "b@example.com"]}, "klaviyo")
    told(sandbox, "suppress", person(), person("b@example.com"))
    people = [person(action="release"), person("b@example.com", action="release")]
    kept, freed = told(sandbox, "release", *people)
    assert (kept.result, reason in str(kept.error)) == ("rejected", True)
    assert freed.result == "accepted"
    assert sandbox.lists("klaviyo")["email"] == [ONE]


def test_a_suppression_of_ours_is_taken_back_beside_what_is_kept(sandbox: SandboxClient) -> None:
    """A job that is still under way is not shown yet: a release is always sent."""
    sandbox.fill({"email": [[ONE, "UNSUBSCRIBE"], ONE]}, "klaviyo")
    told(sandbox, "release", person(action="release"))
    with connected("klaviyo", sandbox) as destination:
        assert [entry.listed_in for entry in destination.entries("email", "")] == ["unsubscribe"]


def test_texts_are_never_released(sandbox: SandboxClient) -> None:
    sandbox.fill({"sms": [NUMBER]}, "klaviyo")
    (outcome,) = told(sandbox, "release", person(NUMBER, SMS, action="release"))
    assert (outcome.result, outcome.attempts) == ("rejected", 0)
    assert sandbox.call_count() == 0


@pytest.mark.parametrize(
    ("status", "body"), [(202, {"data": {}}), (202, None), (200, {"data": []})]
)
def test_an_answer_that_names_no_job_is_believed_by_nobody(
    sandbox: SandboxClient, status: int, body: object
) -> None:
    sandbox.fault("answer", platform="klaviyo", status=status, body=body)
    with pytest.raises(AnswerUnreadable):
        told(sandbox, "suppress", person())


def test_a_profile_that_does_not_show_its_subscriptions_frees_nobody(
    sandbox: SandboxClient,
) -> None:
    body = {"data": [{"type": "profile", "id": "1", "attributes": {"email": ONE}}]}
    sandbox.fill({"email": [ONE]}, "klaviyo")
    sandbox.fault("answer", platform="klaviyo", status=200, body=body, method="GET")
    with pytest.raises(AnswerUnreadable, match="subscriptions"):
        told(sandbox, "release", person(action="release"))
    assert sandbox.lists("klaviyo")["email"] == [ONE]


def test_an_error_is_told_by_its_detail(sandbox: SandboxClient) -> None:
    sandbox.fault("error", platform="klaviyo", status=400, message="Invalid email address")
    with connected("klaviyo", sandbox) as destination, pytest.raises(Exception, match="Invalid em"):
        list(destination.suppress([person()]))


def test_entries_tell_reason_and_date(sandbox: SandboxClient) -> None:
    at = "2025-05-02T07:15:30+00:00"
    sandbox.fill({"email": [[ONE, reason, at] for reason in NATIVE]}, "klaviyo")
    with connected("klaviyo", sandbox) as destination:
        shown = list(destination.entries("email", ""))
    since = datetime(2025, 5, 2, 7, 15, 30, tzinfo=UTC)
    own_id = profile_id(ONE)
    assert shown == [
        Entry("email", ONE, reason.lower(), since, platform_id=own_id) for reason in NATIVE
    ]


def test_a_row_with_a_scope_is_refused(sandbox: SandboxClient) -> None:
    with connected("klaviyo", sandbox) as destination:
        assert "scope" in str(destination.refusal(person(row=Row("email", "Y6nRLr"))))
