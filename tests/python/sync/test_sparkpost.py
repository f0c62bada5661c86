"""SparkPost: a list per type and subaccount, and what the person filed there."""

from __future__ import annotations

from datetime import datetime

import pytest

from sync.delivery.calls import DryRun
from sync.destinations.base import Entry, Item, Outcome, Request
from sync.destinations.sparkpost import SparkPost
from sync.errors import AnswerUnreadable, CredentialRefused, UnknownScope
from tests.python.sync.cases import Row
from tests.python.sync.cases.sparkpost import CASE
from tests.python.sync.test_contract import connected
from tests.python.sync.world import SandboxClient

MARKETING, OF_SUBACCOUNT = CASE.rows
ONE = "a@example.com"


def person(address: str = ONE, row: Row = MARKETING, **values: object) -> Item:
    return CASE.person(row, address, **values)


def told(sandbox: SandboxClient, verb: str, *items: Item) -> list[Outcome]:
    with connected("sparkpost", sandbox) as destination:
        return list(getattr(destination, verb)(items))


def test_a_scope_is_a_type_and_a_subaccount(sandbox: SandboxClient) -> None:
    for n, row in enumerate((*CASE.rows, Row("email", "transactional"))):
        told(sandbox, "suppress", person(f"{n}@example.com", row))
    assert sandbox.lists("sparkpost") == {
        "non_transactional": ["0@example.com"],
        "transactional/146": ["1@example.com"],
        "transactional": ["2@example.com"],
    }


@pytest.mark.parametrize("scope", ["", "146", "marketing", "transactional/", "transactional/0"])
def test_a_row_that_names_no_type_is_refused(sandbox: SandboxClient, scope: str) -> None:
    with connected("sparkpost", sandbox) as destination:
        assert "scope" in str(destination.refusal(person(row=Row("email", scope))))
        with pytest.raises(UnknownScope, match="--scope"):
            list(destination.entries("email", scope))


def test_a_release_leaves_the_other_type_subaccount_and_mailing_lists(
    sandbox: SandboxClient,
) -> None:
    others = ("transactional", "non_transactional/146", "non_transactional#weekly.example.com")
    sandbox.fill({name: [ONE] for name in ("non_transactional", *others)}, "sparkpost")
    (outcome,) = told(sandbox, "release", person(action="release"))
    assert outcome.result == "confirmed"
    assert sandbox.lists("sparkpost") == {name: [ONE] for name in others}


NATIVE = ("Spam Complaint", "List Unsubscribe", "Unsubscribe Link")


@pytest.mark.parametrize("source", NATIVE)
@pytest.mark.parametrize("reason", ["bounce", "block", "unengaged", "policy"])
def test_what_the_person_did_there_is_ended_by_no_other_reason(
    sandbox: SandboxClient, source: str, reason: str
) -> None:
    sandbox.fill({"non_transactional": [[ONE, source, "2025-01-01T00:00:00+00:00"]]}, "sparkpost")
    (outcome,) = told(sandbox, "release", person(action="release", reason=reason))
    assert (outcome.result, source.lower() in str(outcome.error)) == ("rejected", True)
    assert sandbox.lists("sparkpost") == {"non_transactional": [ONE]}


@pytest.mark.parametrize("reason", ["unsubscribe", "complaint"])
@pytest.mark.parametrize(
    ("refused_at", "result"),
    [
        ("2025-12-31T23:59:59+00:00", "confirmed"),
        ("2026-01-01T00:59:59+01:00", "confirmed"),
        # At the same instant the refusal wins.
        ("2026-01-01T00:00:00+00:00", "rejected"),
        ("2026-03-01T00:00:00+00:00", "rejected"),
        ("", "rejected"),
    ],
)
def test_an_act_of_consent_ends_what_the_person_did_there_before_it(
    sandbox: SandboxClient, reason: str, refused_at: str, result: str
) -> None:
    sandbox.fill({"non_transactional": [[ONE, "List Unsubscribe", refused_at]]}, "sparkpost")
    back = person(action="release", reason=reason, event_timestamp=datetime(2026, 1, 1))
    (outcome,) = told(sandbox, "release", back)
    assert outcome.result == result
    assert bool(sandbox.lists("sparkpost")) == (result == "rejected")


@pytest.mark.parametrize("source", ["Bounce Rule", "Manually Added"])
def test_an_act_of_consent_ends_what_nobody_of_them_did(
    sandbox: SandboxClient, source: str
) -> None:
    sandbox.fill({"non_transactional": [[ONE, source]]}, "sparkpost")
    (outcome,) = told(sandbox, "release", person(action="release"))
    assert (outcome.result, outcome.error) == ("confirmed", None)
    assert sandbox.lists("sparkpost") == {}


@pytest.mark.parametrize("reason", ["bounce", "soft_bounces", "block", "unengaged", "policy"])
def test_an_entry_that_ours_may_have_overwritten_stays_without_an_act_of_consent(
    sandbox: SandboxClient, reason: str
) -> None:
    """Whether a PUT over the person's own entry makes it Manually Added is not documented."""
    sandbox.fill({"non_transactional": [[ONE, "Manually Added"]]}, "sparkpost")
    (outcome,) = told(sandbox, "release", person(action="release", reason=reason))
    assert (outcome.result, sandbox.call_count()) == ("rejected", 1)
    assert "delete it at SparkPost" in str(outcome.error)
    assert sandbox.lists("sparkpost") == {"non_transactional": [ONE]}
    gone = person("b@example.com", action="release", reason=reason)
    assert [one.result for one in told(sandbox, "release", gone)] == ["confirmed"]


def test_what_its_compliance_team_filed_stays_and_ends_no_run(sandbox: SandboxClient) -> None:
    sandbox.fill({"non_transactional": [[ONE, "Compliance"], "b@example.com"]}, "sparkpost")
    people = [person(action="release"), person("b@example.com", action="release")]
    found = {one.item.address: one for one in told(sandbox, "release", *people)}
    assert found[ONE].result == "rejected"
    assert "compliance team" in str(found[ONE].error)
    assert found["b@example.com"].result == "confirmed"
    assert sandbox.lists("sparkpost") == {"non_transactional": [ONE]}


def test_a_right_that_is_missing_ends_the_run(sandbox: SandboxClient) -> None:
    sandbox.fault("error", platform="sparkpost", status=403, message="Forbidden.")
    with pytest.raises(CredentialRefused):
        told(sandbox, "suppress", person())


def test_another_hosts_404_frees_nobody(sandbox: SandboxClient) -> None:
    sandbox.fault("answer", platform="sparkpost", status=404, body={"message": "no such page"})
    sandbox.fill({"non_transactional": [ONE]}, "sparkpost")
    (outcome,) = told(sandbox, "release", person(action="release"))
    assert (outcome.result, outcome.status) == ("failed", 404)


def test_an_answer_that_says_nothing_confirms_nobody(sandbox: SandboxClient) -> None:
    sandbox.fault("answer", platform="sparkpost", status=200, body={"results": []})
    with pytest.raises(AnswerUnreadable):
        told(sandbox, "suppress", person())
    (outcome,) = told(sandbox, "release", person(action="release"))
    # No entry is shown: nothing stops the person.
    assert outcome.result == "confirmed"
    sandbox.heal()
    sandbox.fault("answer", platform="sparkpost", status=200, body={"rows": []})
    (outcome,) = told(sandbox, "release", person(action="release"))
    assert (outcome.result, outcome.attempts) == ("failed", 1)


def test_a_release_names_the_type_and_no_mailing_list() -> None:
    seen: list[Request] = []
    destination = SparkPost(DryRun(seen.append), {})
    list(destination.release([person(row=OF_SUBACCOUNT, action="release")]))
    delete = seen[-1]
    assert (delete.method, delete.json) == ("DELETE", {"type": "transactional"})
    assert delete.params == {"list_id": ""}
    assert delete.headers == {"X-MSYS-SUBACCOUNT": "146"}


def test_entries_tell_source_date_and_mailing_list(sandbox: SandboxClient) -> None:
    at = "2025-05-02T07:15:30+00:00"
    lists = {
        "non_transactional": [[ONE, "Bounce Rule", at]],
        "non_transactional#weekly.example.com": [[ONE, "List Unsubscribe", at]],
        "transactional": ["elsewhere@example.com"],
        "non_transactional/146": ["elsewhere@example.com"],
    }
    sandbox.fill(lists, "sparkpost")
    with connected("sparkpost", sandbox) as destination:
        shown = list(destination.entries("email", "non_transactional"))
    since = datetime.fromisoformat(at)
    assert shown == [
        Entry("email", ONE, "bounce rule", since),
        Entry("email", ONE, "list unsubscribe/list", since, "weekly.example.com"),
    ]
