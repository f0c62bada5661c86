"""Braze: which endpoint for which row and reason, and errors by place."""

from __future__ import annotations

import pytest

from sync.delivery.calls import DryRun
from sync.destinations.base import Item, Outcome, Request
from sync.destinations.braze import Braze
from tests.python.sync.cases import Row
from tests.python.sync.cases.braze import CASE, GROUP
from tests.python.sync.test_contract import connected
from tests.python.sync.world import SandboxClient

EMAIL, PUSH = Row("email"), Row("push")


def person(row: Row = EMAIL, address: str = "a@example.com", **values: object) -> Item:
    return CASE.person(row, address, **values)


def told(sandbox: SandboxClient, verb: str, *items: Item) -> list[Outcome]:
    with connected("braze", sandbox) as destination:
        return list(getattr(destination, verb)(items))


def on_lists(sandbox: SandboxClient) -> set[str]:
    return {name for name, found in sandbox.lists("braze").items() if name != "groups" and found}


@pytest.mark.parametrize(
    ("reason", "lists"),
    [
        ("unsubscribe", {"unsubscribed"}),
        ("complaint", {"unsubscribed"}),
        ("bounce", {"unsubscribed", "hard_bounced"}),
    ],
)
def test_a_reason_is_a_state_and_a_bounce_the_blocklist(
    sandbox: SandboxClient, reason: str, lists: set[str]
) -> None:
    told(sandbox, "suppress", person(reason=reason))
    assert on_lists(sandbox) == lists


@pytest.mark.parametrize(
    ("reason", "left"),
    [
        ("unsubscribe", {"hard_bounced", "spam"}),
        ("bounce", {"spam"}),
        ("complaint", {"hard_bounced"}),
    ],
)
def test_a_release_takes_off_the_list_of_its_reason_and_the_state(
    sandbox: SandboxClient, reason: str, left: set[str]
) -> None:
    sandbox.fill(
        {name: ["a@example.com"] for name in ("unsubscribed", "hard_bounced", "spam")}, "braze"
    )
    told(sandbox, "release", person(reason=reason))
    assert on_lists(sandbox) == left


def test_a_scope_is_a_subscription_group(sandbox: SandboxClient) -> None:
    told(sandbox, "suppress", person(Row("email", GROUP)))
    told(sandbox, "suppress", person(Row("sms", GROUP), "+14155550100"))
    assert sandbox.lists("braze")["groups"] == {GROUP: ["+14155550100", "a@example.com"]}
    assert on_lists(sandbox) == set()


def test_texts_without_a_group_are_refused_by_name(sandbox: SandboxClient) -> None:
    with connected("braze", sandbox) as destination:
        refusal = destination.refusal(person(Row("sms"), "+14155550100"))
    assert "subscription group" in str(refusal)


def test_push_without_an_external_id_is_refused_by_name(sandbox: SandboxClient) -> None:
    with connected("braze", sandbox) as destination:
        refusal = destination.refusal(person(PUSH, "some-push-token", external_id=None))
    assert "external_id" in str(refusal)


def test_a_profile_that_is_not_there_is_rejected_alone_and_not_made(
    sandbox: SandboxClient,
) -> None:
    people = [person(PUSH, f"some-push-token-{n}") for n in range(3)]
    sandbox.fill({"unknown": [people[1].external_id]}, "braze")
    outcomes = told(sandbox, "suppress", *people)
    assert [outcome.result for outcome in outcomes] == ["confirmed", "rejected", "confirmed"]


def test_errors_without_a_place_confirm_nobody(sandbox: SandboxClient) -> None:
    sandbox.fault("answer", status=201, body={"message": "success", "errors": ["something"]})
    (outcome,) = told(sandbox, "suppress", person(PUSH, "some-push-token"))
    assert outcome.result == "failed"


def test_what_is_queued_in_maintenance_is_accepted(sandbox: SandboxClient) -> None:
    sandbox.fault("answer", status=202, body={"message": "queued"})
    (outcome,) = told(sandbox, "suppress", person())
    assert outcome.result == "accepted"


def test_a_release_is_no_opt_in_and_a_subscribe_is() -> None:
    seen: list[Request] = []
    destination = Braze(DryRun(seen.append), {"BRAZE_INSTANCE": "iad-05"})
    list(destination.release([person()]))
    list(destination.subscribe([person()]))
    states = [r.json["subscription_state"] for r in seen if isinstance(r.json, dict)]
    assert states == ["subscribed", "opted_in"]


@pytest.mark.parametrize(
    ("instance", "host"),
    [
        ("iad-05", "https://rest.iad-05.braze.com"),
        ("fra-01", "https://rest.fra-01.braze.eu"),
        ("au-01", "https://rest.au-01.braze.com"),
    ],
)
def test_the_instance_names_the_host(instance: str, host: str) -> None:
    seen: list[Request] = []
    list(Braze(DryRun(seen.append), {"BRAZE_INSTANCE": instance}).suppress([person()]))
    assert seen[0].host == host


def test_a_change_by_the_api_comes_back_as_the_apis(sandbox: SandboxClient) -> None:
    told(sandbox, "suppress", person())
    (webhook,) = sandbox.webhooks()
    found = webhook["body"]["events"][0]["properties"]
    assert (found["subscription_status"], found["state_change_source"]) == (
        "Unsubscribed",
        "REST API",
    )
