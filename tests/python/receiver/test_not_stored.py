"""What is landed of a delivery, to the letter, and what is nowhere: not on disk, not in the log."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.python.receiver import signing
from tests.python.receiver.server import Server
from tests.python.receiver.signing import RELAY_SECRET, SECRETS, Request, signed

#: Text of a body beside what must not be stored: strange on purpose, and kept to the letter.
BESIDE = (
    '"a" : 1.0,\r\n "note":"\\"writeKey\\": \\"kept\\", \\u00fc \\"Token\\":\\"kept\\"",'
    ' "writeKeys":"kept","token":"kept", "Tokens" : ["writeKey", "Signature"], "SubscribeURL":null'
)


def body(*members: str) -> str:
    return "{" + ", ".join((BESIDE, *members)) + "}\r\n"


@pytest.mark.parametrize("source", ["segment", "twilio_engage", "mparticle"])
@pytest.mark.parametrize(
    ("written", "landed"),
    [
        ('"writeKey":"hush"', '"writeKey":""'),
        ('"writeKey" \r\n:\t"hu\\"sh\\\\"', '"writeKey" \r\n:\t""'),
        (
            '"context":{"writeKey":"hush"},"writeKey":"hush"',
            '"context":{"writeKey":""},"writeKey":""',
        ),
        ('"writeKey":"hush \r\n"', '"writeKey":""'),
        ('"writeKey":""', '"writeKey":""'),
    ],
)
def test_write_keys_are_blanked_and_nothing_else(
    receiver: Server, source: str, written: str, landed: str
) -> None:
    outcome = receiver.deliver(signed(source, body(written)))
    assert (outcome.status, outcome.landed) == (200, [body(landed)])


def test_the_api_key_of_mparticle_is_blanked(receiver: Server) -> None:
    outcome = receiver.deliver(signed("mparticle", body('"api_key":"hush"')))
    assert outcome.landed == [body('"api_key":""')]


@pytest.mark.parametrize("source", ["segment", "mparticle"])
@pytest.mark.parametrize("rest", ['"writeKey":"hush', '"writeKey":"hu\\"sh\\'])
def test_a_write_key_that_is_cut_off_is_blanked(receiver: Server, source: str, rest: str) -> None:
    headers = {"authorization": f"Bearer {SECRETS[source][0]}"}
    outcome = receiver.deliver(Request(source, ('{"a":1,' + rest).encode(), headers))
    assert outcome.landed == ['{"a":1,"writeKey":""']


def test_a_key_of_a_megabyte_is_blanked(receiver: Server) -> None:
    long = "\\\\a" * 1_000_000
    outcome = receiver.deliver(signed("segment", f'{{"writeKey":"{long}","b":"{long}"}}'))
    assert outcome.landed == [f'{{"writeKey":"","b":"{long}"}}']


def test_of_sns_only_what_lets_one_act_on_the_subscription_is_blanked(receiver: Server) -> None:
    message = json.dumps({"Token": "kept", "Signature": "kept", "UnsubscribeURL": "kept"})
    request = signing.sns(
        {
            "Type": "Notification",
            "Message": message,
            "Subject": 'Token: "kept"',
            "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe&hush",
        }
    )
    outcome = receiver.deliver(request)
    sent, landed = json.loads(request.body), json.loads(outcome.landed[0])
    assert landed == {**sent, "Signature": "", "UnsubscribeURL": ""}


def test_the_confirmation_of_a_subscription_holds_no_token(receiver: Server) -> None:
    request = signing.sns(
        {
            "Type": "SubscriptionConfirmation",
            "Message": "You have chosen.",
            "Token": "hush",
            "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Token=hush",
        }
    )
    outcome = receiver.deliver(request)
    sent, landed = json.loads(request.body), json.loads(outcome.landed[0])
    assert landed == {**sent, "Token": "", "SubscribeURL": "", "Signature": ""}


def test_of_mailguns_block_the_token_stays_for_it_tells_events_apart(receiver: Server) -> None:
    request = signed("mailgun", '{"event-data":{"event":"opened"},"signature":{}}')
    outcome = receiver.deliver(request)
    block = json.loads(request.body)["signature"]
    assert json.loads(outcome.landed[0]) == {
        "event-data": {"event": "opened"},
        "signature": {**block, "signature": ""},
    }


def test_of_a_form_of_mailgun_as_well(receiver: Server) -> None:
    outcome = receiver.deliver(signed("mailgun", '{"event":"opened","recipient":"a@example.org"}'))
    landed = json.loads(outcome.landed[0])
    assert landed.pop("token")
    assert landed.pop("timestamp")
    assert landed == {"event": "opened", "recipient": "a@example.org", "signature": ""}


@pytest.mark.parametrize("source", ["sendgrid", "attentive", "postmark", "braze"])
def test_platforms_that_send_no_such_member_keep_it(receiver: Server, source: str) -> None:
    text = body('"writeKey":"kept"', '"Signature":"kept"', '"signature":"kept"')
    assert receiver.deliver(signed(source, text)).landed == [text]


def test_a_row_has_a_body_and_nothing_of_headers_query_or_sender(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    server = start(**signing.environment("braze"))
    request = signed("braze", '{"a":1}', query="person=mia%40example.org")
    headers = {**request.headers, "x-forwarded-for": "203.0.113.77", "user-agent": "Marker/7"}
    assert server.deliver(replace(request, headers=headers)).status == 200
    server.stop()
    (row,) = server.rows()
    assert row.keys() == {"delivery_id", "received_at", "payload", "source"}
    written = all_text(tmp_path / "landing")
    for mark in ("mia", "203.0.113.77", "Marker", "127.0.0.1", *SECRETS["braze"], "authorization"):
        assert mark not in written


MARKS = ("mia.marked", "mia%2Emarked", "+4915799887766", "4915799887766", "Hallo Mia")
PERSONAL = {
    "email": "mia.marked@example.org",
    "phone": "+4915799887766",
    "text": "Hallo Mia",
    "To": "+4915799887766",
    "Body": "Hallo Mia",
    "Type": "Notification",
    "Message": "Hallo Mia",
}


def personal(source: str) -> str:
    """A body with personal data in it, as the source might send it."""
    meta = {"meta": {"klaviyo_webhook_id": "a8b8"}} if source == "klaviyo" else {}
    return json.dumps({**PERSONAL, **meta})


def test_the_log_and_what_is_counted_name_no_person_and_no_secret(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    server = start("--body-limit", "100KB", **signing.environment())
    query = "email=mia.marked%40example.org&key=hush-query"
    for source in SECRETS:
        payload = personal(source)
        good = signed(source, payload, query=query)
        bad = signed(source, payload, which=2, query=query)
        assert server.deliver(good).status == 200
        assert server.deliver(bad).status == 401
        assert server.deliver(replace(bad, headers={})).status == 401
        assert server.deliver(replace(good, body=b"mia.marked" * 20_000)).status == 413
        assert server.deliver(good, "DELETE").status == 405
        server.deliver(replace(good, body=good.body[: len(good.body) // 2]))
        server.deliver(replace(good, body=b"\xff\xfe mia.marked@example.org"))
        for kind in ("multipart/form-data", "multipart/form-data; boundary=x", signing.FORM):
            headers = {**good.headers, "content-type": kind}
            server.deliver(replace(good, headers=headers))
            server.deliver(
                Request(
                    source,
                    good.body,
                    {"content-type": kind, "authorization": f"Bearer {RELAY_SECRET}"},
                    query,
                )
            )
    server.send("POST", f"/webhooks/mia.marked@example.org?{query}", content=b"Hallo Mia")
    server.send("GET", f"/mia.marked@example.org?{query}")
    landing = tmp_path / "landing"
    server.stop()
    told = server.log
    assert "sendgrid: answered 401: the signature does not match" in told
    assert "postmark: answered 401: no secret was given" in told
    assert "braze: answered 413" in told
    counted = all_text(landing / "webhook_requests")
    assert '"status_class": "4xx"' in counted
    assert marks_in(told + counted) == []


def test_trouble_with_the_sink_is_told_without_a_value(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    (tmp_path / "landing").write_text("")
    server = start(**signing.environment())
    for source in SECRETS:
        assert server.deliver(signed(source, personal(source))).status in (429, 503)
    told = server.log
    assert f"Deliveries cannot land in {tmp_path / 'landing'}: " in told
    assert told.count("Deliveries cannot land") == 1
    assert marks_in(told) == []


def marks_in(text: str) -> list[str]:
    """What of the bodies, queries and secrets is in a text."""
    secrets = [secret for several in SECRETS.values() for secret in several]
    marks = (*MARKS, *secrets, signing.SES_PASSWORD, RELAY_SECRET, "hush-query", "example.org")
    return [mark for mark in marks if mark.lower() in text.lower()]


def all_text(folder: Path) -> str:
    """Everything in a folder, file names included."""
    return "\n".join(
        f"{path}\n{path.read_text(encoding='utf-8')}"
        for path in folder.rglob("*")
        if path.is_file()
    )
