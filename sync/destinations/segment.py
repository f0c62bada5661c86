"""Segment: a contact's traits by `identify`, and what a person decided as a `track`.

Facts from Segment's HTTP API documentation (segment-docs, connections/sources/catalog/libraries/
server/http-api). Twilio Engage reads the same traits; its own subscriptions ended on 2025-12-15.
A 200 says only that the call was taken: an outcome is `accepted`, never `confirmed`. Regulations
with deletion, which destroy a person's data, are not implemented here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from sync.destinations.base import (
    Action,
    Item,
    Limit,
    Outcome,
    ProfileDestination,
    Request,
    Variable,
    is_consent,
    traits_of,
)

#: Who made the change, in the words by which our own calls are known when they come back.
_MARK = "contact-sync"
# A batch may be 500 KB; one over 2,500 calls is answered 200 and dropped.
_MOST_BYTES = 450_000
# A call may be 32 KB; a larger one is answered 200 and dropped. Traits may have this much of it.
_MOST_BYTES_OF_TRAITS = 30_000


class Segment(ProfileDestination):
    """Profiles behind one Segment source."""

    name = "segment"
    title = "Segment"
    # In the EU: SEGMENT_BASE_URL=https://events.eu1.segmentapis.com (else 200, and lost).
    host = "https://api.segment.io"
    variables: ClassVar[tuple[Variable, ...]] = (
        Variable(
            "SEGMENT_WRITE_KEY",
            "the write key of an HTTP API source",
            required=True,
            secret=True,
        ),
    )
    channels = frozenset({"email", "sms", "push"})
    # 1,000 a second and workspace.
    calls_per_second = 1000.0
    limits = (Limit(1_000, 1.0),)
    # Two calls per item: well under 2,500 calls and, as a rule, under 500 KB.
    batch_size = 500
    release_batch_size = 500

    @classmethod
    def headers(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """Basic authentication: the write key and no password."""
        token = base64.b64encode(f"{settings['SEGMENT_WRITE_KEY']}:".encode()).decode()
        return {"Authorization": f"Basic {token}"}

    @classmethod
    def calls_for(cls, action: Action, reason: str, items: int, batch_size: int) -> int:
        """All go by the batch."""
        del action, reason
        return -(-items // batch_size)

    def probes(self, rows: Sequence[tuple[str, str]]) -> list[Request]:
        """A batch that names nobody: Segment has no call that reads with a write key."""
        del rows
        return [Request("POST", "/v1/batch", json={"batch": []}, sample={"success": True})]

    def refusal(self, item: Item) -> str | None:
        """Also what Segment would drop without a word."""
        refusal = super().refusal(item)
        if refusal is None and len((item.traits or "").encode()) > _MOST_BYTES_OF_TRAITS:
            return "the traits are larger than Segment takes (32 KB a call)"
        return refusal

    def suppress(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Traits that say refused, and the preference where it was the person's."""
        return self._send(items)

    def release(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Traits that say that nothing suppresses any more, and nothing of a subscription."""
        return self._send(items)

    def subscribe(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Traits that say subscribed, and the preference."""
        return self._send(items)

    def _send(self, items: Sequence[Item]) -> Iterator[Outcome]:
        for batch in _by_size(items):
            calls = [call for _, of_item in batch for call in of_item]
            answer = self.api.call(Request("POST", "/v1/batch", json={"batch": calls}))
            for item, _ in batch:
                yield Outcome(item, "accepted", answer.status, None, answer.attempts)


def _by_size(items: Sequence[Item]) -> Iterator[list[tuple[Item, list[dict[str, Any]]]]]:
    """Items with their calls, so many at a time that no body is too large."""
    batch: list[tuple[Item, list[dict[str, Any]]]] = []
    size = 0
    for item in items:
        calls = list(_calls(item))
        weight = len(json.dumps(calls))
        if batch and size + weight > _MOST_BYTES:
            yield batch
            batch, size = [], 0
        batch.append((item, calls))
        size += weight
    if batch:
        yield batch


def _calls(item: Item) -> Iterator[dict[str, Any]]:
    """The calls of an item. Their ids derive from the delta: Segment drops what it had before."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    common = {"userId": item.external_id, "context": {"source_of_change": _MARK}, "timestamp": now}
    yield {
        "type": "identify",
        "messageId": f"{item.delta_id}-identify",
        "traits": traits_of(item),
        **common,
    }
    is_grant = item.action == "subscribe"
    # A fault of the address is no preference of the person; what merely ended one is a release.
    is_refusal = item.action == "suppress" and is_consent(item.reason)
    if is_refusal or is_grant:
        at = item.event_timestamp
        yield {
            "type": "track",
            "event": "Marketing Preference Updated",
            "messageId": f"{item.delta_id}-track",
            "properties": {
                "channel": item.channel,
                "new_status": "subscribed" if is_grant else "unsubscribed",
                "source_of_change": _MARK,
                "timestamp": now if at is None else at.replace(tzinfo=UTC).isoformat(),
            },
            **common,
        }
