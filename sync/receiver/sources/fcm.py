"""Firebase has no webhook: the sender posts the answers to its own sends, with a secret.

https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
"""

from __future__ import annotations

from sync.receiver.sources.base import Source
from sync.receiver.verification import check_shared_secret

SOURCE = Source(
    needs="a secret of your own, which the sender posts as Bearer token",
    verify=check_shared_secret,
    is_signed=False,
)
