"""Twilio's consents of a sender, in the shapes of its OpenAPI document accounts_v1.

As at the real one: 201 whatever became of the items, no list that can be read, an opt-out from a US
toll-free number that an opt-in does not lift, and no report of a change by the API.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sync.sandbox.platforms.base import Platform

_MOST_ITEMS = 25
_SERVICE = re.compile(r"MG[0-9a-f]{32}")
_TOLL_FREE = re.compile(r"\+18(?:00|33|44|55|66|77|88)\d{7}")
_PATTERNS = {
    "contact_id": ("INVALID_CONTACT_ID", re.compile(r"\+[1-9]\d{6,14}")),
    "correlation_id": ("INVALID_CORRELATION_ID", re.compile(r"[0-9a-f]{32}")),
    "sender_id": ("INVALID_SENDER_ID", re.compile(r"MG[0-9a-f]{32}|\+\d{7,15}")),
    "status": ("INVALID_STATUS", re.compile(r"opt-in|opt-out")),
    "source": (
        "INVALID_SOURCE",
        re.compile(r"website|offline|opt-in-message|opt-out-message|others"),
    ),
}


class TwilioSandbox(Platform):
    """One account."""

    name = "twilio"
    key_variable = "TWILIO_AUTH_TOKEN"
    default_key = "sandbox-token"
    calls_per_second = 100 / 60
    account = "AC00000000000000000000000000000001"

    def settings(self) -> dict[str, str]:
        """The account that the token is of."""
        return {"TWILIO_ACCOUNT_SID": self.account}

    def clear(self) -> None:
        """Forgets all consents."""
        self._opted_out: dict[str, set[str]] = {}

    def routes(self) -> list[BaseRoute]:
        """The API."""
        return [
            Route("/v1/Consents/Bulk", self._bulk, methods=["POST"]),
            Route("/2010-04-01/Accounts/{account}.json", self._account, methods=["GET"]),
            Route("/v1/Services/{service}", self._service, methods=["GET"]),
        ]

    def accepts(self, request: Request, key: str) -> bool:
        """Basic authentication by the token."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            found = base64.b64decode(token).decode()
        except ValueError:
            return False
        return kind == "Basic" and found.partition(":")[2] == key

    def error(self, status: int, message: str) -> Response:
        """`{"code": n, "message": ..., "status": n}`."""
        body = {"code": 20000 + status, "message": message, "status": status}
        return JSONResponse(body, status_code=status)

    def limit_headers(self, limit: int, remaining: int, reset: float) -> dict[str, str]:
        """None are documented."""
        del limit, remaining, reset
        return {}

    def lists(self) -> dict[str, Any]:
        """The numbers that opted out of each sender."""
        return {sender: sorted(numbers) for sender, numbers in self._opted_out.items() if numbers}

    def fill(self, lists: Mapping[str, Any]) -> None:
        """Opts numbers out."""
        for sender, numbers in lists.items():
            self._opted_out.setdefault(sender, set()).update(numbers)

    def addresses_in(self, body: Any, path: str) -> list[str]:
        """The numbers of a form."""
        del path
        return [
            item.get("contact_id", "") for item in _items(body if isinstance(body, str) else "")
        ]

    async def _account(self, request: Request) -> Response:
        return JSONResponse({"sid": request.path_params["account"], "status": "active"})

    async def _service(self, request: Request) -> Response:
        service = request.path_params["service"]
        if not _SERVICE.fullmatch(service):
            return self.error(404, "the requested resource was not found")
        return JSONResponse({"sid": service, "friendly_name": "Sandbox"})

    async def _bulk(self, request: Request) -> Response:
        items = _items((await request.body()).decode())
        if not items or len(items) > _MOST_ITEMS:
            return self.error(400, f"Items must be 1 to {_MOST_ITEMS}")
        return JSONResponse({"items": [self._take(item) for item in items]}, status_code=201)

    def _take(self, item: Mapping[str, str]) -> dict[str, Any]:
        faults = [
            fault
            for name, (fault, pattern) in _PATTERNS.items()
            if not pattern.fullmatch(item.get(name, ""))
        ]
        if "date_of_consent" in item and not _is_past(item["date_of_consent"]):
            faults.append("INVALID_DATE_OF_CONSENT")
        if not faults:
            numbers = self._opted_out.setdefault(item["sender_id"], set())
            if item["status"] == "opt-out":
                numbers.add(item["contact_id"])
            elif not _TOLL_FREE.fullmatch(item["sender_id"]):
                numbers.discard(item["contact_id"])
        return {
            "correlation_id": item.get("correlation_id"),
            "error_code": 30646 if faults else 0,
            "error_messages": faults,
        }


def _items(form: str) -> list[dict[str, str]]:
    """The objects of a form's Items."""
    return [json.loads(item) for item in parse_qs(form).get("Items", [])]


def _is_past(date: str) -> bool:
    try:
        at = datetime.fromisoformat(date)
    except ValueError:
        return False
    return (at if at.tzinfo else at.replace(tzinfo=UTC)) <= datetime.now(UTC)
