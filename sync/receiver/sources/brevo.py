"""Brevo signs nothing: a token in a header, or basic auth in the URL.

https://developers.brevo.com/docs/retry-mechanism
Any 4xx but 429, and any 5xx, discards the event at once, so that trouble of ours is answered 429.
"""

from __future__ import annotations

from sync.receiver.sources.base import Source
from sync.receiver.verification import check_shared_secret

SOURCE = Source(
    needs="the Bearer token of the webhook, or the password in its URL",
    verify=check_shared_secret,
    is_signed=False,
    busy_status=429,
)
