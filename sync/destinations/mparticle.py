"""mParticle: a contact's user attributes, and what a person decided as a custom event.

Facts from mParticle's HTTP API documentation and mparticle.events.oas.yaml. A 202 says only that
the call was taken, even where some of its batches fail: an outcome is `accepted`, never
`confirmed`. `/bulkevents/historical` is not forwarded to destinations, and `opt_out`, which stops
the collection of a person's data, concerns no channel: neither is used.
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

#: Who made the change, in the words by which our own events are known when they come back.
_MARK = "contact-sync"
# A request may be 256 KB.
_MOST_BYTES = 240_000


class MParticle(ProfileDestination):
    """Profiles behind one server-to-server input of mParticle."""

    name = "mparticle"
    title = "mParticle"
    # Other pods: MPARTICLE_BASE_URL=https://s2s.us2.mparticle.com, s2s.eu1, s2s.au1.
    host = "https://s2s.mparticle.com"
    variables: ClassVar[tuple[Variable, ...]] = (
        Variable(
            "MPARTICLE_API_KEY",
            "the key of a server-to-server (HTTP API) input",
            required=True,
            secret=True,
        ),
        Variable("MPARTICLE_API_SECRET", "the secret of that input", required=True, secret=True),
    )
    channels = frozenset({"email", "sms", "push"})
    # 270 batches a second. A call may hold 100 of them, of which only two fit into a second.
    calls_per_second = 3.0
    limits = (Limit(3, 1.0),)
    batch_size = 90
    release_batch_size = 90

    @classmethod
    def headers(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """Basic authentication: key and secret of the input."""
        pair = f"{settings['MPARTICLE_API_KEY']}:{settings['MPARTICLE_API_SECRET']}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    @classmethod
    def calls_for(cls, action: Action, reason: str, items: int, batch_size: int) -> int:
        """All go by the batch."""
        del action, reason
        return -(-items // batch_size)

    def probes(self, rows: Sequence[tuple[str, str]]) -> list[Request]:
        """A call that names nobody: the API has none that reads with an input's key."""
        del rows
        return [Request("POST", "/v2/bulkevents", json=[], sample=None)]

    def suppress(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Attributes that say refused, and the preference where it was the person's."""
        return self._send(items)

    def release(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Attributes that say that nothing suppresses any more, and nothing of a subscription."""
        return self._send(items)

    def subscribe(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Attributes that say subscribed, and the preference."""
        return self._send(items)

    def _send(self, items: Sequence[Item]) -> Iterator[Outcome]:
        for call in _by_size(items):
            body = [batch for _, batch in call]
            answer = self.api.call(Request("POST", "/v2/bulkevents", json=body))
            for item, _ in call:
                yield Outcome(item, "accepted", answer.status, None, answer.attempts)


def _by_size(items: Sequence[Item]) -> Iterator[list[tuple[Item, dict[str, Any]]]]:
    """Items with their batches, so many at a time that no body is too large."""
    call: list[tuple[Item, dict[str, Any]]] = []
    size = 0
    for item in items:
        batch = _batch(item)
        weight = len(json.dumps(batch)) + 1
        if call and size + weight > _MOST_BYTES:
            yield call
            call, size = [], 0
        call.append((item, batch))
        size += weight
    if call:
        yield call


def _batch(item: Item) -> dict[str, Any]:
    """One person's batch. Its id derives from the delta."""
    is_grant = item.action == "subscribe"
    event: dict[str, Any] = {}
    # A fault of the address is no preference of the person; what merely ended one is a release.
    is_refusal = item.action == "suppress" and is_consent(item.reason)
    if is_refusal or is_grant:
        at = item.event_timestamp or datetime.now(UTC).replace(tzinfo=None)
        attributes = {
            "channel": item.channel,
            "new_status": "subscribed" if is_grant else "unsubscribed",
            "source_of_change": _MARK,
            "timestamp": at.replace(tzinfo=UTC).isoformat(),
        }
        data = {
            "event_name": "Marketing Preference Updated",
            "custom_event_type": "user_preference",
            "source_message_id": item.delta_id,
            "timestamp_unixtime_ms": int(at.replace(tzinfo=UTC).timestamp() * 1000),
            "custom_attributes": attributes,
        }
        event = {"events": [{"event_type": "custom_event", "data": data}]}
    return {
        **event,
        "user_identities": {"customer_id": item.external_id},
        "user_attributes": traits_of(item),
        "environment": "production",
        "schema_version": 2,
        "source_request_id": item.delta_id,
    }
