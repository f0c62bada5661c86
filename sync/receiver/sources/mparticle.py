"""mParticle signs nothing; the connection sends a static Authorization header.

https://docs.mparticle.com/guides/webhook/
"""

from __future__ import annotations

from sync.receiver.request import Delivery
from sync.receiver.sources.base import Source, blank, land_as_received
from sync.receiver.verification import check_shared_secret


def land(delivery: Delivery) -> str | None:
    """The body without write keys."""
    text = land_as_received(delivery)
    return text and blank(text, "writeKey", "api_key")


SOURCE = Source(
    needs="the value of the connection's Authorization header",
    verify=check_shared_secret,
    is_signed=False,
    land=land,
)
