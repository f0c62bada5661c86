"""Braze: which endpoint for which row and reason, and errors by place."""

from __future__ import annotations

import pytest

from sync.delivery.calls import DryRun
from sync.delivery.isolate import isolate
from sync.destinations.base import Item, Outcome, Request
from sync.destinations.braze import Braze
from sync.errors import ConfigError
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
        ("unsubscribe", set()),
        ("bounce", {"spam"}),
        ("unengaged", {"spam"}),
        ("complaint", set()),
    ],
)
def test_a_release_takes_off_the_state_and_the_bounces_and_consent_off_the_complaints(
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


def test_push_with_a_group_is_refused_by_name(sandbox: SandboxClient) -> None:
    with connected("braze", sandbox) as destination:
        refusal = destination.refusal(person(Row("push", GROUP), "some-push-token"))
    assert "scope" in str(refusal)


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


def errors(*found: object) -> dict[str, object]:
    return {"message": "success", "errors": list(found)}


@pytest.mark.parametrize(
    "error",
    [
        "something",
        {"type": "something"},
        {"type": "something", "input_array": "attributes"},
        {"type": "something", "input_array": "attributes", "index": 9},
        {"type": "something", "input_array": "events", "index": 0},
    ],
)
def test_an_error_without_a_place_is_sought_and_confirms_nobody_else(
    sandbox: SandboxClient, error: object
) -> None:
    people = [person(PUSH, f"some-push-token-{n}") for n in range(4)]
    sandbox.fault("answer", status=201, body=errors(error), address=people[2].external_id)
    with connected("braze", sandbox) as destination:
        found = {o.item: o for o in isolate(destination.suppress, people)}
    assert [found[one].result for one in people] == [
        "confirmed",
        "confirmed",
        "rejected",
        "confirmed",
    ]
    assert found[people[2]].error == "something"


def test_two_errors_of_one_place_are_one_persons(sandbox: SandboxClient) -> None:
    people = [person(PUSH, f"some-push-token-{n}") for n in range(2)]
    error = {"type": "something", "input_array": "attributes", "index": 1}
    sandbox.fault("answer", status=201, body=errors(error, error))
    outcomes = told(sandbox, "suppress", *people)
    assert [outcome.result for outcome in outcomes] == ["confirmed", "rejected"]


def test_tokens_of_one_person_are_one_profile(sandbox: SandboxClient) -> None:
    """Places in the answer are those of profiles, not of items."""
    tokens = [person(PUSH, f"some-push-token-{n}", external_id="a") for n in range(2)]
    other = person(PUSH, "some-push-token-2", external_id="b")
    sandbox.fill({"unknown": ["b"]}, "braze")
    outcomes = told(sandbox, "suppress", *tokens, other)
    assert [outcome.result for outcome in outcomes] == ["confirmed", "confirmed", "rejected"]
    seen: list[Request] = []
    list(Braze(DryRun(seen.append), {}).suppress([*tokens, other]))
    assert seen[0].json == {
        "attributes": [
            {
                "external_id": name,
                "push_subscribe": "unsubscribed",
                "_update_existing_only": True,
            }
            for name in "ab"
        ]
    }


@pytest.mark.parametrize("row", [EMAIL, Row("email", GROUP), PUSH])
def test_an_answer_that_does_not_say_so_confirms_nobody(sandbox: SandboxClient, row: Row) -> None:
    sandbox.fault("answer", status=201, body={"note": "a page of a gateway"})
    with connected("braze", sandbox) as destination:
        (outcome,) = isolate(destination.suppress, [person(row)])
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
    states = [r.json["subscription_state"] for r in seen if r.path == "/email/status"]  # type: ignore[index]
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


@pytest.mark.parametrize("instance", ["https://rest.iad-05.braze.com", "iad-05.braze.com", "iad"])
def test_what_names_no_instance_is_never_another_instances_host(instance: str) -> None:
    with pytest.raises(ConfigError, match="BRAZE_INSTANCE"):
        Braze.headers({"BRAZE_API_KEY": "x", "BRAZE_INSTANCE": instance})


@pytest.mark.parametrize(
    ("row", "address", "reason", "event", "found"),
    [
        (EMAIL, "a@example.com", "bounce", "subscription.GlobalStateChange", "email_address"),
        (
            Row("sms", GROUP),
            "+14155550100",
            "unsubscribe",
            "subscriptiongroup.StateChange",
            "phone_number",
        ),
    ],
)
def test_currents_reports_what_the_api_changed_and_no_repeat(
    sandbox: SandboxClient, row: Row, address: str, reason: str, event: str, found: str
) -> None:
    for _ in range(2):
        told(sandbox, "suppress", person(row, address, reason=reason))
    (webhook,) = sandbox.webhooks()
    (reported,) = webhook["body"]["events"]
    assert reported["event_type"] == f"users.behaviors.{event}"
    assert reported["properties"][found] == address
    assert reported["properties"].get("subscription_group_id") == (row.scope or None)


def test_a_change_by_the_api_comes_back_as_the_apis(sandbox: SandboxClient) -> None:
    told(sandbox, "suppress", person())
    (webhook,) = sandbox.webhooks()
    found = webhook["body"]["events"][0]["properties"]
    assert (found["subscription_status"], found["state_change_source"]) == (
        "Unsubscribed",
        "REST API",
    )
