"""Requests signed as the platforms sign them, from their fact sheets: nothing of `sync` is used."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

#: As the platforms call the receivers of these tests; they sign it.
PUBLIC_URL = "https://hooks.example.com/in"
CERTIFICATE_URL = (
    "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
)
FORM = "application/x-www-form-urlencoded"
Fields = Sequence[tuple[str, str]]

_numbers = itertools.count(1)
_SENDGRID_KEYS = [ec.derive_private_key(0x5EED0000 + n, ec.SECP256R1()) for n in (1, 2, 3)]
_SHARED = ("braze", "brevo", "fcm", "mailchimp", "mparticle", "onesignal", "postmark", "sparkpost")
_SECRETS = (
    "attentive", "klaviyo", "mailgun", "mandrill", "segment", "twilio", "twilio_engage", *_SHARED,
)  # fmt: skip


def _public(key: ec.EllipticCurvePrivateKey) -> str:
    found = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(found).decode()


#: What the receiver is told: an old and a new secret per source. A third is nobody's.
SECRETS: dict[str, tuple[str, str, str]] = {
    **{name: (f"old-{name}-0001", f"new-{name}-0002", f"bad-{name}-0003") for name in _SECRETS},
    "sendgrid": (
        _public(_SENDGRID_KEYS[0]),
        _public(_SENDGRID_KEYS[1]),
        _public(_SENDGRID_KEYS[2]),
    ),
    "ses": (
        "arn:aws:sns:eu-west-1:111122223333:old",
        "arn:aws:sns:eu-west-1:111122223333:new",
        "arn:aws:sns:eu-west-1:999988887777:bad",
    ),
}
SES_PASSWORD = "raw-delivery-0001"
RELAY_SECRET = "relay-secret-of-twenty-characters"


@dataclass(frozen=True)
class Request:
    """What a platform posts to /webhooks/<source>."""

    source: str
    body: bytes
    headers: Mapping[str, str]
    query: str = ""

    @property
    def path(self) -> str:
        return f"/webhooks/{self.source}" + (f"?{self.query}" if self.query else "")

    def with_body(self, old: str, new: str) -> Request:
        assert old.encode() in self.body, f"{old!r} is not in the body"
        return replace(self, body=self.body.replace(old.encode(), new.encode()))

    def with_header(self, name: str, value: str | None) -> Request:
        """Another value of a header; None: without it."""
        assert name in self.headers
        others = {key: text for key, text in self.headers.items() if key != name}
        return replace(self, headers=others if value is None else {**others, name: value})


class Unsignable(Exception):
    """The platform does not send a body of this shape."""


def environment(*names: str, secrets: slice = slice(2)) -> dict[str, str]:
    """<SOURCE>_WEBHOOK_SECRET of the sources, by default both secrets; all, if none is named."""
    found = {
        f"{name.upper()}_WEBHOOK_SECRET": " ".join(SECRETS[name][secrets])
        for name in names or SECRETS
    }
    if "SES_WEBHOOK_SECRET" in found:
        found["SES_WEBHOOK_SECRET"] += f" {SES_PASSWORD}"
    return found if names else {**found, "RELAY_WEBHOOK_SECRET": RELAY_SECRET}


def signed(
    source: str, payload: str, *, which: int = 0, at: datetime | None = None, query: str = ""
) -> Request:
    """A payload as it is landed (a form: a JSON object of text), as the platform would post it now.

    What no platform sends so (a form that was taken apart) comes by a relay. which: the secret. at:
    when it was signed.
    """
    at = at or datetime.now(UTC)
    secret = SECRETS[source][which]
    try:
        if source in _SIGNERS:
            return _SIGNERS[source](payload, which, at, query)
        if source == "mailchimp":
            return _form(source, fields_of(payload), f"secret={secret}" + (query and f"&{query}"))
    except Unsignable:
        headers = {"content-type": "application/json", "authorization": f"Bearer {RELAY_SECRET}"}
        return Request(source, payload.encode(), headers, query)
    headers = {"content-type": "application/json", "authorization": f"Bearer {secret}"}
    return Request(source, payload.encode(), headers, query)


def sendgrid(payload: str, which: int, at: datetime, query: str = "") -> Request:
    timestamp = str(int(at.timestamp()))
    key = _SENDGRID_KEYS[which]
    signature = key.sign(timestamp.encode() + payload.encode(), ec.ECDSA(SHA256()))
    headers = {
        "content-type": "application/json",
        "x-twilio-email-event-webhook-signature": base64.b64encode(signature).decode(),
        "x-twilio-email-event-webhook-timestamp": timestamp,
    }
    return Request("sendgrid", payload.encode(), headers, query)


def mailgun(payload: str, which: int, at: datetime, query: str = "") -> Request:
    """JSON with event-data, or a form of the older kind."""
    body = _object(payload)
    block = mailgun_block(which, at)
    if "event-data" in body:
        text = json.dumps({**body, "signature": block}, ensure_ascii=False)
        return Request("mailgun", text.encode(), {"content-type": "application/json"}, query)
    return _form("mailgun", [*fields_of(payload, without=block), *block.items()], query)


def mailgun_block(which: int, at: datetime) -> dict[str, str]:
    """A new signature block."""
    timestamp = str(int(at.timestamp()))
    token = hashlib.sha256(f"{at}{next(_numbers)}".encode()).hexdigest()[:50]
    signature = _hmac("sha256", SECRETS["mailgun"][which], timestamp + token).hex()
    return {"timestamp": timestamp, "token": token, "signature": signature}


def mandrill(payload: str, which: int, at: datetime, query: str = "") -> Request:
    del at
    return mandrill_fields(fields_of(payload), SECRETS["mandrill"][which], query)


def mandrill_fields(fields: Fields, key: str, query: str = "") -> Request:
    url = f"{PUBLIC_URL}/webhooks/mandrill" + (f"?{query}" if query else "")
    text = url + "".join(name + value for name, value in sorted(fields))
    request = _form("mandrill", fields, query)
    return replace(
        request, headers={**request.headers, "x-mandrill-signature": _base64("sha1", key, text)}
    )


def twilio(payload: str, which: int, at: datetime, query: str = "") -> Request:
    del at
    return twilio_fields(fields_of(payload), which, query)


def twilio_fields(fields: Fields, which: int = 0, query: str = "") -> Request:
    url = f"{PUBLIC_URL}/webhooks/twilio" + (f"?{query}" if query else "")
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    request = _form("twilio", fields, query)
    signature = _base64("sha1", SECRETS["twilio"][which], text)
    return replace(request, headers={**request.headers, "x-twilio-signature": signature})


def twilio_json(payload: str, which: int = 0) -> Request:
    query = f"bodySHA256={hashlib.sha256(payload.encode()).hexdigest()}"
    text = f"{PUBLIC_URL}/webhooks/twilio?{query}"
    headers = {
        "content-type": "application/json",
        "x-twilio-signature": _base64("sha1", SECRETS["twilio"][which], text),
    }
    return Request("twilio", payload.encode(), headers, query)


def attentive(payload: str, which: int, at: datetime, query: str = "") -> Request:
    del at
    signature = _hmac("sha256", SECRETS["attentive"][which], payload).hex()
    headers = {"content-type": "application/json", "x-attentive-hmac-sha256": signature}
    return Request("attentive", payload.encode(), headers, query)


def attentive_base64(payload: str, which: int, at: datetime, query: str = "") -> Request:
    signature = _base64("sha256", SECRETS["attentive"][which], payload)
    request = attentive(payload, which, at, query)
    return request.with_header("x-attentive-hmac-sha256", signature)


def segment(
    payload: str, which: int, at: datetime, query: str = "", *, source: str = "segment"
) -> Request:
    """A bare array is signed by its first element, everything else as it is.

    With further elements it carries the secret, too, as docs/receiver.md asks for.
    """
    del at
    first = payload
    secret = SECRETS[source][which]
    headers = {"content-type": "application/json"}
    if payload.lstrip().startswith("[") and json.loads(payload):
        start = payload.index("[") + 1
        start += len(payload[start:]) - len(payload[start:].lstrip())
        _, end = json.JSONDecoder().raw_decode(payload, start)
        first = payload[start:end]
        if payload[end:].strip() != "]":
            headers["authorization"] = f"Bearer {secret}"
    headers["x-signature"] = _hmac("sha1", secret, first).hex()
    return Request(source, payload.encode(), headers, query)


def twilio_engage(payload: str, which: int, at: datetime, query: str = "") -> Request:
    return segment(payload, which, at, query, source="twilio_engage")


def klaviyo(payload: str, which: int, at: datetime, query: str = "") -> Request:
    timestamp = format_datetime(at, usegmt=True)
    meta = _object(payload).get("meta")
    if not isinstance(meta, dict) or "klaviyo_webhook_id" not in meta:
        raise Unsignable
    headers = {
        "content-type": "application/json",
        "klaviyo-signature": _hmac("sha256", SECRETS["klaviyo"][which], payload + timestamp).hex(),
        "klaviyo-timestamp": timestamp,
        "klaviyo-webhook-id": str(meta["klaviyo_webhook_id"]),
    }
    return Request("klaviyo", payload.encode(), headers, query)


def ses(payload: str, which: int, at: datetime, query: str = "") -> Request:
    """An envelope of SNS, signed anew; what is none is raw delivery, with the URL's password."""
    body = _object(payload)
    if "Type" in body:
        if body["Type"] != "Notification" and not body.get("SubscribeURL"):
            raise Unsignable
        return sns(body, which, at, query=query)
    pair = base64.b64encode(f"sns:{SES_PASSWORD}".encode()).decode()
    headers = {"content-type": "text/plain; charset=UTF-8", "authorization": f"Basic {pair}"}
    return Request("ses", payload.encode(), headers, query)


def sns(
    envelope: Mapping[str, Any],
    which: int = 0,
    at: datetime | None = None,
    *,
    version: str = "2",
    key: rsa.RSAPrivateKey | None = None,
    query: str = "",
    **changed: str,
) -> Request:
    """An envelope with topic, time and signature of its own. changed: members, before signing."""
    instant = (at or datetime.now(UTC)).astimezone(UTC)
    body: dict[str, Any] = {
        "MessageId": f"m-{next(_numbers)}",
        "SigningCertURL": CERTIFICATE_URL,
        **envelope,
        "TopicArn": SECRETS["ses"][which],
        "Timestamp": f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03}Z",
        "SignatureVersion": version,
        **changed,
    }
    names: tuple[str, ...] = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    if body["Type"] != "Notification":
        names = (
            "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
        )  # fmt: skip
    text = "".join(f"{name}\n{body[name]}\n" for name in names if body.get(name) is not None)
    algorithm = SHA1() if version == "1" else SHA256()
    signature = (key or sns_key()).sign(text.encode(), padding.PKCS1v15(), algorithm)
    body["Signature"] = base64.b64encode(signature).decode()
    headers = {
        "content-type": "text/plain; charset=UTF-8",
        "x-amz-sns-message-type": str(body["Type"]),
    }
    return Request("ses", json.dumps(body, ensure_ascii=False).encode(), headers, query)


@cache
def sns_key() -> rsa.RSAPrivateKey:
    """The key of Amazon's certificate in these tests."""
    return rsa.generate_private_key(65537, 2048)


@cache
def sns_certificate(
    name: str = "sns.amazonaws.com",
    alternatives: tuple[str, ...] = (),
    valid: tuple[datetime, datetime] = (datetime(2026, 1, 1), datetime(2099, 1, 1)),
) -> bytes:
    """That certificate, in PEM."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(sns_key().public_key())
        .serial_number(1)
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
    )
    if alternatives:
        names = x509.SubjectAlternativeName([x509.DNSName(one) for one in alternatives])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(sns_key(), SHA256()).public_bytes(Encoding.PEM)


def fields_of(payload: str, without: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """The fields of a form that is landed so."""
    fields = [item for item in _object(payload).items() if item[0] not in (without or {})]
    if not all(isinstance(value, str) for _, value in fields):
        raise Unsignable
    return fields


def _object(payload: str) -> dict[str, Any]:
    try:
        found = json.loads(payload)
    except ValueError:
        raise Unsignable from None
    if not isinstance(found, dict):
        raise Unsignable
    return found


def _form(source: str, fields: Fields, query: str) -> Request:
    return Request(source, urlencode(fields).encode(), {"content-type": FORM}, query)


def _hmac(algorithm: str, key: str, text: str) -> bytes:
    return hmac.new(key.encode(), text.encode(), algorithm).digest()


def _base64(algorithm: str, key: str, text: str) -> str:
    return base64.b64encode(_hmac(algorithm, key, text)).decode()


_SIGNERS: dict[str, Callable[[str, int, datetime, str], Request]] = {
    "attentive": attentive,
    "klaviyo": klaviyo,
    "mailgun": mailgun,
    "mandrill": mandrill,
    "segment": segment,
    "sendgrid": sendgrid,
    "ses": ses,
    "twilio": twilio,
    "twilio_engage": twilio_engage,
}
