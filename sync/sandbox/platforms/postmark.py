"""Postmark's Suppressions API: one list per message stream.

As at the real one: 50 addresses a call, an outcome per address in a 200, and no authority over a
spam complaint or a recipient's own unsubscribe. A change by the API is reported by webhook.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sync.sandbox.platforms.base import Platform, Webhook

_EMAIL = re.compile(r"[^\s@,;<>()\[\]\"]+@[^\s@,;<>()\[\]\"]+\.[^\s@.,;<>()\[\]\"]+")
_MOST_ADDRESSES = 50
_NO_AUTHORITY = "You do not have the required authority to change this suppression."
_INVALID = "An invalid email address was provided."
# (reason, origin) of what may be deleted by the API.
_DELETABLE = {("ManualSuppression", "Customer"), ("HardBounce", "Recipient")}


class PostmarkSandbox(Platform):
    """One server, with the streams outbound and broadcast."""

    name = "postmark"
    key_variable = "POSTMARK_SERVER_TOKEN"
    default_key = "sandbox-server-token"

    def clear(self) -> None:
        """Empties the streams."""
        self._streams: dict[str, dict[str, tuple[str, str]]] = {"outbound": {}, "broadcast": {}}

    def routes(self) -> list[BaseRoute]:
        """The API."""
        path = "/message-streams/{stream}/suppressions"
        return [
            Route(path, self._add, methods=["POST"]),
            Route(f"{path}/delete", self._delete, methods=["POST"]),
            Route(f"{path}/dump", self._dump, methods=["GET"]),
        ]

    def accepts(self, request: Request, key: str) -> bool:
        """The server token."""
        return request.headers.get("x-postmark-server-token") == key

    def error(self, status: int, message: str) -> Response:
        """`{"ErrorCode": n, "Message": ...}`."""
        codes = {401: 10, 400: 402, 422: 1409, 429: 429}
        body = {"ErrorCode": codes.get(status, 100), "Message": message}
        return JSONResponse(body, status_code=status)

    def limit_headers(self, limit: int, remaining: int, reset: float) -> dict[str, str]:
        """None are documented."""
        del limit, remaining, reset
        return {}

    def lists(self) -> dict[str, Any]:
        """The addresses of every stream."""
        return {stream: sorted(entries) for stream, entries in self._streams.items()}

    def fill(self, lists: Mapping[str, Any]) -> None:
        """Adds addresses; an entry may be [address, reason, origin]."""
        for stream, entries in lists.items():
            for entry in entries:
                address, *kind = [entry] if isinstance(entry, str) else entry
                reason, origin = kind or ("ManualSuppression", "Customer")
                self._streams.setdefault(stream, {})[address] = (reason, origin)

    def addresses_in(self, body: Any, path: str) -> list[str]:
        """Those of the body."""
        del path
        rows = body.get("Suppressions") if isinstance(body, dict) else None
        return [str(row.get("EmailAddress")) for row in rows or [] if isinstance(row, dict)]

    async def _addresses(self, request: Request) -> tuple[str, list[str]] | Response:
        stream = request.path_params["stream"]
        if stream not in self._streams:
            body = {"ErrorCode": 1226, "Message": "The message stream does not exist."}
            return JSONResponse(body, status_code=422)
        addresses = self.addresses_in(await request.json(), "")
        if len(addresses) > _MOST_ADDRESSES:
            body = {"ErrorCode": 1410, "Message": "Too many suppressions in one request."}
            return JSONResponse(body, status_code=422)
        if not addresses:
            return self.error(422, "Suppressions is required.")
        return stream, addresses

    async def _add(self, request: Request) -> Response:
        found = await self._addresses(request)
        if isinstance(found, Response):
            return found
        stream, addresses = found
        entries = self._streams[stream]
        rows = []
        for address in addresses:
            known = entries.get(address)
            if not _EMAIL.fullmatch(address):
                rows.append(_row(address, "Failed", _INVALID))
            elif known is not None and known != ("ManualSuppression", "Customer"):
                rows.append(_row(address, "Failed", _NO_AUTHORITY))
            else:
                entries[address] = ("ManualSuppression", "Customer")
                rows.append(_row(address, "Suppressed", None))
                if known is None:
                    self._report(stream, address, is_suppressed=True)
        return JSONResponse({"Suppressions": rows})

    async def _delete(self, request: Request) -> Response:
        found = await self._addresses(request)
        if isinstance(found, Response):
            return found
        stream, addresses = found
        entries = self._streams[stream]
        rows = []
        for address in addresses:
            known = entries.get(address)
            if not _EMAIL.fullmatch(address):
                rows.append(_row(address, "Failed", _INVALID))
            elif known is not None and known not in _DELETABLE:
                rows.append(_row(address, "Failed", _NO_AUTHORITY))
            else:
                entries.pop(address, None)
                rows.append(_row(address, "Deleted", None))
                if known is not None:
                    self._report(stream, address, is_suppressed=False)
        return JSONResponse({"Suppressions": rows})

    async def _dump(self, request: Request) -> Response:
        stream = request.path_params["stream"]
        if stream not in self._streams:
            body = {"ErrorCode": 1226, "Message": "The message stream does not exist."}
            return JSONResponse(body, status_code=422)
        # All entries are of today.
        today = datetime.now(UTC).date().isoformat()
        query = request.query_params
        entries = self._streams[stream]
        if not query.get("fromdate", "") <= today <= query.get("todate", "9999"):
            entries = {}
        rows = [
            {
                "EmailAddress": address,
                "SuppressionReason": reason,
                "Origin": origin,
                "CreatedAt": f"{today}T00:00:00-05:00",
            }
            for address, (reason, origin) in sorted(entries.items())
        ]
        return JSONResponse({"Suppressions": rows})

    def _report(self, stream: str, address: str, *, is_suppressed: bool) -> None:
        body = {
            "RecordType": "SubscriptionChange",
            "MessageID": "00000000-0000-0000-0000-000000000000",
            "ServerID": 1,
            "MessageStream": stream,
            "ChangedAt": datetime.now(UTC).isoformat(timespec="seconds"),
            "Recipient": address,
            "Origin": "Customer",
            "SuppressSending": is_suppressed,
            "SuppressionReason": "ManualSuppression" if is_suppressed else None,
            "Tag": None,
            "Metadata": {},
        }
        self.webhooks.append(Webhook("postmark", body))


def _row(address: str, status: str, message: str | None) -> dict[str, Any]:
    return {"EmailAddress": address, "Status": status, "Message": message}
