"""Zapier, Make and one's own senders post a platform's body on, with a token of their own."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import urlencode

import pytest

from sync.receiver import sources
from tests.python.receiver import signing
from tests.python.receiver.server import Server
from tests.python.receiver.signing import FORM, RELAY_SECRET, Request

BEARER = {"authorization": f"Bearer {RELAY_SECRET}", "content-type": "application/json"}


@pytest.mark.parametrize("source", sources.names())
def test_any_platforms_body_is_taken_from_a_relay(receiver: Server, source: str) -> None:
    payload = '{"event": "unsubscribe",\r\n "email": "grüße+1@example.org"}'
    outcome = receiver.deliver(Request(source, payload.encode(), BEARER))
    assert (outcome.status, outcome.landed) == (200, [payload])


@pytest.mark.parametrize("source", sources.names())
@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {RELAY_SECRET}x"},
        {"authorization": f"Bearer {RELAY_SECRET[:-1]}"},
        {"authorization": RELAY_SECRET},
        {"authorization": f"Token {RELAY_SECRET}"},
        {"authorization": f"Basic {base64.b64encode(f'a:{RELAY_SECRET}'.encode()).decode()}"},
        {"x-webhook-secret": RELAY_SECRET},
    ],
    ids=["longer", "shorter", "bare", "another scheme", "basic", "another header"],
)
def test_another_token_or_another_place_for_it_is_refused(
    receiver: Server, source: str, headers: dict[str, str]
) -> None:
    outcome = receiver.deliver(Request(source, b"{}", headers))
    assert (outcome.status, outcome.landed) == (401, [])


def test_the_token_does_not_count_in_the_url(receiver: Server) -> None:
    request = Request("postmark", b"{}", {}, f"secret={RELAY_SECRET}")
    assert receiver.deliver(request).status == 401


@pytest.mark.parametrize("source", ["twilio", "mailchimp", "mandrill"])
def test_what_the_platform_sends_as_a_form_may_come_as_json_or_as_a_form(
    receiver: Server, source: str
) -> None:
    """Zapier hands on a form as it was parsed: an object, nested where names have brackets."""
    parsed = json.dumps({"type": "unsubscribe", "data": {"email": "mia+news@example.org"}})
    assert receiver.deliver(Request(source, parsed.encode(), BEARER)).landed == [parsed]
    fields = [("type", "unsubscribe"), ("data[email]", "mia+news@example.org")]
    form = Request(source, urlencode(fields).encode(), {**BEARER, "content-type": FORM})
    assert receiver.deliver(form).landed == [json.dumps(dict(fields))]


def test_two_tokens_count_while_one_is_replaced(start: Callable[..., Server]) -> None:
    server = start(RELAY_WEBHOOK_SECRET="first-token-of-a-relay second-token-of-a-relay")
    for token, expected in (("first", 200), ("second", 200), ("third", 401)):
        headers = {"authorization": f"Bearer {token}-token-of-a-relay"}
        assert server.deliver(Request("fcm", b"{}", headers)).status == expected


def test_without_a_token_none_is_one(start: Callable[..., Server]) -> None:
    server = start(**signing.environment("fcm"))
    for value in ("Bearer", "Bearer none", f"Bearer {RELAY_SECRET}"):
        assert server.deliver(Request("braze", b"{}", {"authorization": value})).status == 401


def test_what_a_platform_signed_itself_still_counts(receiver: Server) -> None:
    """A relay may hand on the platform's headers beside a token that is not ours."""
    request = signing.signed("attentive", '{"type":"sms.unsubscribed"}')
    headers = {**request.headers, "authorization": "Bearer of-somebody-else"}
    outcome = receiver.send("POST", request.path, content=request.body, headers=headers)
    assert outcome.status == 200
