"""OneSignal: which subscription is meant, and what is no subscription there."""

from __future__ import annotations

import pytest

from sync.delivery.calls import DryRun
from sync.destinations.base import Item, Outcome, Request
from sync.destinations.onesignal import OneSignal
from sync.errors import CredentialRefused, ItemsRefused
from tests.python.sync.cases import Row
from tests.python.sync.cases.onesignal import CASE
from tests.python.sync.test_contract import connected
from tests.python.sync.world import SandboxClient

APP = CASE.settings["ONESIGNAL_APP_ID"]
APNS = "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90"


def person(channel: str, address: str, **values: object) -> Item:
    return CASE.person(Row(channel), address, **values)


def told(sandbox: SandboxClient, verb: str, *items: Item) -> list[Outcome]:
    with connected("onesignal", sandbox) as destination:
        return list(getattr(destination, verb)(items))


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (person("email", "a+b@example.com"), "Email"),
        (person("sms", "+14155550100"), "SMS"),
        (person("push", "some-token", push_token_type="ios"), "iOSPush"),
        (person("push", "some-token", push_token_type="Android"), "AndroidPush"),
        (person("push", "some-token", push_token_type="ChromePush"), "ChromePush"),
        (person("push", "some-token", push_token_type="windows"), "WindowsPush"),
        # The kind that is told comes before the shape.
        (person("push", APNS, push_token_type="SafariLegacyPush"), "SafariLegacyPush"),
        # A word that is no kind of OneSignal's leaves the shape.
        (person("push", APNS, push_token_type="iphone_os"), "iOSPush"),
        (person("push", APNS), "iOSPush"),
        (person("push", "fMI-qkT3:APA91bH_x-y"), "AndroidPush"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_subscription_is_named_by_kind_and_token(
    sandbox: SandboxClient, one: Item, kind: str
) -> None:
    told(sandbox, "suppress", one)
    assert sandbox.lists("onesignal") == {kind: [one.address]}


def test_a_token_of_an_unknown_kind_is_refused(sandbox: SandboxClient) -> None:
    with connected("onesignal", sandbox) as destination:
        refusal = destination.refusal(person("push", "some-token-of-no-shape"))
    assert "kind" in str(refusal)


def test_an_address_is_encoded_in_the_path() -> None:
    seen: list[Request] = []
    destination = OneSignal(DryRun(seen.append), {"ONESIGNAL_APP_ID": "app"})
    list(destination.suppress([person("sms", "+14155550100")]))
    assert seen[0].encoded_path() == "/apps/app/subscriptions_by_token/SMS/%2B14155550100"
    assert seen[0].json == {"subscription": {"enabled": False, "notification_types": -31}}


def test_who_has_no_subscription_there_is_absent(sandbox: SandboxClient) -> None:
    sandbox.fill({"unknown": ["a@example.com"]}, "onesignal")
    people = [person("email", f"{name}@example.com") for name in "ab"]
    for verb in ("suppress", "release"):
        outcomes = told(sandbox, verb, *people)
        assert [outcome.result for outcome in outcomes] == ["absent", "accepted"]


def test_a_release_says_that_the_person_is_subscribed() -> None:
    seen: list[Request] = []
    destination = OneSignal(DryRun(seen.append), {"ONESIGNAL_APP_ID": "app"})
    list(destination.release([person("email", "a@example.com")]))
    assert seen[0].json == {"subscription": {"enabled": True, "notification_types": 1}}


def test_the_probe_is_a_call_that_the_apps_own_key_may_make(sandbox: SandboxClient) -> None:
    """GET /apps/{app} is for keys of the organization, which may not change subscriptions."""
    with connected("onesignal", sandbox) as destination:
        (probe,) = destination.probes([("email", "")])
        assert destination.api.call(probe).status == 200
        with pytest.raises(CredentialRefused):
            destination.api.call(Request("GET", "/apps/{app}", {"app": APP}))


def test_a_key_of_another_app_fails_the_probe(sandbox: SandboxClient) -> None:
    with connected("onesignal", sandbox) as destination:
        other = OneSignal(destination.api, {"ONESIGNAL_APP_ID": "another-app"})
        (probe,) = other.probes([])
        with pytest.raises(ItemsRefused, match="app_id"):
            other.api.call(probe)


def test_nothing_comes_back_of_a_change_by_the_api(sandbox: SandboxClient) -> None:
    told(sandbox, "suppress", person("email", "a@example.com"))
    assert sandbox.webhooks() == []


def test_several_subscriptions_that_match_are_a_refusal(sandbox: SandboxClient) -> None:
    sandbox.fault("error", status=409, message="several subscriptions match")
    (outcome,) = told(sandbox, "release", person("email", "a@example.com"))
    assert outcome.result == "rejected"


def test_what_a_device_does_not_permit_stays_off_and_nothing_more_is_said(
    sandbox: SandboxClient,
) -> None:
    """The person's own switch: OneSignal answers as for what we disabled ourselves."""
    tokens = [APNS, APNS[::-1]]
    sandbox.fill({"iOSPush": tokens, "denied": tokens[:1]}, "onesignal")
    people = [person("push", token, action="release", delta_id=token) for token in tokens]
    assert [outcome.result for outcome in told(sandbox, "release", *people)] == ["accepted"] * 2
    assert sandbox.lists("onesignal") == {"iOSPush": tokens[:1]}
