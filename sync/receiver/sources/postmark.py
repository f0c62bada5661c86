"""Postmark signs nothing: basic auth in the webhook's URL, or a header of one's own.

https://postmarkapp.com/developer/webhooks/webhooks-overview
A 403 would end its retries for good, so a wrong secret is answered 401.
"""

from __future__ import annotations

from sync.receiver.sources.base import Source
from sync.receiver.verification import check_shared_secret

SOURCE = Source(
    needs="the password of the basic auth in the webhook's URL, or of a custom header",
    verify=check_shared_secret,
    is_signed=False,
)
