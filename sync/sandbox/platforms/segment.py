"""Segment's tracking API: profiles by userId, in the shapes of its HTTP API documentation.

As at the real one: everything that can be read is answered 200, a batch of over 2,500 calls and a
call without a user are dropped without a word, and what is taken goes on to the webhook.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sync.sandbox.platforms.base import Platform, Webhook

_MOST_BYTES = 500_000
_MOST_CALLS = 2500
_MOST_BYTES_OF_A_CALL = 32_000


def is_refused(traits: Mapping[str, Any]) -> bool:
    """Whether a profile says on some channel that it must not be contacted."""
    return any(
        (name.endswith(("_subscribed_status", "_notification_enabled")) and value is False)
        or (name.endswith("_suppressed") and value is True)
        for name, value in traits.items()
    )


class SegmentSandbox(Platform):
    """One source of a workspace."""

    name = "segment"
    key_variable = "SEGMENT_WRITE_KEY"
    default_key = "sandbox-write-key"
    calls_per_second = 1000.0

    def clear(self) -> None:
        """Forgets all profiles."""
        self._traits: dict[str, dict[str, Any]] = {}
        self._message_ids: set[str] = set()
        self._tracks: list[dict[str, Any]] = []

    def routes(self) -> list[BaseRoute]:
        """The API."""
        return [Route("/v1/batch", self._batch, methods=["POST"])]

    def accepts(self, request: Request, key: str) -> bool:
        """Basic authentication: the write key and no password."""
        token = base64.b64encode(f"{key}:".encode()).decode()
        return request.headers.get("authorization") == f"Basic {token}"

    def error(self, status: int, message: str) -> Response:
        """`{"success": false, "message": ...}`."""
        return JSONResponse({"success": False, "message": message}, status_code=status)

    def limit_headers(self, limit: int, remaining: int, reset: float) -> dict[str, str]:
        """None on an answer that was taken."""
        del limit, remaining, reset
        return {}

    def lists(self) -> dict[str, Any]:
        """Users whose traits refuse some channel, and every trait and track."""
        return {
            "suppressed": sorted(u for u, traits in self._traits.items() if is_refused(traits)),
            "traits": {user: [dict(traits)] for user, traits in sorted(self._traits.items())},
            "tracks": list(self._tracks),
        }

    def fill(self, lists: Mapping[str, Any]) -> None:
        """Takes traits in the shape of lists()."""
        for user, rows in lists.get("traits", {}).items():
            for traits in rows:
                self._traits.setdefault(user, {}).update(traits)
        self._tracks += lists.get("tracks", [])

    def addresses_in(self, body: Any, path: str) -> list[str]:
        """The users of a batch."""
        del path
        calls = body.get("batch") if isinstance(body, dict) else None
        return [str(call.get("userId")) for call in calls or [] if isinstance(call, dict)]

    async def _batch(self, request: Request) -> Response:
        if len(await request.body()) > _MOST_BYTES:
            return self.error(400, "batch request payload too large")
        try:
            body = await request.json()
        except ValueError:
            return self.error(400, "invalid JSON")
        calls = body.get("batch") if isinstance(body, dict) else None
        if not isinstance(calls, list):
            return self.error(400, "batch is required")
        if len(calls) <= _MOST_CALLS:
            for call in calls:
                self._take(call)
        return JSONResponse({"success": True})

    def _take(self, call: Any) -> None:
        if not isinstance(call, dict) or not (call.get("userId") or call.get("anonymousId")):
            return
        message = str(call.get("messageId", ""))
        if len(json.dumps(call)) > _MOST_BYTES_OF_A_CALL or message in self._message_ids:
            return
        self._message_ids.add(message)
        user = str(call["userId"])
        if call.get("type") == "identify":
            self._traits.setdefault(user, {}).update(call.get("traits", {}))
        elif call.get("type") == "track":
            self._tracks.append({"userId": user, **call.get("properties", {})})
        self.webhooks.append(Webhook("segment", {**call, "receivedAt": call.get("timestamp")}))
