"""Twilio Engage is Segment's: the same transport, the same signature.

https://segment.com/docs/connections/destinations/catalog/actions-webhook/
"""

from __future__ import annotations

from sync.receiver.sources import segment
from sync.receiver.sources.base import Source

SOURCE = Source(
    needs="the shared secret of the webhook",
    verify=segment.verify,
    is_signed=True,
    land=segment.land,
)
