"""SendGrid signs with ECDSA: the timestamp header and the raw body, line end and all.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
"""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from functools import cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from sync.errors import ConfigError
from sync.receiver.request import Delivery, Refused
from sync.receiver.sources.base import Source
from sync.receiver.verification import Context, check_age, needed_header

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
# Retries go on for 24 hours, and whether they are signed anew is not documented.
OLDEST = timedelta(hours=25)


def verify(delivery: Delivery, context: Context) -> None:
    """Raises Refused unless one of the public keys made the signature, and not long ago."""
    timestamp = needed_header(delivery, TIMESTAMP)
    try:
        signature = base64.b64decode(needed_header(delivery, SIGNATURE), validate=True)
    except ValueError:
        raise Refused("the signature is not base64") from None
    # Its own hashing of a large body would stop all other threads.
    digest = hashlib.sha256(timestamp.encode())
    digest.update(delivery.body)
    if not any(_made(secret, signature, digest.digest()) for secret in context.secrets):
        raise Refused("the signature does not match")
    check_age(timestamp, delivery.received_at, OLDEST)


def check_secret(secret: str) -> None:
    """Raises ConfigError for what is no public key of the webhook."""
    _key(secret)


def _made(secret: str, signature: bytes, digest: bytes) -> bool:
    try:
        _key(secret).verify(signature, digest, ec.ECDSA(Prehashed(SHA256())))
    except InvalidSignature:
        return False
    return True


@cache
def _key(secret: str) -> ec.EllipticCurvePublicKey:
    try:
        key = load_der_public_key(base64.b64decode(secret, validate=True))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ConfigError("is not the verification key that SendGrid shows (base64, no blanks)")
    return key


SOURCE = Source(
    needs="the verification key of the signed event webhook",
    verify=verify,
    is_signed=True,
    check_secret=check_secret,
)
