"""Mailgun's suppressions: three lists per domain, in the shapes of its OpenAPI document.

As at the real one: a call of too many or with one bad address is refused whole, without saying
which; DELETE without an address clears a list.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sync.sandbox.platforms.base import Platform

_EMAIL = re.compile(r"[^\s@,;<>()\[\]\"]+@[^\s@,;<>()\[\]\"]+\.[^\s@.,;<>()\[\]\"]+")
_KINDS = ("bounces", "complaints", "unsubscribes")


class MailgunSandbox(Platform):
    """One account with the domain mg.example.com."""

    name = "mailgun"
    key_variable = "MAILGUN_API_KEY"
    default_key = "sandbox-key"
    calls_per_second = 50.0

    def clear(self) -> None:
        """Empties the lists."""
        self._domains = {"mg.example.com": _new_domain()}

    def routes(self) -> list[BaseRoute]:
        """The API."""
        path = "/v3/{domain}/{kind}"
        return [
            Route(path, self._add, methods=["POST"]),
            Route(path, self._list, methods=["GET"]),
            Route(path, self._clear, methods=["DELETE"]),
            Route(f"{path}/{{address}}", self._delete, methods=["DELETE"]),
        ]

    def accepts(self, request: Request, key: str) -> bool:
        """Basic authentication."""
        token = base64.b64encode(f"api:{key}".encode()).decode()
        return request.headers.get("authorization") == f"Basic {token}"

    def error(self, status: int, message: str) -> Response:
        """`{"message": ...}`."""
        return JSONResponse({"message": message}, status_code=status)

    def limit_headers(self, limit: int, remaining: int, reset: float) -> dict[str, str]:
        """None are documented for suppressions."""
        del limit, remaining, reset
        return {}

    def lists(self) -> dict[str, Any]:
        """The addresses of every list of every domain."""
        return {
            f"{domain} {kind}": sorted(entries)
            for domain, kinds in self._domains.items()
            for kind, entries in kinds.items()
        }

    def fill(self, lists: Mapping[str, Any]) -> None:
        """Adds addresses; a domain that does not exist is made."""
        for name, addresses in lists.items():
            domain, kind = name.split()
            entries = self._domains.setdefault(domain, _new_domain())[kind]
            entries.update({address: {"address": address} for address in addresses})

    def addresses_in(self, body: Any, path: str) -> list[str]:
        """Those of the body, and the one that ends a path."""
        rows = body if isinstance(body, list) else []
        found = [str(row.get("address")) for row in rows if isinstance(row, dict)]
        return [path.rsplit("/", 1)[-1], *found]

    def _entries(self, request: Request) -> dict[str, dict[str, Any]] | None:
        kinds = self._domains.get(request.path_params["domain"], {})
        return kinds.get(request.path_params["kind"])

    async def _add(self, request: Request) -> Response:
        entries = self._entries(request)
        if entries is None:
            return self.error(404, "Domain not found")
        rows = await request.json()
        if not isinstance(rows, list) or not rows:
            return self.error(400, "Invalid format of request body")
        if len(rows) >= 1000:
            return self.error(400, "The number of addresses should be less than 1000")
        if not all(isinstance(r, dict) and _EMAIL.fullmatch(str(r.get("address"))) for r in rows):
            return self.error(400, "Address is invalid")
        entries.update({row["address"]: row for row in rows})
        kind = request.path_params["kind"]
        text = f"{len(rows)} addresses have been added to the {kind} table"
        return JSONResponse({"message": text})

    async def _list(self, request: Request) -> Response:
        entries = self._entries(request)
        if entries is None:
            return self.error(404, "Domain not found")
        limit = int(request.query_params.get("limit", "100"))
        after = request.query_params.get("address", "")
        found = [entries[address] for address in sorted(entries) if address > after][:limit]
        last = quote(found[-1]["address"] if found else after)
        url = f"{request.base_url}mailgun{request.url.path}?limit={limit}&page=next&address={last}"
        return JSONResponse({"items": found, "paging": {"next": url}})

    async def _clear(self, request: Request) -> Response:
        entries = self._entries(request)
        if entries is None:
            return self.error(404, "Domain not found")
        entries.clear()
        return self.error(200, "Suppression table has been cleared")

    async def _delete(self, request: Request) -> Response:
        entries = self._entries(request)
        address = request.path_params["address"]
        if entries is None:
            return self.error(404, "Domain not found")
        if entries.pop(address, None) is None:
            return self.error(404, "Address not found in the table")
        return JSONResponse({"message": "Address has been removed", "address": address})


def _new_domain() -> dict[str, dict[str, dict[str, Any]]]:
    return {kind: {} for kind in _KINDS}
