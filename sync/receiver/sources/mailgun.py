"""Mailgun signs a timestamp and a token in the body, not the event beside them.

https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
Whoever saw one signature could put it on any event, so a token counts for one event only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sync.receiver.delivery import Delivery, parsed
from sync.receiver.sources.base import Source, blank, land_as_received
from sync.receiver.verification import Context, Refused, check_age, check_hmac, in_hex

# Retries go on for eight hours, and whether they are signed anew is not documented.
OLDEST = timedelta(hours=9)


def verify(delivery: Delivery, context: Context) -> None:
    """Raises Refused unless the block is Mailgun's, recent, and was not used for another event."""
    body = _body(delivery)
    block = body.get("signature")
    if not isinstance(block, Mapping):
        block = body
    timestamp, token, signature = (
        str(block.get(name) or "") for name in ("timestamp", "token", "signature")
    )
    if not (timestamp and token and signature):
        raise Refused("the body has no signature")
    check_hmac(context, "sha256", [(timestamp + token).encode()], signature, in_hex)
    check_age(timestamp, delivery.received_at, OLDEST)
    context.tokens.use(token, _event(body))


def land(delivery: Delivery) -> str | None:
    """The body without the signature, which is no use any more; its token stays, as an id."""
    text = land_as_received(delivery)
    return text and blank(text, "signature")


def _body(delivery: Delivery) -> Mapping[str, Any]:
    if delivery.is_form:
        # Of a name that a variable of the customer repeats, the signature's fields come last.
        return dict(delivery.form())
    body = parsed(delivery.body)
    if not isinstance(body, Mapping):
        raise Refused("the body has no signature")
    return body


def _event(body: Mapping[str, Any]) -> str:
    """What is the same in a retry and different in another event."""
    data = body.get("event-data")
    event = data if isinstance(data, Mapping) else body
    names = ("event", "id", "recipient", "Message-Id")
    return json.dumps([str(event.get(name)) for name in names])


SOURCE = Source(
    needs="the HTTP webhook signing key",
    verify=verify,
    is_signed=True,
    land=land,
)
