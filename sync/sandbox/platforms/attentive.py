"""Attentive's subscriptions, in the shapes of its OpenAPI document.

As at the real one: unsubscribing from texts (and opting in again) sends a message each time it is
asked for, no subscriptions means all of them, and an act is reported by webhook. Everybody is on
the marketing list unless said otherwise, and on the other lists only if said so.
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
_OTHERS = ("CHECKOUT_ABANDONED", "TRANSACTIONAL")


class AttentiveSandbox(Platform):
    """One company."""

    name = "attentive"
    key_variable = "ATTENTIVE_API_KEY"
    default_key = "sandbox-key"
    # 5 unsubscribes a second, each looked up first.
    calls_per_second = 10.0

    def clear(self) -> None:
        """Everybody is a subscriber again."""
        self._unsubscribed: dict[str, set[str]] = {"TEXT": set(), "EMAIL": set()}
        #: Who is on the lists besides marketing.
        self._others: dict[str, set[str]] = {kind: set() for kind in _OTHERS}
        self._unknown: set[str] = set()
        #: The texts that persons got about a change.
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
        """Who is unsubscribed, on other lists, told so by a text, or no subscriber at all."""
        return {
            "TEXT": sorted(self._unsubscribed["TEXT"]),
            "EMAIL": sorted(self._unsubscribed["EMAIL"]),
            "subscribed": {kind: sorted(people) for kind, people in self._others.items()},
            "texts": list(self._texts),
            "unknown": sorted(self._unknown),
        }

    def fill(self, lists: Mapping[str, Any]) -> None:
        """Unsubscribes people without a text."""
        for channel in _KEYS:
            self._unsubscribed[channel].update(lists.get(channel, []))
        for kind, people in self._others.items():
            people.update(lists.get("subscribed", {}).get(kind, []))
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
        rows: list[dict[str, Any]] = []
        for channel, key in _KEYS.items():
            address = request.query_params.get(key)
            if address in self._unknown:
                return self.error(404, "subscriber not found")
            if address:
                rows += [
                    {
                        "subscription": {"type": kind, "channel": channel},
                        "eligibility": {"isEligible": is_on},
                    }
                    for kind, is_on in self._state(channel, address).items()
                ]
        return JSONResponse({"subscriptionEligibilities": rows})

    def _state(self, channel: str, address: str) -> dict[str, bool]:
        """Each subscription that is known of an address, and whether it is on."""
        others = {kind: True for kind in _OTHERS if address in self._others[kind]}
        return {"MARKETING": address not in self._unsubscribed[channel], **others}

    async def _unsubscribe(self, request: Request) -> Response:
        body = await request.json()
        wanted = body.get("subscriptions") or [
            {"type": kind, "channel": channel}
            for channel, key in _KEYS.items()
            if body["user"].get(key)
            for kind in self._state(channel, body["user"][key])
        ]
        rows = []
        for one in wanted:
            address = body["user"].get(_KEYS[one["channel"]])
            if address is None:
                return self.error(400, "the user has no address on this channel")
            is_new = self._leave(one["type"], one["channel"], address)
            status = "NEWLY_UNSUBSCRIBED" if is_new else "PREVIOUSLY_UNSUBSCRIBED"
            rows.append({"subscription": one, "subscriptionUnsubscribeStatus": status})
        return JSONResponse({"user": body["user"], "subscriptionResponses": rows}, 202)

    def _leave(self, kind: str, channel: str, address: str) -> bool:
        """Whether the person was on the list until now."""
        is_new = self._state(channel, address).get(kind, False)
        if kind == "MARKETING":
            self._unsubscribed[channel].add(address)
        else:
            self._others[kind].discard(address)
        if channel == "TEXT":
            self._texts.append(address)
        if is_new:
            self._report("unsubscribed", kind, channel, address)
        return is_new

    async def _subscribe(self, request: Request) -> Response:
        body = await request.json()
        if not body.get("signUpSourceId"):
            return self.error(400, "signUpSourceId is required")
        rows = []
        for channel, key in _KEYS.items():
            address = body["user"].get(key)
            if address:
                is_new = address in self._unsubscribed[channel] | self._unknown
                self._unsubscribed[channel].discard(address)
                self._unknown.discard(address)
                if channel == "TEXT":
                    self._texts.append(address)
                if is_new:
                    self._report("subscribed", "MARKETING", channel, address)
                one = {"type": "MARKETING", "channel": channel}
                status = "NEWLY_CREATED" if is_new else "PREVIOUSLY_CREATED"
                rows.append({"subscription": one, "subscriptionCreationStatus": status})
        return JSONResponse({"user": body["user"], "subscriptionResponses": rows}, 202)

    def _report(self, act: str, list_type: str, channel: str, address: str) -> None:
        kind = "sms" if channel == "TEXT" else "email"
        body = {
            "type": f"{kind}.{act}",
            "timestamp": int(time.time() * 1000),
            "company": {"display_name": "Sandbox", "company_id": "MDc6Q29tcGFueTE"},
            "subscriber": {_KEYS[channel]: address},
            "subscription": {"type": list_type},
        }
        self.webhooks.append(Webhook("attentive", body))
