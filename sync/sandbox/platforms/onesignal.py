"""OneSignal's subscriptions by token, in the shapes of its reference.

As at the real one: a change is answered 202, the app itself is shown to keys of the organization
only. Every token is a subscription unless said otherwise; changes by the API are not reported, and
what a device does not permit stays off, though enabling it is answered 202 as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sync.sandbox.platforms.base import Platform

_TYPES = {
    "Email",
    "SMS",
    "iOSPush",
    "AndroidPush",
    "HuaweiPush",
    "FireOSPush",
    "ChromePush",
    "ChromeExtensionPush",
    "FirefoxPush",
    "SafariPush",
    "SafariLegacyPush",
    "WindowsPush",
    "macOSPush",
}


class OneSignalSandbox(Platform):
    """One app."""

    name = "onesignal"
    key_variable = "ONESIGNAL_API_KEY"
    default_key = "sandbox-key"
    calls_per_second = 1000.0
    app = "5eb5a37e-0000-4000-8000-000000000001"

    def settings(self) -> dict[str, str]:
        """The app that the key is of."""
        return {"ONESIGNAL_APP_ID": self.app}

    def clear(self) -> None:
        """Every subscription is enabled again."""
        self._disabled: dict[str, set[str]] = {}
        self._unknown: set[str] = set()
        #: Subscriptions that the person switched off on the device.
        self._denied: set[str] = set()

    def routes(self) -> list[BaseRoute]:
        """The API."""
        path = "/apps/{app}/subscriptions_by_token/{type}/{token:path}"
        return [
            Route("/apps/{app}", self._app, methods=["GET"]),
            Route("/notifications", self._messages, methods=["GET"]),
            Route(path, self._change, methods=["PATCH"]),
        ]

    def accepts(self, request: Request, key: str) -> bool:
        """The app's key."""
        return request.headers.get("authorization") == f"Key {key}"

    def error(self, status: int, message: str) -> Response:
        """`{"errors": [...]}`; 429 says for how long."""
        headers = {"Retry-After": "1"} if status == 429 else None
        return JSONResponse({"errors": [message]}, status_code=status, headers=headers)

    def limit_headers(self, limit: int, remaining: int, reset: float) -> dict[str, str]:
        """None on an answer that was taken."""
        del limit, remaining, reset
        return {}

    def lists(self) -> dict[str, Any]:
        """The disabled subscriptions by kind."""
        return {kind: sorted(tokens) for kind, tokens in self._disabled.items() if tokens}

    def fill(self, lists: Mapping[str, Any]) -> None:
        """Disables subscriptions; `unknown` are none, `denied` are switched off on the device."""
        for kind, tokens in lists.items():
            if kind == "unknown":
                self._unknown.update(tokens)
            elif kind == "denied":
                self._denied.update(tokens)
            else:
                self._disabled.setdefault(kind, set()).update(tokens)

    def addresses_in(self, body: Any, path: str) -> list[str]:
        """The token that ends a path."""
        del body
        return [unquote(path.rsplit("/", 1)[-1])]

    async def _app(self, request: Request) -> Response:
        del request
        return self.error(403, "This needs an Organization API key.")

    async def _messages(self, request: Request) -> Response:
        if request.query_params.get("app_id") != self.app:
            return self.error(400, "app_id not found")
        return JSONResponse({"total_count": 0, "offset": 0, "limit": 1, "notifications": []})

    async def _change(self, request: Request) -> Response:
        kind, token = request.path_params["type"], request.path_params["token"]
        if request.path_params["app"] != self.app or kind not in _TYPES or token in self._unknown:
            return self.error(404, "subscription not found")
        change = (await request.json()).get("subscription", {})
        tokens = self._disabled.setdefault(kind, set())
        if change.get("enabled") is False and change.get("notification_types") == -31:
            tokens.add(token)
        elif change.get("enabled") is True and change.get("notification_types") == 1:
            if token not in self._denied:
                tokens.discard(token)
        else:
            return self.error(400, "enabled and notification_types contradict each other")
        return JSONResponse({}, status_code=202)
