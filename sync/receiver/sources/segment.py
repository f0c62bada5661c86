"""Segment signs the JSON of the event, of a batch that of its first event, with HMAC-SHA1.

https://segment.com/docs/connections/destinations/catalog/actions-webhook/
The rest of a batch is not signed: it needs a secret in a header, which covers all.
"""

from __future__ import annotations

from sync.receiver.request import Delivery, Refused
from sync.receiver.sources.base import Source, blank, land_as_received
from sync.receiver.verification import Context, check_hmac, check_shared_secret, in_hex

SIGNATURE = "x-signature"


def verify(delivery: Delivery, context: Context) -> None:
    """Raises Refused unless the shared secret stands in a header, or signed all of it."""
    given = delivery.headers.get(SIGNATURE, "").strip()
    try:
        check_shared_secret(delivery, context)
    except Refused:
        if not given:
            raise
        check_hmac(context, "sha1", [[delivery.body], [_only_event(delivery)]], given, in_hex)


def land(delivery: Delivery) -> str | None:
    """The body without write keys."""
    text = land_as_received(delivery)
    return text and blank(text, "writeKey")


def _only_event(delivery: Delivery) -> bytes:
    """What stands in the brackets of a batch: of several events, nothing that Segment signed."""
    body = delivery.body.strip()
    return body[1:-1].strip() if body[:1] == b"[" and body[-1:] == b"]" else delivery.body


SOURCE = Source(
    needs="the shared secret of the webhook",
    verify=verify,
    is_signed=True,
    land=land,
)
