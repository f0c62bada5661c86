"""What the schemes of the platforms have in common: secrets, comparing, ages, replays.

Everything is compared in constant time, and no reason names what was compared.
"""

from __future__ import annotations

import base64
import hmac
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sync.receiver.request import Delivery, Refused

# A platform's clock may be so far ahead of ours.
_CLOCK_SKEW = timedelta(minutes=5)
# Remembered tokens; an hour of the busiest sender.
_MOST_TOKENS = 200_000


class Tokens:
    """Tokens that were used once, with what they were used for; bounded, the oldest go first."""

    def __init__(self, most: int = _MOST_TOKENS) -> None:
        self._used: OrderedDict[str, str] = OrderedDict()
        self._most = most

    def use(self, token: str, purpose: str) -> None:
        """Raises Refused where the token was used for something else; a retry is the same."""
        if self._used.setdefault(token, purpose) != purpose:
            raise Refused("the signature was used for another event")
        self._used.move_to_end(token)
        if len(self._used) > self._most:
            self._used.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Context:
    """What a scheme has at hand. secrets: all that count now. fetch: GET of a URL, its body."""

    secrets: Sequence[str]
    fetch: Callable[[str], bytes]
    tokens: Tokens = field(default_factory=Tokens)


def needed_header(delivery: Delivery, name: str) -> str:
    """The header of that (lower-case) name. Raises Refused where there is none."""
    value = delivery.headers.get(name, "").strip()
    if not value:
        raise Refused(f"the header {name} is missing")
    return value


def is_same(given: str | bytes, expected: str | bytes) -> bool:
    """Whether both are equal, in time that does not tell where they differ."""
    return hmac.compare_digest(_bytes(given), _bytes(expected))


def check_hmac(
    context: Context,
    algorithm: str,
    messages: Sequence[Sequence[bytes]],
    given: str,
    *encodings: Callable[[bytes], str],
) -> None:
    """Raises Refused unless `given` is the HMAC of one message under one secret, so encoded.

    A message is its parts, which are not joined: one may be the body, all of it.
    """
    digests = [
        _digest(secret.encode(), message, algorithm)
        for secret in context.secrets
        for message in messages
    ]
    matches = [is_same(given, encode(digest)) for digest in digests for encode in encodings]
    if not any(matches):
        raise Refused("the signature does not match")


def _digest(secret: bytes, message: Sequence[bytes], algorithm: str) -> bytes:
    found = hmac.new(secret, digestmod=algorithm)
    for part in message:
        found.update(part)
    return found.digest()


def in_hex(digest: bytes) -> str:
    """The digest in lower-case hex."""
    return digest.hex()


def in_base64(digest: bytes) -> str:
    """The digest in base64."""
    return base64.b64encode(digest).decode()


def check_age(seconds: str, now: datetime, oldest: timedelta) -> None:
    """Raises Refused unless epoch seconds (as text) are at most `oldest` ago."""
    # Digits only: `1777706130e0` would draw in what is signed after the time, and change nothing.
    if not (seconds.isascii() and seconds.isdecimal() and len(seconds) <= 10):
        raise Refused("the time of the signature cannot be read")
    signed_at = datetime.fromtimestamp(int(seconds), UTC)
    check_instant(signed_at, now, oldest)


def check_instant(signed_at: datetime, now: datetime, oldest: timedelta) -> None:
    """Raises Refused unless the instant is at most `oldest` ago."""
    if not now - oldest <= signed_at <= now + _CLOCK_SKEW:
        raise Refused("the signature has expired")


def check_shared_secret(delivery: Delivery, context: Context) -> None:
    """Raises Refused unless the request carries one of the secrets.

    In `Authorization` (as Bearer, as the password of Basic or as `user:password`, or bare), in
    `X-Webhook-Secret`, or as `secret` in the query: platforms that sign nothing let one set at
    least one of these.
    """
    matches = [
        is_same(given, secret) for given in _presented(delivery) for secret in context.secrets
    ]
    if not matches:
        raise Refused("no secret was given")
    if not any(matches):
        raise Refused("the secret does not match")


def carries_bearer(delivery: Delivery, secrets: Sequence[str]) -> bool:
    """Whether `Authorization: Bearer` holds one of the secrets."""
    scheme, _, given = delivery.headers.get("authorization", "").strip().partition(" ")
    matches = [is_same(given.strip(), secret) for secret in secrets]
    return scheme.lower() == "bearer" and any(matches)


def carries_secret(delivery: Delivery, secrets: Sequence[str]) -> bool:
    """Whether `Authorization` holds one of the secrets, as Bearer or as a browser's password."""
    matches = [is_same(given, one) for given in _of_authorization(delivery) for one in secrets]
    return any(matches)


def _presented(delivery: Delivery) -> Iterator[str]:
    for value in (delivery.headers.get("x-webhook-secret"), delivery.query.get("secret")):
        if value:
            yield value
    yield from _of_authorization(delivery)


def _of_authorization(delivery: Delivery) -> Iterator[str]:
    authorization = delivery.headers.get("authorization", "").strip()
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() == "bearer":
        yield given.strip()
    elif scheme.lower() == "basic":
        try:
            pair = base64.b64decode(given.strip(), validate=True).decode()
        except ValueError:
            return
        yield pair
        yield pair.partition(":")[2]
    elif authorization:
        yield authorization


def _bytes(value: str | bytes) -> bytes:
    # A lone surrogate of a JSON text has no place in UTF-8, and can match nothing.
    return value.encode(errors="surrogatepass") if isinstance(value, str) else value
