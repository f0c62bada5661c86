"""SparkPost signs nothing: basic auth, or a token of OAuth 2.0.

https://developers.sparkpost.com/api/webhooks/
Only 200 counts as taken: 201 and 204 are tried again.
"""

from __future__ import annotations

from sync.receiver.sources.base import Source
from sync.receiver.verification import check_shared_secret

SOURCE = Source(
    needs="the password of the webhook's basic auth",
    verify=check_shared_secret,
    is_signed=False,
)
