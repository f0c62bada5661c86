"""The row that is landed of a delivery."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class Landed(NamedTuple):
    """A row of raw.webhook_deliveries. received_at: aware, UTC."""

    delivery_id: str
    source: str
    received_at: datetime
    payload: str
