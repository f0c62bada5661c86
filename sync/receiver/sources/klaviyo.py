"""Klaviyo signs the raw body followed by the text of its timestamp header.

https://developers.klaviyo.com/en/docs/working_with_system_webhooks
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime

from sync.receiver.request import Delivery, Refused
from sync.receiver.sources.base import Source
from sync.receiver.verification import (
    Context,
    check_hmac,
    check_instant,
    in_hex,
    is_same,
    needed_header,
)

SIGNATURE, TIMESTAMP, WEBHOOK = "klaviyo-signature", "klaviyo-timestamp", "klaviyo-webhook-id"
# Retries go on for 48 hours, and whether they are signed anew is not documented.
OLDEST = timedelta(hours=49)


def verify(delivery: Delivery, context: Context) -> None:
    """Raises Refused unless the webhook's secret signed body and time, for this webhook."""
    timestamp = needed_header(delivery, TIMESTAMP)
    message = (delivery.body, timestamp.encode())
    check_hmac(context, "sha256", [message], needed_header(delivery, SIGNATURE), in_hex)
    try:
        signed_at = parsedate_to_datetime(timestamp)
    except ValueError:
        raise Refused("the time of the signature cannot be read") from None
    signed_at = signed_at if signed_at.tzinfo else signed_at.replace(tzinfo=UTC)
    check_instant(signed_at, delivery.received_at, OLDEST)
    body = delivery.json()
    meta = body.get("meta") if isinstance(body, Mapping) else None
    webhook = meta.get("klaviyo_webhook_id") if isinstance(meta, Mapping) else None
    if not is_same(str(webhook), needed_header(delivery, WEBHOOK)):
        raise Refused("the body is of another webhook")


SOURCE = Source(
    needs="the secret key of the system webhook",
    verify=verify,
    is_signed=True,
)
