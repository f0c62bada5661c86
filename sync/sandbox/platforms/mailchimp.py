"""Mailchimp's audiences, in the shapes of its Marketing API 3.0.

As at the real one: without update_existing a member that is there keeps its state; who left by an
act of their own, or bounced, cannot be subscribed by the API; a call over the limit is answered
without a body. Webhooks are not sent: their source `api` is off, as docs/destinations.md asks.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sync.sandbox.platforms.base import Platform

_EMAIL = re.compile(r"[^\s@,;<>()\[\]\"]+@[^\s@,;<>()\[\]\"]+\.[^\s@.,;<>()\[\]\"]+")
_MOST_MEMBERS = 500
_STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")
_COMPLIANCE = (
    "{} is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be "
    "subscribed."
)


class MailchimpSandbox(Platform):
    """One account with the audience a6b5da1054."""

    name = "mailchimp"
    key_variable = "MAILCHIMP_API_KEY"
    default_key = "sandboxkey-us1"

    def clear(self) -> None:
        """Forgets all members."""
        self._lists: dict[str, dict[str, str]] = {"a6b5da1054": {}}
        #: Members who left by an act of their own.
        self._left: set[tuple[str, str]] = set()

    def routes(self) -> list[BaseRoute]:
        """The API."""
        return [
            Route("/3.0/lists/{list}", self._get, methods=["GET"]),
            Route("/3.0/lists/{list}", self._members, methods=["POST"]),
            Route("/3.0/lists/{list}/members", self._page, methods=["GET"]),
        ]

    def accepts(self, request: Request, key: str) -> bool:
        """Basic authentication by any name and the key."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            found = base64.b64decode(token).decode()
        except ValueError:
            return False
        return kind == "Basic" and found.partition(":")[2] == key

    def error(self, status: int, message: str) -> Response:
        """RFC 7807; nothing at all where the limit is exceeded."""
        if status == 429:
            return Response(status_code=429)
        titles = {400: "Invalid Resource", 401: "API Key Invalid", 404: "Resource Not Found"}
        body = {"title": titles.get(status, "Error"), "status": status, "detail": message}
        return JSONResponse(body, status_code=status)

    def limit_headers(self, limit: int, remaining: int, reset: float) -> dict[str, str]:
        """None are documented."""
        del limit, remaining, reset
        return {}

    def lists(self) -> dict[str, Any]:
        """The members of every audience by their status."""
        return {
            name: {
                status: sorted(a for a, found in members.items() if found == status)
                for status in _STATUSES
            }
            for name, members in self._lists.items()
        }

    def fill(self, lists: Mapping[str, Any]) -> None:
        """Adds members by status; `left` are those who unsubscribed themselves."""
        for name, statuses in lists.items():
            members = self._lists.setdefault(name, {})
            for status, addresses in statuses.items():
                for address in addresses:
                    members[address] = "unsubscribed" if status == "left" else status
                    if status == "left":
                        self._left.add((name, address))

    def addresses_in(self, body: Any, path: str) -> list[str]:
        """Those of the body."""
        del path
        rows = body.get("members") if isinstance(body, dict) else None
        return [str(row.get("email_address")) for row in rows or [] if isinstance(row, dict)]

    async def _get(self, request: Request) -> Response:
        name = request.path_params["list"]
        if name not in self._lists:
            return self.error(404, "The requested resource could not be found.")
        return JSONResponse({"id": name, "name": "Sandbox", "stats": {}})

    async def _page(self, request: Request) -> Response:
        members = self._lists.get(request.path_params["list"])
        if members is None:
            return self.error(404, "The requested resource could not be found.")
        query = request.query_params
        count, offset = int(query.get("count", "10")), int(query.get("offset", "0"))
        if count > 1000:
            return self.error(400, "count must be at most 1000")
        found = [
            {"email_address": address, "status": status}
            for address, status in sorted(members.items())
            if query.get("status") in (None, status)
        ]
        page = found[offset : offset + count]
        return JSONResponse({"members": page, "total_items": len(found)})

    async def _members(self, request: Request) -> Response:
        name = request.path_params["list"]
        members = self._lists.get(name)
        if members is None:
            return self.error(404, "The requested resource could not be found.")
        body = await request.json()
        rows = body.get("members", [])
        if not rows or len(rows) > _MOST_MEMBERS:
            return self.error(400, f"The members must be 1 to {_MOST_MEMBERS}.")
        answer: dict[str, Any] = {"new_members": [], "updated_members": [], "errors": []}
        for row in rows:
            address, status = str(row["email_address"]).lower(), row.get("status")
            error = self._fault(name, address, status, is_update=bool(body.get("update_existing")))
            if error is not None:
                answer["errors"].append({"email_address": address, **error})
                continue
            part = "updated_members" if address in members else "new_members"
            members[address] = status
            answer[part].append({"email_address": address, "status": status})
        counts = {
            "total_created": len(answer["new_members"]),
            "total_updated": len(answer["updated_members"]),
            "error_count": len(answer["errors"]),
        }
        return JSONResponse({**answer, **counts})

    def _fault(
        self, name: str, address: str, status: str, *, is_update: bool
    ) -> dict[str, str] | None:
        known = self._lists[name].get(address)
        if not _EMAIL.fullmatch(address) or status not in _STATUSES:
            return {"error": f"{address} is not valid.", "error_code": "ERROR_GENERIC"}
        if known is not None and not is_update:
            text = f"{address} is already a list member."
            return {"error": text, "error_code": "ERROR_CONTACT_EXISTS"}
        if status == "subscribed" and (known == "cleaned" or (name, address) in self._left):
            return {"error": _COMPLIANCE.format(address), "error_code": "ERROR_GENERIC"}
        return None
