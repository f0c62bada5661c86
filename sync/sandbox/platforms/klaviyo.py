"""Klaviyo's profiles with their suppressions and SMS consents, by its OpenAPI document.

As at the real one: jobs, answered 202 without an outcome per person; a call with one bad address is
refused whole; a job of unsuppression ends USER_SUPPRESSED only; an opt-out without subscriptions is
of everything. Jobs end at once here. Its webhooks name a profile by an id alone, and none is sent.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sync.sandbox.platforms.base import Platform

_EMAIL = re.compile(r"[^\s@,;<>()\[\]\"]+@[^\s@,;<>()\[\]\"]+\.[^\s@.,;<>()\[\]\"]+")
_MOST_PROFILES = 100
_MANUAL = "USER_SUPPRESSED"
_TYPE = "application/vnd.api+json"
_BY_REASON = re.compile(r'equals\(subscriptions\.email\.marketing\.suppression\.reason,"(\w+)"\)')
_BY_EMAIL = re.compile(r"any\(email,(\[.*\])\)")


class KlaviyoSandbox(Platform):
    """One account."""

    name = "klaviyo"
    key_variable = "KLAVIYO_API_KEY"
    default_key = "sandbox-key"
    calls_per_second = 12.5

    def clear(self) -> None:
        """Deletes all profiles."""
        #: Of each email its suppressions, reason by date.
        self._emails: dict[str, dict[str, str]] = {}
        self._opted_out: set[str] = set()

    def routes(self) -> list[BaseRoute]:
        """The API."""
        return [
            Route("/api/profiles", self._profiles, methods=["GET"]),
            Route("/api/profile-suppression-bulk-create-jobs", self._suppress, methods=["POST"]),
            Route("/api/profile-suppression-bulk-delete-jobs", self._unsuppress, methods=["POST"]),
            Route("/api/profile-subscription-bulk-delete-jobs", self._opt_out, methods=["POST"]),
        ]

    def accepts(self, request: Request, key: str) -> bool:
        """The private key."""
        return request.headers.get("authorization") == f"Klaviyo-API-Key {key}"

    def error(self, status: int, message: str) -> Response:
        """JSON:API errors."""
        error = {"id": "0", "status": status, "code": "invalid", "title": "x", "detail": message}
        return JSONResponse({"errors": [error]}, status, media_type=_TYPE)

    def limit_headers(self, limit: int, remaining: int, reset: float) -> dict[str, str]:
        """Of the steady limit, in seconds."""
        left = max(int(reset - datetime.now(UTC).timestamp()), 0)
        return {
            "RateLimit-Limit": str(limit),
            "RateLimit-Remaining": str(remaining),
            "RateLimit-Reset": str(left),
        }

    def lists(self) -> dict[str, Any]:
        """The suppressed emails, and the numbers that opted out."""
        held = sorted(email for email, found in self._emails.items() if found)
        return {"email": held, "sms": sorted(self._opted_out)}

    def fill(self, lists: Mapping[str, Any]) -> None:
        """Suppresses; an entry of email may be [address, reason, timestamp]."""
        self._opted_out.update(lists.get("sms", []))
        for entry in lists.get("email", []):
            given: list[str] = [entry] if isinstance(entry, str) else list(entry)
            address, reason, at = (*given, *("", _MANUAL, _now())[len(given) :])
            self._emails.setdefault(address, {})[reason] = at

    def addresses_in(self, body: Any, path: str) -> list[str]:
        """Those of the body."""
        del path
        people = _people(body)
        return [str(one.get("email") or one.get("phone_number")) for one in people]

    def _refused(self, request: Request, people: list[dict[str, Any]]) -> Response | None:
        if not request.headers.get("revision"):
            return self.error(400, "The revision header is required.")
        if not 0 < len(people) <= _MOST_PROFILES:
            return self.error(400, f"profiles must be 1 to {_MOST_PROFILES}")
        for one in people:
            if "email" in one and not _EMAIL.fullmatch(str(one["email"])):
                return self.error(400, f"Invalid email address: {one['email']}")
        return None

    async def _suppress(self, request: Request) -> Response:
        people = _people(await request.json())
        refused = self._refused(request, people)
        if refused is not None:
            return refused
        for one in people:
            self._emails.setdefault(one["email"], {}).setdefault(_MANUAL, _now())
        return _job("profile-suppression-bulk-create-job", len(people))

    async def _unsuppress(self, request: Request) -> Response:
        people = _people(await request.json())
        refused = self._refused(request, people)
        if refused is not None:
            return refused
        for one in people:
            self._emails.get(one["email"], {}).pop(_MANUAL, None)
        return _job("profile-suppression-bulk-delete-job", len(people))

    async def _opt_out(self, request: Request) -> Response:
        people = _people(await request.json())
        refused = self._refused(request, people)
        if refused is not None:
            return refused
        for one in people:
            consents = one.get("subscriptions") or {"sms": {}, "email": {}}
            if "sms" in consents and one.get("phone_number"):
                self._opted_out.add(one["phone_number"])
            if "email" in consents and one.get("email"):
                self._emails.setdefault(one["email"], {})["UNSUBSCRIBE"] = _now()
        return Response(status_code=202)

    async def _profiles(self, request: Request) -> Response:
        query = request.query_params
        wanted = query.get("filter", "")
        by_reason, by_email = _BY_REASON.fullmatch(wanted), _BY_EMAIL.fullmatch(wanted)
        rows = [
            _profile(email, found)
            for email, found in sorted(self._emails.items())
            if (by_reason is None or by_reason[1] in found)
            and (by_email is None or email in json.loads(by_email[1]))
        ]
        size, first = int(query.get("page[size]", "20")), int(query.get("page[cursor]", "0"))
        if not 1 <= size <= 100:
            return self.error(400, "page[size] must be between 1 and 100")
        following = None
        if first + size < len(rows):
            cursor = quote("page[cursor]") + f"={first + size}"
            following = f"https://a.klaviyo.com/api/profiles?{cursor}&filter={quote(wanted)}"
        links = {"self": "https://a.klaviyo.com/api/profiles", "next": following, "prev": None}
        return JSONResponse({"data": rows[first : first + size], "links": links}, media_type=_TYPE)


def profile_id(email: str) -> str:
    """The id of a person's profile."""
    return f"01{zlib.crc32(email.encode()):020d}"


def _people(body: Any) -> list[dict[str, Any]]:
    """The attributes of the profiles that a job names."""
    for name in ("data", "attributes", "profiles", "data"):
        body = body.get(name) if isinstance(body, dict) else None
    found = body if isinstance(body, list) else []
    return [one["attributes"] for one in found if isinstance(one, dict) and "attributes" in one]


def _profile(email: str, found: Mapping[str, str]) -> dict[str, Any]:
    marketing = {
        "can_receive_email_marketing": not found,
        "consent": "UNSUBSCRIBED" if "UNSUBSCRIBE" in found else "NEVER_SUBSCRIBED",
        "suppression": [{"reason": reason, "timestamp": at} for reason, at in found.items()],
        "list_suppressions": [],
    }
    subscriptions = {"email": {"marketing": marketing}, "sms": None}
    attributes = {"email": email, "subscriptions": subscriptions}
    return {"type": "profile", "id": profile_id(email), "attributes": attributes}


def _job(kind: str, count: int) -> Response:
    attributes = {"status": "queued", "created_at": _now(), "total_count": count}
    data = {"type": kind, "id": "am9iOjE", "attributes": attributes}
    return JSONResponse({"data": data}, 202, media_type=_TYPE)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
