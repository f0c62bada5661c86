"""SparkPost's suppression lists, in the shapes of its Suppression List API.

As at the real one: an entry per recipient, type, mailing list and subaccount; a bulk call with one
bad address is refused whole; DELETE without a type or a `list_id` frees from more than one entry;
what its compliance team filed cannot be removed. No webhook tells of a change by the API.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sync.sandbox.platforms.base import Platform

_EMAIL = re.compile(r"[^\s@,;<>()\[\]\"]+@[^\s@,;<>()\[\]\"]+\.[^\s@.,;<>()\[\]\"]+")
_TYPES = ("non_transactional", "transactional")
_MOST_RECIPIENTS = 10_000
_PATH = "/api/v1/suppression-list"


class _Key(NamedTuple):
    """What an entry is filed under. subaccount 0: the primary account."""

    subaccount: str
    type: str
    list_id: str


class SparkPostSandbox(Platform):
    """One account, with any subaccount that a call names."""

    name = "sparkpost"
    key_variable = "SPARKPOST_API_KEY"
    default_key = "sandbox-key"

    def clear(self) -> None:
        """Empties the lists."""
        self._entries: dict[_Key, dict[str, dict[str, str]]] = {}

    def routes(self) -> list[BaseRoute]:
        """The API."""
        one = f"{_PATH}/{{recipient}}"
        return [
            Route(_PATH, self._bulk, methods=["PUT"]),
            Route(_PATH, self._search, methods=["GET"]),
            Route(one, self._get, methods=["GET"]),
            Route(one, self._delete, methods=["DELETE"]),
        ]

    def accepts(self, request: Request, key: str) -> bool:
        """The key as it is."""
        return request.headers.get("authorization") == key

    def error(self, status: int, message: str) -> Response:
        """`{"errors": [{"message": ...}]}`."""
        return JSONResponse({"errors": [{"message": message}]}, status_code=status)

    def limit_headers(self, limit: int, remaining: int, reset: float) -> dict[str, str]:
        """None are documented."""
        del limit, remaining, reset
        return {}

    def lists(self) -> dict[str, Any]:
        """The addresses of every list: type, with /subaccount and, of a mailing list, #id."""
        return {_name(key): sorted(found) for key, found in sorted(self._entries.items()) if found}

    def fill(self, lists: Mapping[str, Any]) -> None:
        """Adds addresses; an entry may be [address, source, updated]."""
        for name, entries in lists.items():
            place, _, list_id = name.partition("#")
            kind, _, subaccount = place.partition("/")
            for entry in entries:
                given: list[str] = [entry] if isinstance(entry, str) else list(entry)
                address, source, at = (*given, *("", "Manually Added", _now())[len(given) :])
                self._put(_Key(subaccount or "0", kind, list_id), address, source, at)

    def addresses_in(self, body: Any, path: str) -> list[str]:
        """Those of the body, and the one that ends a path."""
        rows = body.get("recipients") if isinstance(body, dict) else None
        found = [str(row.get("recipient")) for row in rows or [] if isinstance(row, dict)]
        return [path.rsplit("/", 1)[-1], *found]

    def _put(self, key: _Key, address: str, source: str, at: str) -> None:
        filed = self._entries.setdefault(key, {})
        known = filed.get(address, {"source": source, "created": at})
        filed[address] = {**known, "updated": at}

    def _rows(self, request: Request) -> Iterator[dict[str, Any]]:
        subaccount = request.headers.get("x-msys-subaccount")
        types = request.query_params.get("types", ",".join(_TYPES)).split(",")
        list_id = request.query_params.get("list_id")
        for key, filed in sorted(self._entries.items()):
            if subaccount not in (None, key.subaccount) or key.type not in types:
                continue
            if list_id not in (None, key.list_id):
                continue
            for address, entry in sorted(filed.items()):
                row = {"recipient": address, "type": key.type, key.type: True, **entry}
                if key.list_id:
                    row["list_id"] = key.list_id
                if key.subaccount != "0":
                    row["subaccount_id"] = key.subaccount
                yield row

    async def _bulk(self, request: Request) -> Response:
        body = await request.json()
        rows = body.get("recipients") if isinstance(body, dict) else None
        if not isinstance(rows, list) or not 0 < len(rows) <= _MOST_RECIPIENTS:
            return self.error(400, f"recipients must be 1 to {_MOST_RECIPIENTS}")
        bad = [
            str(row.get("recipient"))
            for row in rows
            if row.get("type") not in _TYPES or not _EMAIL.fullmatch(str(row.get("recipient")))
        ]
        if bad:
            text = f"PUT body contains {len(bad)} invalid or malformed recipient(s): "
            return self.error(400, text + ", ".join(bad))
        subaccount = request.headers.get("x-msys-subaccount", "0")
        for row in rows:
            key = _Key(subaccount, row["type"], row.get("list_id", ""))
            self._put(key, row["recipient"], "Manually Added", _now())
        return JSONResponse({"results": {"message": "Suppression List successfully updated"}})

    async def _search(self, request: Request) -> Response:
        query = request.query_params
        size = int(query.get("per_page", "1000"))
        if not 1 <= size <= 10_000:
            return self.error(400, "per_page must be between 1 and 10000")
        first = 0 if query.get("cursor", "initial") == "initial" else int(query["cursor"])
        rows = list(self._rows(request))
        links = []
        if first + size < len(rows):
            types = query.get("types", "")
            href = f"{_PATH}?cursor={first + size}&per_page={size}&types={types}"
            links = [{"href": href, "rel": "next", "method": "GET"}]
        page = rows[first : first + size]
        return JSONResponse({"results": page, "links": links, "total_count": len(rows)})

    async def _get(self, request: Request) -> Response:
        address = request.path_params["recipient"]
        found = [row for row in self._rows(request) if row["recipient"] == address]
        if not found:
            return self.error(404, "Recipient could not be found")
        return JSONResponse({"results": found, "links": [], "total_count": len(found)})

    async def _delete(self, request: Request) -> Response:
        address = request.path_params["recipient"]
        body = await request.json() if await request.body() else {}
        list_id = request.query_params.get("list_id")
        found = [
            filed
            for key, filed in self._entries.items()
            if key.subaccount == request.headers.get("x-msys-subaccount", "0")
            and body.get("type") in (None, key.type)
            and list_id in (None, key.list_id)
            and address in filed
        ]
        if not found:
            return self.error(404, "Recipient could not be found")
        if any(filed[address]["source"] == "Compliance" for filed in found):
            return self.error(403, "Recipient could not be removed - Compliance")
        for filed in found:
            del filed[address]
        return Response(status_code=204)


def _name(key: _Key) -> str:
    subaccount = "" if key.subaccount == "0" else f"/{key.subaccount}"
    return f"{key.type}{subaccount}{f'#{key.list_id}' if key.list_id else ''}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
