"""Mailgun signs a timestamp and a token in the body, not the event beside them.

https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
Whoever saw one signature could put it on any event, so a token counts for one event only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sync.receiver.request import Delivery, Refused, outlined
from sync.receiver.sources.base import Source, blank, first_values
from sync.receiver.verification import Context, check_age, check_hmac, in_hex

# Retries go on for eight hours, and whether they are signed anew is not documented.
OLDEST = timedelta(hours=9)
_SIGNED = ("timestamp", "token", "signature")


def verify(delivery: Delivery, context: Context) -> None:
    """Raises Refused unless the block is Mailgun's, recent, and was not used for another event."""
    timestamp, token, signature = _block(_outline(delivery))
    if not (timestamp and token and signature):
        raise Refused("the body has no signature")
    check_hmac(
        context, "sha256", [[(timestamp + token).encode(errors="surrogatepass")]], signature, in_hex
    )
    check_age(timestamp, delivery.received_at, OLDEST)
    # Only now is all of it read; what was verified must be what it says.
    body = _body(delivery)
    if _block(body) != (timestamp, token, signature):
        raise Refused("the body has no signature")
    context.tokens.use(token, _event(body))


def land(delivery: Delivery) -> str | None:
    """The body without the signature, which is no use any more; its token stays, as an id."""
    if delivery.is_form:
        text = json.dumps(_fields(delivery), ensure_ascii=False)
    else:
        text = delivery.text()
    return blank(text, "signature")


def _outline(delivery: Delivery) -> Any:
    """What bounded work tells of the body; right of the signature, which is ASCII."""
    if not delivery.is_form:
        return outlined(delivery.body)
    return {
        name.decode(): value.decode("latin-1")
        for name, value in delivery.fields()
        if name in (b"timestamp", b"token", b"signature")
    }


def _block(body: Any) -> tuple[str, str, str]:
    """Time, token and signature; beside the event, or of older webhooks among its fields."""
    if not isinstance(body, Mapping):
        raise Refused("the body has no signature")
    block = body.get("signature")
    if not isinstance(block, Mapping):
        block = body
    timestamp, token, signature = (str(block.get(name) or "") for name in _SIGNED)
    return timestamp, token, signature


def _body(delivery: Delivery) -> Mapping[str, Any]:
    body = _fields(delivery) if delivery.is_form else delivery.json()
    return body if isinstance(body, Mapping) else {}


def _fields(delivery: Delivery) -> dict[str, str]:
    """The form; of names that a customer's variable repeats, the signature's come last."""
    form = delivery.form()
    return first_values(form) | {name: value for name, value in form if name in _SIGNED}


def _event(body: Mapping[str, Any]) -> str:
    """What is the same in a retry, and different in another event or another meaning of it."""
    data = body.get("event-data")
    event = data if isinstance(data, Mapping) else {}
    status = event.get("delivery-status")
    parts = (
        (event, ("event", "severity", "reason", "id", "recipient", "timestamp")),
        (body, ("event", "code", "reason", "recipient", "Message-Id", "message-id")),
        (status if isinstance(status, Mapping) else {}, ("code",)),
    )
    return json.dumps([str(part.get(name)) for part, names in parts for name in names])


SOURCE = Source(
    needs="the HTTP webhook signing key",
    verify=verify,
    is_signed=True,
    land=land,
    unverified_limit=2 * 1024 * 1024,
)
