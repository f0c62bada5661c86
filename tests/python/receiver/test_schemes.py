"""Each platform's way to show that a delivery is its own: what is believed, and what is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa

from sync.receiver import sources
from tests.python.conftest import ROOT, Warehouse
from tests.python.receiver import signing
from tests.python.receiver.server import Amazon, Server, receiving
from tests.python.receiver.signing import SECRETS, Request, signed

_numbers = itertools.count(1)
OLD, NEW, NOBODYS = range(3)


@dataclass(frozen=True)
class Scheme:
    """A way to sign a text. sign: text, secret, time. where: the header, or in the body."""

    source: str
    sign: Callable[[str, int, datetime], Request]
    where: str = ""
    #: How long a delivery may be signed before it comes: the platform's retries.
    retries_for: timedelta | None = None
    #: Mailgun signs a token of its own, nothing of the event; a secret in a header signs nothing.
    covers_body: bool = True


def note(text: str) -> str:
    return json.dumps({"note": text}, ensure_ascii=False)


def klaviyo_body(text: str) -> str:
    return json.dumps({"data": [{"note": text}], "meta": {"klaviyo_webhook_id": "a8b8"}})


def envelope(text: str) -> dict[str, str]:
    return {"Type": "Notification", "Message": note(text)}


SCHEMES = {
    "sendgrid": Scheme(
        "sendgrid",
        lambda text, which, at: signing.sendgrid(f"[{note(text)}]\r\n", which, at),
        "x-twilio-email-event-webhook-signature",
        timedelta(hours=24),
    ),
    "mailgun": Scheme(
        "mailgun",
        lambda text, which, at: signing.mailgun(f'{{"event-data":{note(text)}}}', which, at),
        retries_for=timedelta(hours=8),
        covers_body=False,
    ),
    "mailgun legacy": Scheme(
        "mailgun",
        lambda text, which, at: signing.mailgun(note(text), which, at),
        retries_for=timedelta(hours=8),
        covers_body=False,
    ),
    "mandrill": Scheme(
        "mandrill",
        lambda text, which, at: signing.mandrill(
            json.dumps({"mandrill_events": f"[{note(text)}]"}), which, at
        ),
        "x-mandrill-signature",
    ),
    "twilio": Scheme(
        "twilio",
        lambda text, which, at: signing.twilio(
            json.dumps({"To": "+12025550100", "From": "+12025550141", "Body": text}), which, at
        ),
        "x-twilio-signature",
    ),
    "twilio JSON": Scheme(
        "twilio",
        lambda text, which, _: signing.twilio_json(note(text), which),
        "x-twilio-signature",
    ),
    "attentive": Scheme(
        "attentive",
        lambda text, which, at: signing.attentive(note(text), which, at),
        "x-attentive-hmac-sha256",
    ),
    "attentive base64": Scheme(
        "attentive",
        lambda text, which, at: signing.attentive_base64(note(text), which, at),
        "x-attentive-hmac-sha256",
    ),
    "segment": Scheme(
        "segment", lambda text, which, at: signing.segment(note(text), which, at), "x-signature"
    ),
    "segment batch": Scheme(
        "segment",
        lambda text, which, at: signing.segment(f"[ {note(text)}, {{}}]", which, at),
        "authorization",
        covers_body=False,
    ),
    "segment batch of one": Scheme(
        "segment",
        lambda text, which, at: signing.segment(f"[ {note(text)} ]", which, at),
        "x-signature",
    ),
    "twilio_engage": Scheme(
        "twilio_engage",
        lambda text, which, at: signing.twilio_engage(note(text), which, at),
        "x-signature",
    ),
    "ses version 1": Scheme(
        "ses",
        lambda text, which, at: signing.sns(envelope(text), which, at, version="1"),
        retries_for=timedelta(hours=24),
    ),
    "ses version 2": Scheme(
        "ses",
        lambda text, which, at: signing.sns(envelope(text), which, at, Subject="Amazon SES"),
        retries_for=timedelta(hours=24),
    ),
    "klaviyo": Scheme(
        "klaviyo",
        lambda text, which, at: signing.klaviyo(klaviyo_body(text), which, at),
        "klaviyo-signature",
        timedelta(hours=48),
    ),
}
TIMED = {name: scheme for name, scheme in SCHEMES.items() if scheme.retries_for}
UNSIGNED = sorted(name for name in sources.names() if not sources.get(name).is_signed)
every_scheme = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=list(SCHEMES))
timed_schemes = pytest.mark.parametrize("scheme", TIMED.values(), ids=list(TIMED))


def now() -> datetime:
    return datetime.now(UTC)


def new_text() -> str:
    """What a careless reader of bodies would change: lines, blanks, plus signs, letters, marks."""
    return f"Grüße, 你好 🙂\r\n+1 = %2B & \"a\" 'b' \\n; original {next(_numbers)}"


def texts(payload: Any) -> Iterator[str]:
    """All texts in JSON, and in JSON within it."""
    if isinstance(payload, dict):
        payload = list(payload.values())
    if isinstance(payload, list):
        for item in payload:
            yield from texts(item)
    elif isinstance(payload, str):
        yield payload
        if payload.lstrip()[:1] in ("{", "["):
            yield from texts(json.loads(payload))


def with_signature(
    request: Request, scheme: Scheme, change: Callable[[str], str | None]
) -> Request:
    """The request with another signature, or None: without one."""
    if scheme.where:
        return request.with_header(scheme.where, change(request.headers[scheme.where]))
    if request.headers["content-type"] == signing.FORM:
        body = request.body.decode()
        start, _, found = body.rpartition("&signature=")
        changed = change(found)
        return replace(
            request, body=(start if changed is None else f"{start}&signature={changed}").encode()
        )
    body_json = json.loads(request.body)
    block, name = (
        (body_json, "Signature")
        if scheme.source == "ses"
        else (body_json["signature"], "signature")
    )
    changed = change(block[name])
    if changed is None:
        del block[name]
    else:
        block[name] = changed
    return replace(request, body=json.dumps(body_json, ensure_ascii=False).encode())


def forged(signature: str) -> str:
    """One character in the middle is another."""
    middle = len(signature) // 2
    other = "0" if signature[middle] != "0" else "1"
    return signature[:middle] + other + signature[middle + 1 :]


@every_scheme
@pytest.mark.parametrize("secret", [OLD, NEW], ids=["old secret", "new secret"])
def test_what_was_signed_with_either_secret_is_landed(
    receiver: Server, scheme: Scheme, secret: int
) -> None:
    text = new_text()
    outcome = receiver.deliver(scheme.sign(text, secret, now()))
    assert outcome.status == 200
    (payload,) = outcome.landed
    assert text in list(texts(payload))


@every_scheme
def test_what_was_signed_with_another_secret_is_refused(receiver: Server, scheme: Scheme) -> None:
    outcome = receiver.deliver(scheme.sign(new_text(), NOBODYS, now()))
    assert (outcome.status, outcome.landed) == (401, [])
    assert outcome.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    "scheme", [item for item in SCHEMES.values() if item.covers_body], ids=lambda item: item.source
)
def test_a_forged_body_is_refused(receiver: Server, scheme: Scheme) -> None:
    request = scheme.sign(new_text(), NEW, now()).with_body("original", "forgery0")
    outcome = receiver.deliver(request)
    assert (outcome.status, outcome.landed) == (401, [])


@every_scheme
def test_a_forged_signature_is_refused(receiver: Server, scheme: Scheme) -> None:
    request = scheme.sign(new_text(), NEW, now())
    outcome = receiver.deliver(with_signature(request, scheme, forged))
    assert (outcome.status, outcome.landed) == (401, [])


@every_scheme
@pytest.mark.parametrize("signature", [None, "", "not base64, not hex", "AAAA"])
def test_no_signature_or_junk_in_its_place_is_refused(
    receiver: Server, scheme: Scheme, signature: str | None
) -> None:
    request = scheme.sign(new_text(), NEW, now())
    outcome = receiver.deliver(with_signature(request, scheme, lambda _: signature))
    assert (outcome.status, outcome.landed) == (401, [])


@timed_schemes
def test_the_last_retry_of_the_platform_is_taken(receiver: Server, scheme: Scheme) -> None:
    assert scheme.retries_for
    text = new_text()
    outcome = receiver.deliver(scheme.sign(text, NEW, now() - scheme.retries_for))
    assert (outcome.status, len(outcome.landed)) == (200, 1)


@timed_schemes
def test_what_is_older_than_any_retry_is_refused(receiver: Server, scheme: Scheme) -> None:
    assert scheme.retries_for
    signed_at = now() - scheme.retries_for - timedelta(hours=1, minutes=1)
    outcome = receiver.deliver(scheme.sign(new_text(), NEW, signed_at))
    assert (outcome.status, outcome.landed) == (401, [])
    assert json.loads(outcome.text) == {"error": "the signature has expired"}


@timed_schemes
def test_what_comes_from_the_future_is_refused_beyond_what_clocks_differ(
    receiver: Server, scheme: Scheme
) -> None:
    in_four_minutes, in_six = (now() + timedelta(minutes=minutes) for minutes in (4, 6))
    assert receiver.deliver(scheme.sign(new_text(), NEW, in_four_minutes)).status == 200
    assert receiver.deliver(scheme.sign(new_text(), NEW, in_six)).status == 401


@pytest.mark.parametrize(
    ("source", "header"),
    [
        ("sendgrid", "x-twilio-email-event-webhook-timestamp"),
        ("klaviyo", "klaviyo-timestamp"),
        ("klaviyo", "klaviyo-webhook-id"),
    ],
)
@pytest.mark.parametrize("value", [None, "", "yesterday", "nan", "1e9", "99999999999999999999"])
def test_without_its_other_headers_a_signature_is_none(
    receiver: Server, source: str, header: str, value: str | None
) -> None:
    request = SCHEMES[source].sign(new_text(), NEW, now()).with_header(header, value)
    outcome = receiver.deliver(request)
    assert (outcome.status, outcome.landed) == (401, [])


@pytest.mark.parametrize("source", ["sendgrid", "attentive", "klaviyo", "segment"])
def test_a_body_is_landed_to_the_letter(receiver: Server, source: str) -> None:
    note = '\t"Grüße" :\r\n 1.50, "a":"\\u00fc\\/", "a" : 1E2,\r\n "big": 12345678901234567890'
    meta = '"meta": {"klaviyo_webhook_id": "a8b8"}'
    payload = (
        f"{{ {note},\r\n{meta} }}\r\n" if source != "klaviyo" else f'{{{meta},\n "b": 1.0}}\r\n\r\n'
    )
    outcome = receiver.deliver(signed(source, payload))
    assert (outcome.status, outcome.landed) == (200, [payload])


# --- One platform each ---------------------------------------------------------------------------


def mailgun_event(**data: Any) -> str:
    event = {
        "event": "failed", "severity": "temporary", "id": f"id-{next(_numbers)}",
        "timestamp": 1777706130.5, "recipient": "mia@example.org",
        "delivery-status": {"code": 451},
    }  # fmt: skip
    return json.dumps({"event-data": {**event, **data}})


def mailgun_forgeries() -> dict[str, Callable[[Request], Request]]:
    """What somebody could make of a delivery that was seen on its way."""

    def event_data(**changed: Any) -> Callable[[Request], Request]:
        def forge(request: Request) -> Request:
            body = json.loads(request.body)
            body["event-data"].update(changed)
            return replace(request, body=json.dumps(body).encode())

        return forge

    def beside(request: Request) -> Request:
        body = json.loads(request.body)
        del body["event-data"]["event"]
        return replace(request, body=json.dumps({**body, "event": "complained"}).encode())

    def twice(request: Request) -> Request:
        other = b'{"event-data":{"event":"complained","recipient":"eve@example.org"},'
        return replace(request, body=other + request.body[1:])

    def within(request: Request) -> Request:
        return replace(
            request, body=request.body.replace(b'"severity"', b'"severity":"permanent","severity"')
        )

    def as_form(request: Request) -> Request:
        body = json.loads(request.body)
        fields = [
            ("event", "complained"),
            ("recipient", "eve@example.org"),
            *body["signature"].items(),
        ]
        return signing._form("mailgun", fields, "")

    return {
        "another event": event_data(event="complained"),
        "another person": event_data(recipient="eve@example.org"),
        "another id": event_data(id="id-0"),
        "a permanent failure": event_data(severity="permanent"),
        "another reason": event_data(reason="suppress-complaint"),
        "another code": event_data(**{"delivery-status": {"code": 606}}),
        "another time": event_data(timestamp=1777709999.5),
        "the event's name beside it": beside,
        "event-data twice": twice,
        "severity twice": within,
        "a form": as_form,
    }


@pytest.mark.parametrize("forgery", mailgun_forgeries().values(), ids=list(mailgun_forgeries()))
def test_mailguns_signature_is_good_for_one_event(
    receiver: Server, forgery: Callable[[Request], Request]
) -> None:
    request = signed("mailgun", mailgun_event())
    assert receiver.deliver(request).status == 200
    outcome = receiver.deliver(forgery(request))
    assert (outcome.status, outcome.landed) == (401, [])
    assert receiver.deliver(request).status == 200, "its own retry is taken"


def test_a_form_of_mailgun_counts_as_it_is_landed(receiver: Server) -> None:
    """Customers' variables may repeat names: the event's come first, the signature's last."""
    block = list(signing.mailgun_block(NEW, now()).items())
    event = [("event", "opened"), ("recipient", "mia@example.org"), ("Message-Id", "m-1")]
    request = signing._form("mailgun", [*event, ("token", "mine"), *block], "")
    outcome = receiver.deliver(request)
    assert outcome.status == 200
    assert json.loads(outcome.landed[0])["token"] == dict(block)["token"]
    forgery = [("event", "complained"), ("recipient", "eve@example.org"), *event, *block]
    assert receiver.deliver(signing._form("mailgun", forgery, "")).status == 401


def test_what_mailgun_signs_cannot_be_cut_elsewhere(receiver: Server) -> None:
    """Time and token are signed as one text: `...30` + `e0f1` is also `...30e0` + `f1`."""
    timestamp, token = str(int(now().timestamp())), "e0f1"
    key = SECRETS["mailgun"][NEW].encode()
    signature = hmac.new(key, (timestamp + token).encode(), hashlib.sha256).hexdigest()

    def request(timestamp: str, token: str) -> Request:
        block = {"timestamp": timestamp, "token": token, "signature": signature}
        body = json.dumps({**json.loads(mailgun_event()), "signature": block})
        return Request("mailgun", body.encode(), {"content-type": "application/json"})

    assert receiver.deliver(request(timestamp, token)).status == 200
    assert receiver.deliver(request(f"{timestamp}e0", "f1")).status == 401


def test_a_form_of_mailgun_with_an_attachment_is_landed_without_it(receiver: Server) -> None:
    block = signing.mailgun_block(NEW, now())
    fields = {"event": "bounced", "recipient": "mia+news@example.org", "description": "Größe\r\n+"}
    outcome = receiver.send(
        "POST",
        "/webhooks/mailgun",
        data={**fields, **block},
        files={"attachment-1": ("letter.txt", b"Dear Mia", "text/plain")},
    )
    assert outcome.status == 200
    landed = json.loads(outcome.landed[0])
    assert {name: landed[name] for name in fields} == fields
    assert "Dear Mia" not in outcome.landed[0]


@pytest.mark.parametrize(
    "signature",
    [
        {},
        None,
        "text",
        [1],
        {"timestamp": 1, "token": [], "signature": {}},
        {"timestamp": "1777706130"},
    ],
)
def test_a_block_of_another_shape_is_refused(receiver: Server, signature: Any) -> None:
    body = json.dumps({"event-data": {"event": "opened"}, "signature": signature})
    request = Request("mailgun", body.encode(), {"content-type": "application/json"})
    assert receiver.deliver(request).status == 401


def test_twilio_signs_values_that_repeat_once_and_the_first_is_landed(receiver: Server) -> None:
    fields = [("To", "+12025550100"), ("Tag", "b"), ("Tag", "a"), ("Tag", "b"), ("Empty", "")]
    outcome = receiver.deliver(signing.twilio_fields(fields))
    assert outcome.status == 200
    assert json.loads(outcome.landed[0]) == {"To": "+12025550100", "Tag": "b", "Empty": ""}


def test_mandrill_signs_values_that_repeat_each_time(receiver: Server) -> None:
    fields = [("mandrill_events", '[{"event":"open"}]'), ("tag", "b"), ("tag", "a"), ("tag", "b")]
    outcome = receiver.deliver(signing.mandrill_fields(fields, SECRETS["mandrill"][NEW]))
    assert outcome.status == 200
    assert json.loads(outcome.landed[0])["tag"] == "b"


@pytest.mark.parametrize("source", ["twilio", "mandrill"])
def test_the_query_is_signed_as_it_was_called(receiver: Server, source: str) -> None:
    scheme = SCHEMES[source]
    payload = json.dumps({"mandrill_events": '[{"event":"open"}]', "Body": "hi"})
    request = signed(source, payload, query="b=%20x&a=1+2&c")
    assert receiver.deliver(request).status == 200
    assert receiver.deliver(replace(request, query="a=1+2&b=%20x&c")).status == 401
    assert receiver.deliver(replace(request, query="")).status == 401
    assert scheme.source == source


def test_without_public_url_what_was_called_counts(start: Callable[..., Server]) -> None:
    server = start(**signing.environment("twilio"), PUBLIC_URL="")
    key = SECRETS["twilio"][NEW].encode()

    def request(url: str) -> Request:
        signature = hmac.digest(key, f"{url}/webhooks/twilio?a=%20Bodyhi".encode(), "sha1")
        headers = {
            "content-type": signing.FORM,
            "x-twilio-signature": base64.b64encode(signature).decode(),
        }
        return Request("twilio", b"Body=hi", headers, "a=%20")

    assert server.deliver(request(server.url)).status == 200
    assert server.deliver(request(signing.PUBLIC_URL)).status == 401


def test_a_json_body_of_twilio_needs_its_hash_in_the_url(receiver: Server) -> None:
    url_alone = signing.twilio_fields([])
    request = replace(url_alone, body=b'{"Body":"stop"}')
    request = request.with_header("content-type", "application/json")
    assert receiver.deliver(request).status == 401


@pytest.mark.parametrize("source", ["segment", "twilio_engage"])
def test_a_batch_of_which_segment_signed_the_first_event_alone_is_refused(
    receiver: Server, source: str
) -> None:
    """Whoever saw it could put events of their own behind the first."""
    batch = signed(source, '[{"messageId":"1"},{"messageId":"2"}]')
    assert receiver.deliver(batch.with_header("authorization", None)).status == 401
    assert receiver.deliver(batch).status == 200
    alone = signed(source, '[{"messageId":"1"}]')
    assert receiver.deliver(alone).status == 200
    longer = replace(alone, body=alone.body[:-1] + b',{"messageId":"2"}]')
    assert receiver.deliver(longer).status == 401


@pytest.mark.parametrize("source", ["segment", "twilio_engage"])
def test_segment_may_send_a_secret_in_a_header_instead(receiver: Server, source: str) -> None:
    plain = Request(source, b'[{"messageId":"1"}]', {"content-type": "application/json"})
    for number, expected in ((OLD, 200), (NEW, 200), (NOBODYS, 401)):
        header = {"authorization": f"Bearer {SECRETS[source][number]}"}
        assert receiver.deliver(replace(plain, headers=header)).status == expected
    assert receiver.deliver(plain).status == 401


def test_klaviyo_signs_for_one_webhook(receiver: Server) -> None:
    request = SCHEMES["klaviyo"].sign(new_text(), NEW, now())
    outcome = receiver.deliver(request.with_header("klaviyo-webhook-id", "another"))
    assert (outcome.status, outcome.landed) == (401, [])


# --- Amazon SNS ----------------------------------------------------------------------------------


def test_the_certificate_of_sns_is_fetched_once(receiver: Server, sns: Amazon) -> None:
    receiver.deliver(signing.sns(envelope(new_text())))
    before = len(sns.asked)
    for _ in range(3):
        assert receiver.deliver(signing.sns(envelope(new_text()))).status == 200
    assert len(sns.asked) == before


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem",
        "https://evil.example/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-1.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-1.pem",
        "https://evil.example#sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://s3.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.s3-us-west-2.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.s3-eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.s3.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.cn-north-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com/?Action=GetEndpointAttributes&x=.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem?a=1",
        "https://sns.eu-west-1.amazonaws.com/mine/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com/../SimpleNotificationService-1.pem",
        "file:///SimpleNotificationService-1.pem",
        "https://[/SimpleNotificationService-1.pem",
        "",
    ],
)
def test_a_certificate_from_anywhere_else_is_refused_and_not_fetched(
    receiver: Server, sns: Amazon, url: str
) -> None:
    asked = list(sns.asked)
    outcome = receiver.deliver(signing.sns(envelope(new_text()), SigningCertURL=url))
    assert (outcome.status, outcome.landed) == (401, [])
    assert sns.asked == asked


def test_another_key_than_that_of_the_certificate_is_refused(receiver: Server) -> None:
    key = rsa.generate_private_key(65537, 2048)
    assert receiver.deliver(signing.sns(envelope(new_text()), key=key)).status == 401


@pytest.mark.parametrize("version", ["0", "3", "", "1.0"])
def test_another_version_of_the_signature_is_refused(receiver: Server, version: str) -> None:
    assert receiver.deliver(signing.sns(envelope(new_text()), version=version)).status == 401


@pytest.mark.parametrize("member", ["Message", "MessageId", "Timestamp", "TopicArn", "Type"])
def test_a_member_that_was_signed_counts_once(receiver: Server, member: str) -> None:
    """Of two members of one name, the models might read the one that was not signed."""
    request = signing.sns(envelope(new_text()))
    twice = f'{{"{member}": "forged", '.encode() + request.body[1:]
    assert receiver.deliver(replace(request, body=twice)).status == 401


def test_without_the_certificate_sns_is_asked_to_send_again(
    start: Callable[..., Server], sns: Amazon
) -> None:
    server = start(**signing.environment("ses"))
    request = signing.sns(envelope(new_text()))
    sns.status = 503
    try:
        outcome = server.deliver(request)
    finally:
        sns.status = 200
    assert (outcome.status, outcome.landed) == (503, [])
    assert outcome.headers["retry-after"]
    assert server.deliver(request).status == 200


YEAR = timedelta(days=365)
TODAY = datetime.now()


@pytest.mark.parametrize(
    ("certificate", "status"),
    [
        (lambda: signing.sns_certificate("sns.eu-west-1.amazonaws.com"), 200),
        (lambda: signing.sns_certificate("x", ("sns.eu-west-1.amazonaws.com",)), 200),
        (lambda: signing.sns_certificate("x", ("sns.amazonaws.com", "y")), 200),
        (lambda: signing.sns_certificate("sns.amazonaws.com", ("evil.example",)), 401),
        (lambda: signing.sns_certificate("sns.us-east-1.amazonaws.com"), 401),
        (lambda: signing.sns_certificate("sns.amazonaws.com.evil.example"), 401),
        (lambda: signing.sns_certificate(valid=(TODAY - 2 * YEAR, TODAY - YEAR)), 401),
        (lambda: signing.sns_certificate(valid=(TODAY + YEAR, TODAY + 2 * YEAR)), 401),
        (lambda: b"no certificate", 401),
        (lambda: b"x" * 100_000, 503),
    ],
    ids=["region", "other name", "two names", "not the name", "region of others", "longer name",
         "expired", "not yet", "junk", "endless"],
)  # fmt: skip
def test_a_certificate_of_sns_is_valid_today_and_names_sns(
    start: Callable[..., Server], sns: Amazon, certificate: Callable[[], bytes], status: int
) -> None:
    server = start(**signing.environment("ses"))
    sns.certificate = certificate()
    try:
        outcome = server.deliver(signing.sns(envelope(new_text())))
    finally:
        sns.certificate = b""
    assert (outcome.status, len(outcome.landed)) == (status, int(status == 200))


def test_a_certificate_that_comes_by_the_byte_is_waited_for_no_longer_than_five_seconds(
    start: Callable[..., Server], sns: Amazon
) -> None:
    server = start(**signing.environment("ses"))
    sns.pause = 1.0
    try:
        assert server.deliver(signing.sns(envelope(new_text()))).status == 503
    finally:
        sns.pause = 0.0


def test_who_knows_a_topic_cannot_have_certificates_fetched_without_end(
    start: Callable[..., Server], sns: Amazon
) -> None:
    server = start(**signing.environment("ses"))
    good = signing.sns(envelope(new_text()))
    assert server.deliver(good).status == 200
    before = len(sns.asked)
    host = signing.CERTIFICATE_URL.rpartition("/")[0]
    key = rsa.generate_private_key(65537, 2048)
    for number in range(20):
        url = f"{host}/SimpleNotificationService-{number}.pem"
        forged = signing.sns(envelope(new_text()), key=key, SigningCertURL=url)
        assert server.deliver(forged).status in (401, 503)
    assert len(sns.asked) - before < 10
    # What is at hand counts.
    assert server.deliver(signing.sns(envelope(new_text()))).status == 200


def test_raw_delivery_of_sns_needs_the_password_of_the_url(receiver: Server) -> None:
    raw = signed("ses", '{"eventType":"Bounce"}')
    assert receiver.deliver(raw).landed == ['{"eventType":"Bounce"}']
    for pair in ("sns:wrong-password-0001", f"sns:{SECRETS['ses'][NEW]}", "sns:"):
        value = f"Basic {base64.b64encode(pair.encode()).decode()}"
        assert receiver.deliver(raw.with_header("authorization", value)).status == 401
    assert receiver.deliver(raw.with_header("authorization", None)).status == 401


# --- Platforms that sign nothing -----------------------------------------------------------------


def basic(pair: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


#: Ways to show a secret: headers and query.
WAYS: dict[str, Callable[[str], tuple[dict[str, str], str]]] = {
    "Bearer": lambda secret: ({"authorization": f"Bearer {secret}"}, ""),
    "bearer": lambda secret: ({"authorization": f"bearer  {secret}"}, ""),
    "password": lambda secret: (basic(f"anybody:{secret}"), ""),
    "bare": lambda secret: ({"authorization": secret}, ""),
    "header": lambda secret: ({"x-webhook-secret": secret}, ""),
    "query": lambda secret: ({}, f"secret={secret}"),
}


@pytest.mark.parametrize("source", UNSIGNED)
@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_a_platform_that_signs_nothing_shows_a_secret(
    receiver: Server, source: str, way: Callable[[str], tuple[dict[str, str], str]]
) -> None:
    for number, expected in ((OLD, 200), (NEW, 200), (NOBODYS, 401)):
        headers, query = way(SECRETS[source][number])
        outcome = receiver.deliver(Request(source, b'{"a":1}', headers, query))
        assert outcome.status == expected
        assert outcome.landed == (['{"a":1}'] if expected == 200 else [])


def test_user_and_password_may_be_one_secret(start: Callable[..., Server]) -> None:
    server = start(POSTMARK_WEBHOOK_SECRET="hook:correct-horse")
    good = Request("postmark", b"{}", basic("hook:correct-horse"))
    assert server.deliver(good).status == 200
    for pair in ("other:correct-horse", "hook:", "hook:correct-hors", "correct-horse"):
        assert server.deliver(replace(good, headers=basic(pair))).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Basic"},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic //79"},
        {"x-webhook-secret": ""},
        {"authorization": "Digest username=x"},
    ],
    ids=str,
)
def test_no_secret_and_half_of_a_header_are_refused(
    receiver: Server, headers: dict[str, str]
) -> None:
    outcome = receiver.deliver(Request("postmark", b"{}", headers))
    assert (outcome.status, outcome.landed) == (401, [])


@pytest.mark.parametrize("source", sources.names())
def test_a_secret_of_another_source_is_none(receiver: Server, source: str) -> None:
    other = "braze" if source != "braze" else "brevo"
    headers = {"authorization": f"Bearer {SECRETS[other][NEW]}"}
    assert receiver.deliver(Request(source, b"{}", headers)).status == 401


# --- Without any secret --------------------------------------------------------------------------


@pytest.mark.parametrize("by_option", [True, False], ids=["option", "variable"])
def test_a_source_without_a_secret_is_refused_unless_it_is_allowed_by_name(
    start: Callable[..., Server], by_option: bool
) -> None:
    allowed = ("fcm", "twilio")
    if by_option:
        server = start(*(part for name in allowed for part in ("--allow-unsigned", name)))
    else:
        server = start(CONTACT_SYNC_ALLOW_UNSIGNED=", ".join(allowed))
    for source in sources.names():
        outcome = server.deliver(Request(source, b"{}", {"content-type": "application/json"}))
        assert (outcome.status, outcome.landed) == (
            (200, ["{}"]) if source in allowed else (401, [])
        )


def test_a_signed_delivery_without_a_secret_to_compare_is_refused(
    start: Callable[..., Server],
) -> None:
    server = start()
    for scheme in SCHEMES.values():
        assert server.deliver(scheme.sign(new_text(), NEW, now())).status == 401


# --- Again ---------------------------------------------------------------------------------------

#: Nothing in these tells a retry from another event, so that each delivery counts.
WITHOUT_ANY_KEY = {
    "sendgrid/two_opt_outs_without_id_or_time",
    "attentive/no_time",
    "mailchimp/unsubscribe_on_a_day_of_zeros",
    "mailchimp/unsubscribe_without_a_time",
    "mandrill/no_time",
    "onesignal/no_id_and_no_time",
    "sparkpost/ping",
    "sparkpost/relay_is_inbound",
}
#: Trials of a URL, which are answered and not landed.
NOT_LANDED = {"mandrill/empty_array_is_control_traffic"}


def modeled() -> list[str]:
    """The sources that the dbt project models and a platform sends."""
    settings = yaml.safe_load((ROOT / "dbt_project.yml").read_text(encoding="utf-8"))
    return [name for name in settings["vars"]["sources"] if name in sources.names()]


def test_every_platforms_bodies_become_events_once_however_often_they_come(
    tmp_path: Path, sns: Amazon, warehouse: Warehouse
) -> None:
    variables = {
        **signing.environment(),
        "PUBLIC_URL": signing.PUBLIC_URL,
        "SNS_BASE_URL": sns.url,
    }
    first: dict[str, str] = {}
    again: set[str] = set()
    with receiving(tmp_path / "server", variables, landing=warehouse.landing) as server:
        requests = [
            signed(source, path.read_text(encoding="utf-8"))
            for source in modeled()
            for path in sorted((ROOT / "tests" / "fixtures" / source).glob("*.json"))
            if f"{source}/{path.stem}" not in WITHOUT_ANY_KEY | NOT_LANDED
        ]
        for request in requests:
            assert server.deliver(request).status == 200
        first = {row["delivery_id"]: row["source"] for row in server.rows()}
        assert len(first) == len(requests)
        for request in requests:
            assert server.deliver(request).status == 200
        again = {row["delivery_id"] for row in server.rows()} - first.keys()
        assert len(again) == len(requests)
        server.stop()
    warehouse.build()
    found = warehouse.rows("select delivery_id, event_id from main.events")
    assert {row["delivery_id"] for row in found} & again == set()
    assert len({row["event_id"] for row in found}) == len(found)
    assert {first[row["delivery_id"]] for row in found} == set(modeled())
    counted = warehouse.rows(
        "select source, status_class, sum(requests)::bigint as requests"
        " from raw.webhook_requests group by all"
    )
    delivered = Counter(request.source for request in requests)
    assert {row["source"]: row["requests"] for row in counted} == {
        source: 2 * number for source, number in delivered.items()
    }
    assert {row["status_class"] for row in counted} == {"2xx"}
