"""Mailchimp: member states, and who may not be subscribed again by us."""

from __future__ import annotations

import pytest

from sync.delivery.calls import DryRun
from sync.destinations.base import Item, Outcome, Request
from sync.destinations.mailchimp import Mailchimp
from sync.errors import CredentialRefused, RateLimited, UnknownScope
from tests.python.sync.cases import Row
from tests.python.sync.cases.mailchimp import AUDIENCE, CASE
from tests.python.sync.test_contract import connected
from tests.python.sync.world import SandboxClient

ROW = Row("email", AUDIENCE)


def person(address: str = "a@example.com", row: Row = ROW, **values: str) -> Item:
    return CASE.person(row, address, **values)


def told(sandbox: SandboxClient, verb: str, *items: Item) -> list[Outcome]:
    with connected("mailchimp", sandbox) as destination:
        return list(getattr(destination, verb)(items))


def status_of(sandbox: SandboxClient, address: str = "a@example.com") -> str:
    (found,) = (s for s, who in sandbox.lists("mailchimp")[AUDIENCE].items() if address in who)
    return str(found)


@pytest.mark.parametrize(
    ("reason", "status"),
    [("bounce", "cleaned"), ("complaint", "unsubscribed"), ("unsubscribe", "unsubscribed")],
)
def test_a_reason_is_a_members_status(sandbox: SandboxClient, reason: str, status: str) -> None:
    told(sandbox, "suppress", person(reason=reason))
    assert status_of(sandbox) == status


def test_a_member_who_is_there_already_changes(sandbox: SandboxClient) -> None:
    sandbox.fill({AUDIENCE: {"subscribed": ["a@example.com"]}}, "mailchimp")
    told(sandbox, "suppress", person())
    assert status_of(sandbox) == "unsubscribed"


@pytest.mark.parametrize("status", ["left", "cleaned"])
def test_who_left_or_bounced_there_comes_back_only_by_an_act_there(
    sandbox: SandboxClient, status: str
) -> None:
    sandbox.fill({AUDIENCE: {status: ["a@example.com"]}}, "mailchimp")
    people = [person(address, action="release") for address in ("a@example.com", "b@example.com")]
    outcomes = told(sandbox, "release", *people)
    assert [outcome.result for outcome in outcomes] == ["rejected", "confirmed"]
    assert "only the person" in str(outcomes[0].error)


def test_no_mail_of_confirmation_is_ever_caused() -> None:
    seen: list[Request] = []
    destination = Mailchimp(DryRun(seen.append), {"MAILCHIMP_API_KEY": "k-us1"})
    for verb in (destination.suppress, destination.release, destination.subscribe):
        list(verb([person()]))
    assert "pending" not in str([request.json for request in seen])


def test_a_member_that_the_answer_leaves_out_is_tried_again(sandbox: SandboxClient) -> None:
    sandbox.fault("omit", address="a@example.com")
    outcomes = told(sandbox, "suppress", person(), person("b@example.com"))
    assert [outcome.result for outcome in outcomes] == ["failed", "confirmed"]


def test_the_key_names_the_host() -> None:
    seen: list[Request] = []
    list(Mailchimp(DryRun(seen.append), {"MAILCHIMP_API_KEY": "k-us21"}).suppress([person()]))
    assert seen[0].host == "https://us21.api.mailchimp.com"


def test_an_audience_that_does_not_exist_is_named(sandbox: SandboxClient) -> None:
    with pytest.raises(UnknownScope, match="'gone'"):
        told(sandbox, "suppress", person(row=Row("email", "gone")))


def test_a_403_without_a_body_is_the_limits_and_one_with_a_body_a_missing_right(
    sandbox: SandboxClient,
) -> None:
    assert Mailchimp.judge(403, None) is RateLimited
    sandbox.fault("error", status=403, message="no rights on this audience", count=1)
    with pytest.raises(CredentialRefused, match="no rights"):
        told(sandbox, "suppress", person())


def test_no_more_than_ten_connections_are_used() -> None:
    assert Mailchimp.most_connections == 10
