"""Mailchimp signs nothing and sends no header: the secret stands in the URL, `?secret=`.

https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/
It tries the URL with GET before it saves it. 410 would disable the webhook and is never answered.
"""

from __future__ import annotations

from sync.receiver.sources.base import Source
from sync.receiver.verification import check_shared_secret

SOURCE = Source(
    needs="what stands after ?secret= in the webhook's URL",
    verify=check_shared_secret,
    is_signed=False,
    handshakes=frozenset({"GET", "HEAD"}),
)
