"""OneSignal's Event Streams sign nothing; they send the headers that one sets.

https://documentation.onesignal.com/docs/event-streams
"""

from __future__ import annotations

from sync.receiver.sources.base import Source
from sync.receiver.verification import check_shared_secret

SOURCE = Source(
    needs="the Bearer token in the stream's Authorization header",
    verify=check_shared_secret,
    is_signed=False,
)
