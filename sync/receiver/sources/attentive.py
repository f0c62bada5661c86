"""Attentive signs the raw body with HMAC-SHA256; in hex, though one source says base64.

https://docs.attentive.com/pages/webhooks/
"""

from __future__ import annotations

from sync.receiver.request import Delivery
from sync.receiver.sources.base import Source
from sync.receiver.verification import Context, check_hmac, in_base64, in_hex, needed_header

SIGNATURE = "x-attentive-hmac-sha256"


def verify(delivery: Delivery, context: Context) -> None:
    """Raises Refused unless the webhook's signing key signed the body."""
    given = needed_header(delivery, SIGNATURE)
    check_hmac(context, "sha256", [[delivery.body]], given, in_hex, in_base64)


SOURCE = Source(
    needs="the signing key of the webhook",
    verify=verify,
    is_signed=True,
)
