"""Mailgun: one list per reason, counted answers, and no call that clears a list."""

from __future__ import annotations

from datetime import datetime

import pytest

from sync.delivery.calls import DryRun
from sync.delivery.isolate import isolate
from sync.destinations.base import Item, Outcome, Request
from sync.destinations.mailgun import Mailgun
from sync.errors import UnknownScope
from tests.python.sync.cases import Row
from tests.python.sync.cases.mailgun import CASE
from tests.python.sync.test_contract import connected
from tests.python.sync.world import SandboxClient

DOMAIN = Row("email", "mg.example.com")
LISTS = {
    "complaint": "complaints",
    "bounce": "bounces",
    "soft_bounces": "bounces",
    "unsubscribe": "unsubscribes",
    "block": "unsubscribes",
    "unengaged": "unsubscribes",
}


def person(address: str = "a@example.com", row: Row = DOMAIN, **values: object) -> Item:
    return CASE.person(row, address, **values)


def told(sandbox: SandboxClient, verb: str, *items: Item) -> list[Outcome]:
    with connected("mailgun", sandbox) as destination:
        return list(getattr(destination, verb)(items))


def on_lists(sandbox: SandboxClient) -> set[str]:
    return {name.split()[1] for name, found in sandbox.lists("mailgun").items() if found}


def fill_all(sandbox: SandboxClient) -> None:
    lists = ("bounces", "complaints", "unsubscribes")
    sandbox.fill({f"mg.example.com {name}": ["a@example.com"] for name in lists}, "mailgun")


@pytest.mark.parametrize(("reason", "name"), LISTS.items())
def test_a_reason_is_put_on_its_list(sandbox: SandboxClient, reason: str, name: str) -> None:
    told(sandbox, "suppress", person(reason=reason))
    assert on_lists(sandbox) == {name}


@pytest.mark.parametrize(("reason", "name"), LISTS.items())
def test_a_release_leaves_the_other_lists(sandbox: SandboxClient, reason: str, name: str) -> None:
    """Its row keeps reasons apart: the others are named as those to be kept."""
    fill_all(sandbox)
    others = {"bounces", "complaints", "unsubscribes"} - {name}
    one = person(action="release", reason=reason, kept_topics=",".join(sorted(others)))
    (outcome,) = told(sandbox, "release", one)
    assert outcome.result == "confirmed"
    assert on_lists(sandbox) == others


@pytest.mark.parametrize(
    ("filed_as", "reason", "left"),
    [
        # Filed as a bounce; what ended last was the opt-out that came after.
        ("bounce", "unsubscribe", set()),
        ("unengaged", "bounce", set()),
        ("block", "complaint", set()),
        ("complaint", "bounce", {"complaints"}),
    ],
)
def test_of_a_row_that_keeps_no_reasons_whatever_list_holds_the_person_lets_go(
    sandbox: SandboxClient, filed_as: str, reason: str, left: set[str]
) -> None:
    told(sandbox, "suppress", person(reason=filed_as))
    (outcome,) = told(sandbox, "release", person(action="release", reason=reason))
    assert outcome.result == "confirmed"
    assert on_lists(sandbox) == left


def test_what_a_changed_seed_freed_leaves_the_lists_that_are_kept(sandbox: SandboxClient) -> None:
    fill_all(sandbox)
    told(sandbox, "release", person(reason="policy", kept_topics="complaints,unsubscribes"))
    assert on_lists(sandbox) == {"complaints", "unsubscribes"}


def test_reasons_of_a_batch_are_put_on_their_lists(sandbox: SandboxClient) -> None:
    people = [person(f"{reason}@example.com", reason=reason) for reason in LISTS]
    outcomes = told(sandbox, "suppress", *people)
    assert {outcome.result for outcome in outcomes} == {"confirmed"}
    bounced = ["bounce@example.com", "soft_bounces@example.com"]
    assert sandbox.lists("mailgun")["mg.example.com bounces"] == bounced
    assert sandbox.call_count() == 3


def test_an_answer_that_counts_fewer_confirms_nobody(sandbox: SandboxClient) -> None:
    """One of them may be at fault: the call is divided until only that one is left."""
    people = [person(f"{n}@example.com") for n in range(4)]
    said = "0 addresses have been added to the bounces table"
    sandbox.fault("error", status=200, message=said, address="2@example.com")
    with connected("mailgun", sandbox) as destination:
        found = {outcome.item: outcome.result for outcome in isolate(destination.suppress, people)}
    assert [found[one] for one in people] == ["confirmed", "confirmed", "failed", "confirmed"]


def test_a_domain_that_does_not_exist_is_named(sandbox: SandboxClient) -> None:
    with pytest.raises(UnknownScope, match=r"gone\.example"):
        told(sandbox, "suppress", person(row=Row("email", "gone.example")))


def test_nobody_is_freed_of_a_domain_that_does_not_exist(sandbox: SandboxClient) -> None:
    with pytest.raises(UnknownScope, match=r"gone\.example"):
        told(sandbox, "release", person(row=Row("email", "gone.example")))


def test_what_was_kept_on_every_list_is_freed_without_a_call(sandbox: SandboxClient) -> None:
    kept = "bounces,complaints,unsubscribes"
    (outcome,) = told(sandbox, "release", person(reason="policy", kept_topics=kept))
    assert (outcome.result, outcome.attempts) == ("confirmed", 0)


def test_a_row_without_a_domain_is_refused(sandbox: SandboxClient) -> None:
    with connected("mailgun", sandbox) as destination:
        assert "scope" in str(destination.refusal(person(row=Row("email"))))


def test_an_opt_out_counts_for_all_mail_of_the_domain_and_keeps_its_date() -> None:
    seen: list[Request] = []
    destination = Mailgun(DryRun(seen.append), {})
    list(destination.suppress([person(event_timestamp=datetime(2026, 3, 1, 12))]))
    assert seen[0].json == [
        {
            "address": "a@example.com",
            "tags": ["*"],
            "created_at": "Sun, 01 Mar 2026 12:00:00 +0000",
        }
    ]
