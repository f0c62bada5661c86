"""mParticle: which batch says what, and how much goes into one call."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from sync.delivery.calls import DryRun
from sync.destinations.base import Item, Request
from sync.destinations.mparticle import MParticle
from sync.errors import ItemsRefused
from tests.python.sync.cases import Row
from tests.python.sync.cases.mparticle import CASE
from tests.python.sync.test_contract import connected
from tests.python.sync.world import SandboxClient

EMAIL = Row("email")


def requests(*items: Item) -> list[Request]:
    seen: list[Request] = []
    destination = MParticle(DryRun(seen.append), {})
    verb = destination.subscribe if items[0].action == "subscribe" else destination.suppress
    assert {outcome.result for outcome in verb(items)} == {"accepted"}
    return seen


def batch(one: Item) -> dict[str, Any]:
    (request,) = requests(one)
    assert isinstance(request.json, list)
    (found,) = request.json
    assert isinstance(found, dict)
    return found


def person(**values: Any) -> Item:
    return CASE.person(EMAIL, "a@example.com", **values)


def test_an_opt_out_is_attributes_and_a_preference_marked_as_ours() -> None:
    one = person(reason="unsubscribe", event_timestamp=datetime(2026, 3, 1, 12))
    found = batch(one)
    assert found["user_identities"] == {"customer_id": one.external_id}
    assert found["user_attributes"] == {"email_subscribed_status": False}
    assert found["source_request_id"] == one.delta_id
    (event,) = found["events"]
    assert event["data"]["timestamp_unixtime_ms"] == 1772366400000
    assert event["data"]["custom_attributes"] == {
        "channel": "email",
        "new_status": "unsubscribed",
        "source_of_change": "contact-sync",
        "timestamp": "2026-03-01T12:00:00+00:00",
    }


def test_a_bounce_is_no_preference_of_the_person() -> None:
    assert "events" not in batch(person(reason="bounce"))


def test_an_act_of_consent_is_a_preference() -> None:
    (event,) = batch(person(reason="subscribe", action="subscribe"))["events"]
    assert event["data"]["custom_attributes"]["new_status"] == "subscribed"


def test_no_body_is_larger_than_mparticle_takes() -> None:
    wide = json.dumps({"email_subscribed_status": False, "note": "x" * 5_000})
    many = [CASE.person(EMAIL, f"p{n}@example.com", traits=wide) for n in range(100)]
    sent = requests(*many)
    assert len(sent) > 1
    assert all(len(json.dumps(request.json)) < 256_000 for request in sent)


def test_a_preference_comes_back_marked(sandbox: SandboxClient) -> None:
    with connected("mparticle", sandbox) as destination:
        list(destination.suppress([person()]))
    (webhook,) = sandbox.webhooks()
    assert webhook["body"]["user_identities"] == [
        {"identity_type": "customer_id", "identity": person().external_id}
    ]
    attributes = webhook["body"]["events"][0]["data"]["custom_attributes"]
    assert attributes["source_of_change"] == "contact-sync"


def test_what_is_no_preference_comes_back_without_events(sandbox: SandboxClient) -> None:
    with connected("mparticle", sandbox) as destination:
        list(destination.suppress([person(reason="bounce")]))
    (webhook,) = sandbox.webhooks()
    assert webhook["body"]["events"] == []


def test_a_person_is_named_by_customer_id_alone() -> None:
    """An address could join two profiles of mParticle's."""
    one = person(reason="bounce")
    found = batch(one)
    assert found["user_identities"] == {"customer_id": one.external_id}
    assert "@" not in json.dumps(found)
    assert (found["environment"], found["schema_version"]) == ("production", 2)


@pytest.mark.parametrize("reason", ["bounce", "soft_bounces", "block", "unengaged", "policy"])
def test_a_release_takes_the_attribute_back_and_touches_no_subscription(reason: str) -> None:
    ended = '{"email_suppressed":false,"email_suppression_reason":null}'
    found = batch(person(action="release", reason=reason, traits=ended))
    assert "events" not in found
    assert found["user_attributes"] == json.loads(ended)


def test_a_release_is_taken(sandbox: SandboxClient) -> None:
    one = person(action="release", reason="bounce", traits='{"email_suppressed":false}')
    with connected("mparticle", sandbox) as destination:
        assert [out.result for out in destination.release([one])] == ["accepted"]


def test_a_contact_without_an_external_id_is_refused_by_name() -> None:
    destination = MParticle(DryRun(lambda _: None), {})
    assert "external_id" in str(destination.refusal(person(external_id=None)))


def test_a_call_holds_no_more_batches_than_mparticle_takes(sandbox: SandboxClient) -> None:
    with connected("mparticle", sandbox) as destination:
        list(destination.suppress(CASE.people(EMAIL, MParticle.batch_size)))
        assert sandbox.call_count() == 1
        too_many = [batch(one) for one in CASE.people(EMAIL, 101)]
        with pytest.raises(ItemsRefused, match="100"):
            destination.api.call(Request("POST", "/v2/bulkevents", json=too_many))


def test_key_and_secret_are_basic_authentication() -> None:
    settings = {"MPARTICLE_API_KEY": "key", "MPARTICLE_API_SECRET": "secret"}
    assert MParticle.headers(settings) == {"Authorization": "Basic a2V5OnNlY3JldA=="}
