"""Segment: which calls say what, and how much goes into one."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from sync.delivery.calls import DryRun
from sync.destinations.base import Item, Request
from sync.destinations.segment import Segment
from tests.python.sync.cases import Row
from tests.python.sync.cases.segment import CASE
from tests.python.sync.test_contract import connected
from tests.python.sync.world import SandboxClient

EMAIL = Row("email")


def calls(*items: Item) -> list[dict[str, Any]]:
    """The calls of one use of the verb."""
    return [call for request in requests(*items) for call in body(request)["batch"]]


def body(request: Request) -> dict[str, Any]:
    assert isinstance(request.json, dict)
    return request.json


def requests(*items: Item) -> list[Request]:
    seen: list[Request] = []
    destination = Segment(DryRun(seen.append), {"SEGMENT_WRITE_KEY": "k"})
    verb = destination.subscribe if items[0].action == "subscribe" else destination.suppress
    assert {outcome.result for outcome in verb(items)} == {"accepted"}
    return seen


def person(**values: Any) -> Item:
    return CASE.person(EMAIL, "a@example.com", **values)


def test_an_opt_out_is_traits_and_a_preference_marked_as_ours() -> None:
    one = person(reason="unsubscribe", event_timestamp=datetime(2026, 3, 1, 12))
    identify, track = calls(one)
    assert identify["type"] == "identify"
    assert identify["userId"] == one.external_id
    assert identify["traits"] == {"email_subscribed_status": False}
    assert identify["context"]["source_of_change"] == "contact-sync"
    assert track["event"] == "Marketing Preference Updated"
    assert track["properties"] == {
        "channel": "email",
        "new_status": "unsubscribed",
        "source_of_change": "contact-sync",
        "timestamp": "2026-03-01T12:00:00+00:00",
    }


def test_a_bounce_is_no_preference_of_the_person() -> None:
    assert [call["type"] for call in calls(person(reason="bounce"))] == ["identify"]


def test_an_act_of_consent_is_a_preference() -> None:
    _, track = calls(person(reason="subscribe", action="subscribe"))
    assert track["properties"]["new_status"] == "subscribed"


def test_ids_derive_from_the_delta_so_that_a_repeated_call_is_dropped(
    sandbox: SandboxClient,
) -> None:
    one = person()
    with connected("segment", sandbox) as destination:
        list(destination.suppress([one]))
        list(destination.suppress([one]))
    assert len(sandbox.lists("segment")["tracks"]) == 1
    assert all(len(call["messageId"]) < 100 for call in calls(one))


def test_no_body_is_larger_than_segment_takes() -> None:
    wide = json.dumps({"email_subscribed_status": False, "note": "x" * 2_000})
    many = [
        CASE.person(EMAIL, f"p{n}@example.com", traits=wide, reason="bounce") for n in range(500)
    ]
    sent = requests(*many)
    assert len(sent) > 1
    assert all(len(json.dumps(request.json)) < 500_000 for request in sent)
    assert sum(len(body(request)["batch"]) for request in sent) == 500


def test_a_full_batch_stays_under_the_number_that_segment_drops() -> None:
    assert Segment.batch_size * 2 <= 2_500


def test_a_contact_without_an_external_id_is_refused_by_name() -> None:
    destination = Segment(DryRun(lambda _: None), {"SEGMENT_WRITE_KEY": "k"})
    refusal = destination.refusal(person(external_id=None))
    assert refusal
    assert "external_id" in refusal


def test_what_segment_would_drop_without_a_word_is_refused() -> None:
    destination = Segment(DryRun(lambda _: None), {"SEGMENT_WRITE_KEY": "k"})
    wide = json.dumps({"email_subscribed_status": False, "note": "x" * 32_000})
    assert "32 KB" in str(destination.refusal(person(traits=wide)))
    assert "longer than" in str(destination.refusal(person(external_id="x" * 1_001)))
    assert destination.refusal(person(external_id="x" * 1_000)) is None


def test_an_address_is_not_needed_and_not_told() -> None:
    one = person()._replace(address=None, email=None)
    assert Segment(DryRun(lambda _: None), {}).refusal(one) is None
    assert "@" not in json.dumps(calls(person()))


@pytest.mark.parametrize("reason", ["bounce", "soft_bounces", "block", "unengaged", "policy"])
def test_a_release_takes_the_trait_back_and_touches_no_subscription(reason: str) -> None:
    ended = '{"email_suppressed":false,"email_suppression_reason":null}'
    (call,) = calls(person(action="release", reason=reason, traits=ended))
    assert (call["type"], call["traits"]) == ("identify", json.loads(ended))


def test_a_release_leaves_the_subscription_at_segment_as_it_is(sandbox: SandboxClient) -> None:
    told = [
        ("suppress", '{"email_subscribed_status":false,"email_suppressed":true}', "unsubscribe"),
        ("release", '{"email_suppressed":false}', "bounce"),
    ]
    with connected("segment", sandbox) as destination:
        for verb, traits, reason in told:
            one = person(action=verb, traits=traits, reason=reason)
            assert [out.result for out in getattr(destination, verb)([one])] == ["accepted"]
    (rows,) = sandbox.lists("segment")["traits"].values()
    assert rows[0]["email_subscribed_status"] is False
    assert rows[0]["email_suppressed"] is False


def test_the_write_key_is_the_user_of_basic_authentication() -> None:
    assert Segment.headers({"SEGMENT_WRITE_KEY": "key"}) == {"Authorization": "Basic a2V5Og=="}


def test_channels_of_one_person_are_told_apart(sandbox: SandboxClient) -> None:
    both = [person(), CASE.person(Row("sms"), "a@example.com")]
    with connected("segment", sandbox) as destination:
        for one in both:
            list(destination.suppress([one]))
    lists = sandbox.lists("segment")
    assert lists["traits"] == {
        both[0].external_id: [{"email_subscribed_status": False, "sms_subscribed_status": False}]
    }
    assert [track["channel"] for track in lists["tracks"]] == ["email", "sms"]


def test_what_we_told_segment_comes_back_marked(sandbox: SandboxClient) -> None:
    with connected("segment", sandbox) as destination:
        list(destination.suppress([person()]))
    bodies = [webhook["body"] for webhook in sandbox.webhooks()]
    assert [call["context"]["source_of_change"] for call in bodies] == ["contact-sync"] * 2
