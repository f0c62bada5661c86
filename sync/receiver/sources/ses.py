"""Amazon SES comes through SNS, which signs its envelope with a certificate of Amazon's.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
A subscription is confirmed once it is shown to be of one's own topic. Raw message delivery has no
signature: a secret in the URL's basic auth, which SNS sends when it is asked for it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509.oid import NameOID

from sync.errors import ConfigError
from sync.receiver.request import Delivery, Refused, outlined
from sync.receiver.sources.base import Source, blank, land_as_received
from sync.receiver.verification import Context, check_instant, check_shared_secret

# SNS retries for hours where a policy says so.
OLDEST = timedelta(hours=25)
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = (
    "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
)  # fmt: skip
# A region, no other name: `sns.s3-us-west-2.amazonaws.com` is a bucket that anybody may own.
_DIRECTION = "(?:central|north|south|east|west|northeast|northwest|southeast|southwest)"
_HOST = re.compile(
    rf"sns\.(?:(?!cn-)[a-z]{{2}}(?:-gov|-iso[a-z]?)?-{_DIRECTION}-\d{{1,2}}\.amazonaws\.com"
    rf"|cn-{_DIRECTION}-\d\.amazonaws\.com\.cn)"
)
# Other paths of that host answer with what anybody stored there.
_CERTIFICATE = re.compile(r"https://[^/]+/SimpleNotificationService-[A-Za-z0-9-]+\.pem")


def verify(delivery: Delivery, context: Context) -> None:
    """Raises Refused unless Amazon signed the envelope for one's own topic, or a secret is given.

    Confirms a subscription. Raises Unreachable where the certificate cannot be fetched now.
    """
    outline = outlined(delivery.body)
    if not isinstance(outline, Mapping) or "SigningCertURL" not in outline:
        secrets = [secret for secret in context.secrets if not _is_topic(secret)]
        check_shared_secret(delivery, replace(context, secrets=secrets))
        return
    if outline.get("TopicArn") not in context.secrets:
        raise Refused("the topic is not one of SES_WEBHOOK_SECRET")
    # Only now is all of it read: its texts may take eight times its bytes.
    envelope = delivery.json()
    if envelope.get("TopicArn") not in context.secrets:
        raise Refused("the topic is not one of SES_WEBHOOK_SECRET")
    _check_signature(envelope, context)
    try:
        signed_at = datetime.fromisoformat(str(envelope.get("Timestamp")))
        check_instant(signed_at, delivery.received_at, OLDEST)
    except (ValueError, TypeError):
        raise Refused("the time of the signature cannot be read") from None
    if envelope.get("Type") == "SubscriptionConfirmation":
        context.fetch(_amazons(envelope.get("SubscribeURL")))


def land(delivery: Delivery) -> str | None:
    """The body without what would let a reader act on the subscription."""
    text = land_as_received(delivery)
    return text and blank(text, "Token", "SubscribeURL", "UnsubscribeURL", "Signature")


def check_secret(secret: str) -> None:
    """Raises ConfigError for what is neither a topic nor a secret."""
    if len(secret) < 8:
        raise ConfigError("is neither a topic (arn:aws:sns:...) nor a secret of 8 characters")


def _is_topic(secret: str) -> bool:
    return secret.startswith("arn:")


def _check_signature(envelope: Mapping[str, Any], context: Context) -> None:
    algorithms = {"1": SHA1, "2": SHA256}
    algorithm = algorithms.get(str(envelope.get("SignatureVersion")))
    if algorithm is None:
        raise Refused("the version of the signature is not known")
    names = _NOTIFICATION if envelope.get("Type") == "Notification" else _CONFIRMATION
    signed = "".join(
        f"{name}\n{envelope[name]}\n" for name in names if envelope.get(name) is not None
    )
    try:
        signature = base64.b64decode(str(envelope.get("Signature")), validate=True)
    except ValueError:
        raise Refused("the signature is not base64") from None
    certificate = _amazons(envelope.get("SigningCertURL"))
    if not _CERTIFICATE.fullmatch(certificate):
        raise Refused("the URL is not one of a certificate of Amazon SNS")
    try:
        _key(context.fetch, certificate).verify(
            signature, signed.encode(), padding.PKCS1v15(), algorithm()
        )
    except InvalidSignature:
        raise Refused("the signature does not match") from None


def _amazons(url: object) -> str:
    """The URL, where it is one of SNS. Raises Refused for any other, before anything is fetched."""
    try:
        parts = urlsplit(str(url))
        is_good = parts.scheme == "https" and _HOST.fullmatch(parts.netloc)
    except ValueError:
        is_good = None
    if not is_good:
        raise Refused("the URL is not one of Amazon SNS")
    return str(url)


@lru_cache(maxsize=16)
def _certificate(fetch: Callable[[str], bytes], url: str) -> x509.Certificate:
    """Fetched once, for a new one has a new URL."""
    try:
        return x509.load_pem_x509_certificate(fetch(url))
    except ValueError:
        raise Refused("the certificate cannot be read") from None


def _key(fetch: Callable[[str], bytes], url: str) -> rsa.RSAPublicKey:
    """The key of Amazon's certificate; who issued it is said by the TLS of its host alone."""
    certificate = _certificate(fetch, url)
    now = datetime.now(UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise Refused("the certificate has expired or is not valid yet")
    if not _names(certificate) & {"sns.amazonaws.com", urlsplit(url).netloc}:
        raise Refused("the certificate names another than Amazon SNS")
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise Refused("the certificate is not of the kind that signs")
    return key


def _names(certificate: x509.Certificate) -> set[str]:
    """Whom it says that it is of: its alternative names, where it has such, else its subject."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        subject = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return {str(part.value) for part in subject}
    except ValueError:
        raise Refused("the certificate cannot be read") from None
    return set(names.value.get_values_for_type(x509.DNSName))


SOURCE = Source(
    needs="the ARN of the SNS topic (or, with raw message delivery, the password in the URL)",
    verify=verify,
    is_signed=True,
    check_secret=check_secret,
    land=land,
    waits=True,
    # A message has 256 KB at most; quotes in it are escaped.
    unverified_limit=1024 * 1024,
)
