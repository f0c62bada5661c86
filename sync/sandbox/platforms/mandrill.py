"""Mandrill's rejection denylist, in the shapes of Mailchimp's Transactional API.

As at the real one: the key is a member of the body, errors are HTTP 500 with a name, one address a
call, at most 1,000 entries in an answer and no pages; an entry of the account or of one
subaccount. A change by the API is reported by webhook.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sync.sandbox.platforms.base import Platform, Webhook

_EMAIL = re.compile(r"[^\s@,;<>()\[\]\"]+@[^\s@,;<>()\[\]\"]+\.[^\s@.,;<>()\[\]\"]+")
_MOST_ENTRIES = 1000
# The list of the account, beside those of subaccounts.
_ACCOUNT = "account"
_ERRORS = {401: (500, -1, "Invalid_Key"), 400: (500, -2, "ValidationError")}


class MandrillSandbox(Platform):
    """One account with the subaccount cust-123."""

    name = "mandrill"
    key_variable = "MANDRILL_API_KEY"
    default_key = "sandbox-key"

    def clear(self) -> None:
        """Empties the lists."""
        self._lists: dict[str, dict[str, dict[str, str]]] = {_ACCOUNT: {}, "cust-123": {}}
        self._allowed: set[str] = set()

    def routes(self) -> list[BaseRoute]:
        """The API."""
        path = "/api/1.0/rejects"
        return [
            Route(f"{path}/add", self._add, methods=["POST"]),
            Route(f"{path}/delete", self._delete, methods=["POST"]),
            Route(f"{path}/list", self._list, methods=["POST"]),
        ]

    def accepts(self, request: Request, key: str) -> bool:
        """The key of the body."""
        body = request.state.body
        return isinstance(body, dict) and body.get("key") == key

    def error(self, status: int, message: str) -> Response:
        """`{"status": "error", "code": n, "name": ..., "message": ...}`."""
        answered, code, name = _ERRORS.get(status, (status, -99, "GeneralError"))
        return _error(answered, code, name, message)

    def limit_headers(self, limit: int, remaining: int, reset: float) -> dict[str, str]:
        """None are documented."""
        del limit, remaining, reset
        return {}

    def lists(self) -> dict[str, Any]:
        """The addresses of every list."""
        return {name: sorted(entries) for name, entries in self._lists.items()}

    def fill(self, lists: Mapping[str, Any]) -> None:
        """Adds addresses, to `allowlist` as well; an entry may be [address, reason, at]."""
        for name, entries in lists.items():
            if name == "allowlist":
                self._allowed.update(entries)
                continue
            for entry in entries:
                given: list[str] = [entry] if isinstance(entry, str) else list(entry)
                address, reason, at = (*given, *("", "custom", _now())[len(given) :])
                self._lists.setdefault(name, {})[address] = {"reason": reason, "at": at}

    def addresses_in(self, body: Any, path: str) -> list[str]:
        """The one of the body."""
        del path
        return [str(body.get("email"))] if isinstance(body, dict) else []

    async def _add(self, request: Request) -> Response:
        name, email, fault = self._named(request)
        if fault is not None:
            return fault
        if email in self._allowed:
            return JSONResponse({"email": email, "added": False})
        entries = self._lists[name]
        if email not in entries:
            entries[email] = {"reason": "custom", "at": _now()}
            self._report("add", name, email, entries[email])
        return JSONResponse({"email": email, "added": True})

    async def _delete(self, request: Request) -> Response:
        name, email, fault = self._named(request)
        if fault is not None:
            return fault
        entry = self._lists[name].pop(email, None)
        if entry is None:
            text = "The requested email is not in the rejection list"
            return _error(500, 12, "Invalid_Reject", text)
        self._report("remove", name, email, entry)
        subaccount = None if name == _ACCOUNT else name
        return JSONResponse({"email": email, "deleted": True, "subaccount": subaccount})

    async def _list(self, request: Request) -> Response:
        body = request.state.body
        only, email = body.get("subaccount"), body.get("email")
        if only and only not in self._lists:
            return _unknown(only)
        rows = [
            _row(name, address, entry)
            for name, entries in self._lists.items()
            if not only or name == only
            for address, entry in sorted(entries.items())
            if not email or address == email
        ]
        return JSONResponse(rows[:_MOST_ENTRIES])

    def _named(self, request: Request) -> tuple[str, str, Response | None]:
        """The list and the address that a call names, and what is wrong with it."""
        body = request.state.body
        name, email = str(body.get("subaccount") or _ACCOUNT), str(body.get("email", ""))
        if name not in self._lists:
            return name, email, _unknown(name)
        if not _EMAIL.fullmatch(email):
            text = 'You must specify a valid email: {"email":"An email address must contain @"}'
            return name, email, _error(500, -2, "ValidationError", text)
        return name, email, None

    def _report(self, action: str, name: str, email: str, entry: Mapping[str, str]) -> None:
        event = {
            "type": "blacklist",
            "action": action,
            "ts": int(datetime.now(UTC).timestamp()),
            "reject": _row(name, email, entry),
        }
        form = urlencode({"mandrill_events": json.dumps([event])})
        self.webhooks.append(Webhook("mandrill", form))


def _row(name: str, address: str, entry: Mapping[str, str]) -> dict[str, Any]:
    return {
        "email": address,
        "reason": entry["reason"],
        "detail": "",
        "created_at": entry["at"],
        "last_event_at": entry["at"],
        "expires_at": None,
        "expired": False,
        "subaccount": None if name == _ACCOUNT else name,
        "sender": None,
    }


def _unknown(name: str) -> Response:
    return _error(500, 12, "Unknown_Subaccount", f"No subaccount exists with the id '{name}'")


def _error(status: int, code: int, name: str, message: str) -> Response:
    body = {"status": "error", "code": code, "name": name, "message": message}
    return JSONResponse(body, status_code=status)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
