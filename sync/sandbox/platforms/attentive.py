"""Attentive's subscriptions, in the shapes of its OpenAPI document.

As at the real one: unsubscribing from texts sends a message each time it is asked for, and an act
is reported by webhook. Everybody is a subscriber unless said otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sync.sandbox.platforms.base import Platform, Webhook

_KEYS = {"TEXT": "phone", "EMAIL": "email"}


class AttentiveSandbox(Platform):
    """One company."""

    name = "attentive"
    key_variable = "ATTENTIVE_API_KEY"
    default_key = "sandbox-key"
    calls_per_second = 10.0

    def clear(self) -> None:
        """Everybody is a subscriber again."""
        self._unsubscribed: dict[str, set[str]] = {"TEXT": set(), "EMAIL": set()}
        self._unknown: set[str] = set()
        #: The texts that persons got about being unsubscribed.
        self._texts: list[str] = []

    def routes(self) -> list[BaseRoute]:
        """The API."""
        return [
            Route("/v1/me", self._me, methods=["GET"]),
            Route("/v1/subscriptions", self._get, methods=["GET"]),
            Route("/v1/subscriptions", self._subscribe, methods=["POST"]),
            Route("/v1/subscriptions/unsubscribe", self._unsubscribe, methods=["POST"]),
        ]

    def accepts(self, request: Request, key: str) -> bool:
        """Bearer authentication."""
        return request.headers.get("authorization") == f"Bearer {key}"

    def error(self, status: int, message: str) -> Response:
        """`{"code": ..., "message": ...}`."""
        return JSONResponse({"code": "error", "message": message}, status_code=status)

    def limit_headers(self, limit: int, remaining: int, reset: float) -> dict[str, str]:
        """x-ratelimit-*, per second."""
        del reset
        return {"x-ratelimit-limit": str(limit), "x-ratelimit-remaining": str(remaining)}

    def lists(self) -> dict[str, Any]:
        """Who is unsubscribed, who got a text about it, and who is no subscriber at all."""
        return {
            "TEXT": sorted(self._unsubscribed["TEXT"]),
            "EMAIL": sorted(self._unsubscribed["EMAIL"]),
            "texts": list(self._texts),
            "unknown": sorted(self._unknown),
        }

    def fill(self, lists: Mapping[str, Any]) -> None:
        """Unsubscribes people without a text."""
        for channel in _KEYS:
            self._unsubscribed[channel].update(lists.get(channel, []))
        self._unknown.update(lists.get("unknown", []))
        self._texts += lists.get("texts", [])

    def addresses_in(self, body: Any, path: str) -> list[str]:
        """The user of a body."""
        del path
        user = body.get("user") if isinstance(body, dict) else None
        return [str(value) for value in (user or {}).values()]

    async def _me(self, _: Request) -> Response:
        return JSONResponse({"applicationName": "sandbox", "companyName": "Sandbox"})

    async def _get(self, request: Request) -> Response:
        rows = []
        for channel, key in _KEYS.items():
            address = request.query_params.get(key)
            if address in self._unknown:
                return self.error(404, "subscriber not found")
            if address:
                is_on = address not in self._unsubscribed[channel]
                rows.append(
                    {
                        "subscription": {"type": "MARKETING", "channel": channel},
                        "eligibility": {"isEligible": is_on},
                    }
                )
        return JSONResponse({"subscriptionEligibilities": rows})

    async def _unsubscribe(self, request: Request) -> Response:
        body = await request.json()
        rows = []
        for subscription in body.get("subscriptions") or []:
            channel = subscription["channel"]
            address = body["user"].get(_KEYS[channel])
            if address is None:
                return self.error(400, "the user has no address on this channel")
            off = self._unsubscribed[channel]
            status = "PREVIOUSLY_UNSUBSCRIBED" if address in off else "NEWLY_UNSUBSCRIBED"
            if channel == "TEXT":
                self._texts.append(address)
            if address not in off:
                self._report("unsubscribed", channel, address)
            off.add(address)
            rows.append(
                {"subscription": subscription, "subscriptionUnsubscribeStatus": status},
            )
        return JSONResponse({"user": body["user"], "subscriptionResponses": rows}, 202)

    async def _subscribe(self, request: Request) -> Response:
        body = await request.json()
        if not body.get("signUpSourceId"):
            return self.error(400, "signUpSourceId is required")
        for channel, key in _KEYS.items():
            address = body["user"].get(key)
            if address in self._unsubscribed[channel]:
                self._unsubscribed[channel].discard(address)
                self._report("subscribed", channel, address)
        return JSONResponse({"user": body["user"], "subscriptionResponses": []}, 202)

    def _report(self, act: str, channel: str, address: str) -> None:
        kind = "sms" if channel == "TEXT" else "email"
        body = {
            "type": f"{kind}.{act}",
            "timestamp": int(time.time() * 1000),
            "company": {"display_name": "Sandbox", "company_id": "MDc6Q29tcGFueTE"},
            "subscriber": {_KEYS[channel]: address},
            "subscription": {"type": "MARKETING"},
        }
        self.webhooks.append(Webhook("attentive", body))
