"""What lands, and what a place where it lands has to do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol


class Landed(NamedTuple):
    """A row of raw.webhook_deliveries. received_at: aware, UTC."""

    delivery_id: str
    source: str
    received_at: datetime
    payload: str


class RequestCount(NamedTuple):
    """A row of raw.webhook_requests: answers of one class since the last such row."""

    source: str
    #: `2xx`, `4xx` or `5xx`.
    status_class: str
    requests: int
    #: Aware, UTC.
    counted_at: datetime


class NotLanded(Exception):
    """The delivery is not safe, and must be sent again. str() is for the operator, no values."""


class TooLarge(NotLanded):
    """The sink will never take the delivery."""


class Sink(Protocol):
    """One per engine. Called by one thread at a time; may block."""

    #: Where that is, for people.
    place: str

    def write(self, rows: Sequence[Landed]) -> list[Exception | None]:
        """Lands the rows; for each None once it is safe, else why it is not there."""

    def write_counts(self, counts: Sequence[RequestCount]) -> None:
        """Adds rows to raw.webhook_requests. Raises what went wrong."""

    def close(self) -> None:
        """Lets go of what is open; everything written is safe already."""
