"""Brevo's contacts with their flags, and its blocklist of transactional emails, by its API v3.

As at the real one: a flag does not say who set it, a contact that does not exist is no error of a
POST and a 404 of a PUT, numbers are shown without a plus, and opt-outs are shown for 90 days.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sync.sandbox.platforms.base import Platform

_EMAIL = re.compile(r"[^\s@,;<>()\[\]\"]+@[^\s@,;<>()\[\]\"]+\.[^\s@.,;<>()\[\]\"]+")
_FLAGS = {"email": "emailBlacklisted", "sms": "smsBlacklisted"}
_CODES = {400: "invalid_parameter", 401: "unauthorized", 404: "document_not_found"}


class BrevoSandbox(Platform):
    """One account. Here a contact has one address, of email or of SMS."""

    name = "brevo"
    key_variable = "BREVO_API_KEY"
    default_key = "sandbox-key"

    def clear(self) -> None:
        """Deletes all contacts."""
        self._contacts: dict[str, dict[str, dict[str, Any]]] = {"email": {}, "sms": {}}
        self._blocked: dict[str, dict[str, Any]] = {}

    def routes(self) -> list[BaseRoute]:
        """The API."""
        one = "/v3/contacts/{contact}"
        return [
            Route("/v3/contacts", self._create, methods=["POST"]),
            Route("/v3/contacts", self._list, methods=["GET"]),
            Route(one, self._get, methods=["GET"]),
            Route(one, self._update, methods=["PUT"]),
            Route("/v3/smtp/blockedContacts", self._list_blocked, methods=["GET"]),
        ]

    def accepts(self, request: Request, key: str) -> bool:
        """The key's header."""
        return request.headers.get("api-key") == key

    def error(self, status: int, message: str) -> Response:
        """`{"code": ..., "message": ...}`."""
        body = {"code": _CODES.get(status, "bad_request"), "message": message}
        return JSONResponse(body, status_code=status)

    def limit_headers(self, limit: int, remaining: int, reset: float) -> dict[str, str]:
        """In seconds."""
        left = max(reset - datetime.now(UTC).timestamp(), 0.0)
        return {
            "x-sib-ratelimit-limit": str(limit),
            "x-sib-ratelimit-remaining": str(remaining),
            "x-sib-ratelimit-reset": f"{left:.3f}",
        }

    def lists(self) -> dict[str, Any]:
        """The addresses whose flag is set, and those blocked for transactional emails."""
        found: dict[str, Any] = {
            channel: sorted(address for address, one in contacts.items() if one["is_on"])
            for channel, contacts in self._contacts.items()
        }
        if self._blocked:
            found["transactional"] = sorted(self._blocked)
        return found

    def fill(self, lists: Mapping[str, Any]) -> None:
        """Sets flags; an entry of email may be [address, unsubscribed at, complained at].

        `transactional`: [address, reason, sender, at].
        """
        for name, entries in lists.items():
            for entry in entries:
                given: list[str] = [entry] if isinstance(entry, str) else list(entry)
                if name == "transactional":
                    address, code, sender, at = given
                    self._blocked[address] = {"code": code, "sender": sender, "at": at}
                    continue
                address, left, complained = (*given, *("", "", "")[len(given) :])
                contact = {"is_on": True, "left": left, "complained": complained}
                self._contacts[name][address] = contact

    def addresses_in(self, body: Any, path: str) -> list[str]:
        """The one that ends a path, or that of the body."""
        if not isinstance(body, dict):
            return [path.rsplit("/", 1)[-1]]
        attributes = body.get("attributes") or {}
        return [path.rsplit("/", 1)[-1], str(body.get("email") or attributes.get("SMS"))]

    def _find(self, request: Request) -> tuple[str, str]:
        kind = request.query_params.get("identifierType", "email_id")
        return "sms" if kind == "phone_id" else "email", request.path_params["contact"]

    async def _create(self, request: Request) -> Response:
        body = await request.json()
        email, number = body.get("email"), (body.get("attributes") or {}).get("SMS")
        channel, address = ("email", email) if email else ("sms", str(number))
        if channel == "email" and not _EMAIL.fullmatch(str(address)):
            return self.error(400, "Invalid email address")
        contacts = self._contacts[channel]
        if address in contacts and not body.get("updateEnabled"):
            text = "Unable to create contact, email is already associated with another Contact"
            return JSONResponse({"code": "duplicate_parameter", "message": text}, 400)
        is_new = address not in contacts
        contact = contacts.setdefault(address, {"is_on": False, "left": "", "complained": ""})
        contact["is_on"] = bool(body.get(_FLAGS[channel], contact["is_on"]))
        if is_new:
            return JSONResponse({"id": len(contacts)}, status_code=201)
        return Response(status_code=204)

    async def _get(self, request: Request) -> Response:
        channel, address = self._find(request)
        contact = self._contacts[channel].get(address)
        if contact is None:
            return self.error(404, "Contact does not exist")
        statistics: dict[str, Any] = {"messagesSent": []}
        if contact["left"]:
            left = {"campaignId": 1, "eventTime": contact["left"], "ip": "203.0.113.4"}
            own = {"userUnsubscription": [left], "adminUnsubscription": []}
            statistics["unsubscriptions"] = own
        if contact["complained"]:
            statistics["complaints"] = [{"campaignId": 1, "eventTime": contact["complained"]}]
        return JSONResponse({**_row(channel, address, contact), "statistics": statistics})

    async def _update(self, request: Request) -> Response:
        channel, address = self._find(request)
        contact = self._contacts[channel].get(address)
        if contact is None:
            return self.error(404, "Contact does not exist")
        body = await request.json()
        contact["is_on"] = bool(body.get(_FLAGS[channel], contact["is_on"]))
        return Response(status_code=204)

    async def _list(self, request: Request) -> Response:
        rows = [
            _row(channel, address, contact)
            for channel, contacts in self._contacts.items()
            for address, contact in contacts.items()
        ]
        return self._page(request, rows, 1000)

    async def _list_blocked(self, request: Request) -> Response:
        return self._page(request, list(self._blocked_rows()), 100)

    def _blocked_rows(self) -> Iterator[dict[str, Any]]:
        for address, one in self._blocked.items():
            yield {
                "email": address,
                "senderEmail": one["sender"],
                "reason": {"code": one["code"], "message": ""},
                "blockedAt": one["at"],
            }

    def _page(self, request: Request, rows: list[dict[str, Any]], most: int) -> Response:
        query = request.query_params
        limit, offset = int(query.get("limit", "50")), int(query.get("offset", "0"))
        if not 1 <= limit <= most:
            return self.error(400, f"Limit exceeds max value {most}")
        if not rows:
            return JSONResponse({"count": 0})
        return JSONResponse({"contacts": rows[offset : offset + limit], "count": len(rows)})


def _row(channel: str, address: str, contact: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": 1,
        "emailBlacklisted": channel == "email" and contact["is_on"],
        "smsBlacklisted": channel == "sms" and contact["is_on"],
        "createdAt": "2026-05-01T17:05:03.000Z",
        "modifiedAt": "2026-05-01T17:05:03.000Z",
        "listIds": [],
        "attributes": {},
    }
    if channel == "email":
        row["email"] = address
    else:
        row["attributes"] = {"SMS": address.removeprefix("+")}
    return row
