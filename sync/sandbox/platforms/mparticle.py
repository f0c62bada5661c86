"""mParticle's events API: attributes by customer_id, in the shapes of mparticle.events.oas.yaml.

As at the real one: 202 says that the call was taken, and what was taken is forwarded batch by
batch.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sync.sandbox.platforms.base import Platform, Webhook
from sync.sandbox.platforms.segment import is_refused

_MOST_BYTES = 256_000
_MOST_BATCHES = 100


class MParticleSandbox(Platform):
    """One input of a workspace."""

    name = "mparticle"
    key_variable = "MPARTICLE_API_KEY"
    default_key = "sandbox-key"
    calls_per_second = 2.7
    secret = "sandbox-secret"

    def settings(self) -> dict[str, str]:
        """The secret that goes with the key."""
        return {"MPARTICLE_API_SECRET": self.secret}

    def clear(self) -> None:
        """Forgets all profiles."""
        self._attributes: dict[str, dict[str, Any]] = {}

    def routes(self) -> list[BaseRoute]:
        """The API."""
        return [Route("/v2/bulkevents", self._bulk, methods=["POST"])]

    def accepts(self, request: Request, key: str) -> bool:
        """Basic authentication by the key; the sandbox takes any secret."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            found = base64.b64decode(token).decode()
        except ValueError:
            return False
        return kind == "Basic" and found.partition(":")[0] == key

    def error(self, status: int, message: str) -> Response:
        """`{"errors": [{code, message}]}`."""
        body = {"errors": [{"code": "BAD_REQUEST", "message": message}]}
        return JSONResponse(body, status_code=status)

    def limit_headers(self, limit: int, remaining: int, reset: float) -> dict[str, str]:
        """How much of the limit is used, as on answers that were taken."""
        del reset
        used = 100 - 100 * min(remaining, limit) // limit
        return {"X-mp-rate-limit-percentage-used": str(used)}

    def lists(self) -> dict[str, Any]:
        """Customers whose attributes refuse some channel, and every attribute."""
        found = self._attributes
        return {
            "suppressed": sorted(user for user in found if is_refused(found[user])),
            "attributes": {user: [dict(found[user])] for user in sorted(found)},
        }

    def fill(self, lists: Mapping[str, Any]) -> None:
        """Takes attributes in the shape of lists()."""
        for user, rows in lists.get("attributes", {}).items():
            for attributes in rows:
                self._attributes.setdefault(user, {}).update(attributes)

    def addresses_in(self, body: Any, path: str) -> list[str]:
        """The customers of a call."""
        del path
        batches = body if isinstance(body, list) else []
        return [
            str(batch.get("user_identities", {}).get("customer_id"))
            for batch in batches
            if isinstance(batch, dict)
        ]

    async def _bulk(self, request: Request) -> Response:
        if len(await request.body()) > _MOST_BYTES:
            return self.error(400, "request is larger than 256 KB")
        try:
            batches = await request.json()
        except ValueError:
            return self.error(400, "invalid JSON")
        if not isinstance(batches, list) or len(batches) > _MOST_BATCHES:
            return self.error(400, f"expected a list of at most {_MOST_BATCHES} batches")
        for batch in batches:
            user = batch.get("user_identities", {}).get("customer_id")
            if batch.get("environment") in ("production", "development") and user:
                self._attributes.setdefault(str(user), {}).update(batch.get("user_attributes", {}))
                self.webhooks.append(Webhook("mparticle", _forwarded(batch)))
        return Response(status_code=202)


def _forwarded(batch: Mapping[str, Any]) -> dict[str, Any]:
    """A batch as it is forwarded: identities as a list, an instant, and ids of its own."""
    identities = [
        {"identity_type": kind, "identity": value}
        for kind, value in batch["user_identities"].items()
    ]
    return {
        "events": [],
        **batch,
        "message_type": "events",
        "timestamp_unixtime_ms": int(time.time() * 1000),
        "user_identities": identities,
        "batch_id": batch["source_request_id"],
        "mpid": "1",
    }
