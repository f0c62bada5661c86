"""Segment signs the JSON of the event, of a batch that of its first event, with HMAC-SHA1.

https://segment.com/docs/connections/destinations/catalog/actions-webhook/
The rest of a batch is not signed: a secret in a header, which covers all, is taken as well.
"""

from __future__ import annotations

import json

from sync.receiver.delivery import Delivery
from sync.receiver.sources.base import Source, blank, land_as_received
from sync.receiver.verification import Context, Refused, check_hmac, check_shared_secret, in_hex

SIGNATURE = "x-signature"


def verify(delivery: Delivery, context: Context) -> None:
    """Raises Refused unless the shared secret stands in a header, or signed the first event."""
    given = delivery.headers.get(SIGNATURE, "").strip()
    try:
        check_shared_secret(delivery, context)
    except Refused:
        if not given:
            raise
        check_hmac(context, "sha1", [delivery.body, _first_event(delivery)], given, in_hex)


def land(delivery: Delivery) -> str | None:
    """The body without write keys."""
    text = land_as_received(delivery)
    return text and blank(text, "writeKey")


def _first_event(delivery: Delivery) -> bytes:
    """The first element of an array, to the letter; the whole of anything else."""
    text = delivery.text().strip()
    start = len(text) - len(text[1:].lstrip()) if text.startswith("[") else 0
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return delivery.body
    return text[start:end].encode()


SOURCE = Source(
    needs="the shared secret of the webhook",
    verify=verify,
    is_signed=True,
    land=land,
)
