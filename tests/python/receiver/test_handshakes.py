"""How platforms try a URL before they use it: requests that are no deliveries."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from sync.receiver import sources
from tests.python.receiver import signing
from tests.python.receiver.server import Amazon, Server
from tests.python.receiver.signing import RELAY_SECRET, SECRETS, Request, mandrill_fields

TRIAL_KEY = "test-webhook"
SUBSCRIBE_URL = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_mailchimp_finds_a_url_that_carries_the_secret(receiver: Server, method: str) -> None:
    headers = {"user-agent": "MailChimp.com WebHook Validator"}
    good = f"/webhooks/mailchimp?secret={SECRETS['mailchimp'][0]}"
    outcome = receiver.send(method, good, headers=headers)
    assert (outcome.status, outcome.landed) == (200, [])
    for bad in ("/webhooks/mailchimp", "/webhooks/mailchimp?secret=wrong-secret-0001"):
        assert receiver.send(method, bad, headers=headers).status == 401


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_mandrill_finds_a_url(receiver: Server, method: str) -> None:
    outcome = receiver.send(method, "/webhooks/mandrill")
    assert (outcome.status, outcome.landed) == (200, [])


@pytest.mark.parametrize("key", [TRIAL_KEY, SECRETS["mandrill"][0]])
@pytest.mark.parametrize("text", ["[]", " [ ] "])
def test_a_trial_of_mandrill_is_taken_and_not_landed(receiver: Server, key: str, text: str) -> None:
    outcome = receiver.deliver(mandrill_fields([("mandrill_events", text)], key))
    assert (outcome.status, outcome.landed) == (200, [])


@pytest.mark.parametrize(
    "fields",
    [
        [("mandrill_events", '[{"event":"spam"}]')],
        [("mandrill_events", "[]"), ("mandrill_events", '[{"event":"spam"}]')],
        [("mandrill_events", '[{"event":"spam"}]'), ("mandrill_events", "[]")],
        [("mandrill_events", "{}")],
        [("mandrill_events", "null")],
        [("mandrill_events", "")],
        [("mandrill_events", "[")],
        [("events", "[]")],
        [],
    ],
    ids=str,
)
def test_the_key_of_trials_is_known_to_all_and_good_for_nothing_else(
    receiver: Server, fields: list[tuple[str, str]]
) -> None:
    outcome = receiver.deliver(mandrill_fields(fields, TRIAL_KEY))
    assert (outcome.status, outcome.landed) == (401, [])


def test_an_unsigned_trial_is_refused(receiver: Server) -> None:
    request = mandrill_fields([("mandrill_events", "[]")], TRIAL_KEY)
    assert receiver.deliver(request.with_header("x-mandrill-signature", None)).status == 401
    assert receiver.deliver(mandrill_fields([("mandrill_events", "[]")], "other")).status == 401


@pytest.mark.parametrize(
    "source", [name for name in sources.names() if name not in ("mailchimp", "mandrill")]
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_elsewhere_a_url_is_not_tried(receiver: Server, source: str, method: str) -> None:
    headers = {"authorization": f"Bearer {SECRETS[source][0]}"}
    outcome = receiver.send(method, f"/webhooks/{source}", headers=headers)
    assert (outcome.status, outcome.landed) == (405, [])
    assert outcome.headers["allow"] == "POST"


# --- Amazon SNS ----------------------------------------------------------------------------------


def confirmation(**changed: str) -> Request:
    envelope = {
        "Type": "SubscriptionConfirmation",
        "Message": "You have chosen to subscribe to the topic.",
        "SubscribeURL": SUBSCRIBE_URL,
        "Token": "2336",
    }
    return signing.sns({**envelope, **changed})


def test_a_subscription_of_ones_own_topic_is_confirmed(receiver: Server, sns: Amazon) -> None:
    outcome = receiver.deliver(confirmation())
    assert outcome.status == 200
    assert sns.asked[-1] == "/?Action=ConfirmSubscription&Token=2336"
    landed = json.loads(outcome.landed[0])
    assert landed["Type"] == "SubscriptionConfirmation"
    assert (landed["Token"], landed["SubscribeURL"], landed["Signature"]) == ("", "", "")


def unbelieved() -> dict[str, Request]:
    good = confirmation()
    body = json.loads(good.body)
    signature = base64.b64encode(bytes(256)).decode()
    raw = {
        "authorization": f"Basic {base64.b64encode(f'a:{signing.SES_PASSWORD}'.encode()).decode()}"
    }
    return {
        "another topic": signing.sns({**body}, 2),
        "a forged signature": replace(
            good, body=json.dumps({**body, "Signature": signature}).encode()
        ),
        "another token": good.with_body("Token=2336", "Token=1111"),
        "a signature of ours, another host": confirmation(
            SubscribeURL="https://evil.example/?Action=ConfirmSubscription&Token=2336"
        ),
        "a signature of ours, a host that only begins so": confirmation(
            SubscribeURL="https://sns.eu-west-1.amazonaws.com.evil.example/?Token=2336"
        ),
        "a signature of ours, without TLS": confirmation(
            SubscribeURL=SUBSCRIBE_URL.replace("https", "http")
        ),
        "the password of raw delivery alone": replace(
            good, headers=raw, body=json.dumps({**body, "Signature": ""}).encode()
        ),
    }


@pytest.mark.parametrize("request_", unbelieved().values(), ids=list(unbelieved()))
def test_a_subscription_that_is_not_believed_is_not_confirmed(
    receiver: Server, sns: Amazon, request_: Request
) -> None:
    before = len(sns.asked)
    outcome = receiver.deliver(request_)
    assert (outcome.status, outcome.landed) == (401, [])
    assert all(path.endswith(".pem") for path in sns.asked[before:])


def test_a_subscription_that_a_relay_posts_is_landed_and_not_confirmed(
    receiver: Server, sns: Amazon
) -> None:
    asked = list(sns.asked)
    body = json.dumps({**json.loads(confirmation().body), "Signature": "none"}).encode()
    outcome = receiver.deliver(Request("ses", body, {"authorization": f"Bearer {RELAY_SECRET}"}))
    assert (outcome.status, len(outcome.landed)) == (200, 1)
    assert sns.asked == asked


def test_the_end_of_a_subscription_is_landed_and_not_undone(receiver: Server, sns: Amazon) -> None:
    receiver.deliver(signing.sns({"Type": "Notification", "Message": "{}"}))
    asked = list(sns.asked)
    outcome = receiver.deliver(confirmation(Type="UnsubscribeConfirmation"))
    assert (outcome.status, len(outcome.landed)) == (200, 1)
    assert sns.asked == asked


def test_while_amazon_cannot_be_reached_a_confirmation_is_asked_for_again(
    receiver: Server, sns: Amazon
) -> None:
    receiver.deliver(signing.sns({"Type": "Notification", "Message": "{}"}))
    sns.status = 500
    try:
        outcome = receiver.deliver(confirmation())
    finally:
        sns.status = 200
    assert (outcome.status, outcome.landed) == (503, [])
