"""Braze Currents signs nothing; its connector sends a Bearer token that one sets.

https://www.braze.com/docs/partners/data_and_analytics/custom_http_connector
"""

from __future__ import annotations

from sync.receiver.sources.base import Source
from sync.receiver.verification import check_shared_secret

SOURCE = Source(
    needs="the Bearer token of the Currents connector",
    verify=check_shared_secret,
    is_signed=False,
)
