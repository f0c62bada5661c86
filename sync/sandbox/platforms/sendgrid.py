"""SendGrid's suppression lists, in the shapes of its OpenAPI document tsg_suppressions_v3.

As at the real one: an unknown group id puts addresses on the global list; one invalid address
refuses the whole call; {"delete_all": true} empties a list. A collection DELETE with an empty list,
whose effect is not documented, empties it too: the worst case is what a client must be safe from.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sync.sandbox.platforms.base import Platform

_EMAIL = re.compile(r"[^\s@,;<>()\[\]\"]+@[^\s@,;<>()\[\]\"]+\.[^\s@.,;<>()\[\]\"]+")
_KINDS = ("bounces", "blocks", "spam_reports", "invalid_emails")
_MOST_ADDRESSES = 1000

Handler = Callable[[Request], Awaitable[Response]]


class SendGridSandbox(Platform):
    """One account."""

    name = "sendgrid"
    key_variable = "SENDGRID_API_KEY"
    default_key = "SG.sandbox"

    def clear(self) -> None:
        """Empties all lists; one unsubscribe group remains, as in a new account."""
        self._global: dict[str, int] = {}
        self._kinds: dict[str, dict[str, int]] = {kind: {} for kind in _KINDS}
        self._groups: dict[int, dict[str, Any]] = {}
        self._add_group(101, "Newsletter", is_default=True)

    def routes(self) -> list[BaseRoute]:
        """The API."""
        group = "/v3/asm/groups/{group}"
        routes: list[tuple[str, str, Handler]] = [
            ("POST", "/v3/asm/suppressions/global", self._post_global),
            ("GET", "/v3/asm/suppressions/global/{email}", self._get_global),
            ("DELETE", "/v3/asm/suppressions/global/{email}", self._delete_global),
            ("GET", "/v3/asm/suppressions", self._get_suppressions),
            ("GET", "/v3/asm/suppressions/{email}", self._get_groups_of),
            ("GET", "/v3/asm/groups", self._get_groups),
            ("POST", "/v3/asm/groups", self._post_groups),
            ("GET", group, self._get_group),
            ("DELETE", group, self._delete_group),
            ("POST", f"{group}/suppressions/search", self._search_group),
            ("POST", f"{group}/suppressions", self._post_group),
            ("GET", f"{group}/suppressions", self._get_group_list),
            ("DELETE", f"{group}/suppressions/{{email}}", self._delete_from_group),
            ("GET", "/v3/suppression/unsubscribes", self._get_unsubscribes),
            ("GET", "/v3/suppression/{kind}", self._get_kind),
            ("DELETE", "/v3/suppression/{kind}", self._delete_kind),
            ("GET", "/v3/suppression/{kind}/{email}", self._get_one),
            ("DELETE", "/v3/suppression/{kind}/{email}", self._delete_one),
        ]
        return [Route(path, handler, methods=[method]) for method, path, handler in routes]

    def accepts(self, request: Request, key: str) -> bool:
        """Bearer authentication."""
        return request.headers.get("authorization") == f"Bearer {key}"

    def error(self, status: int, message: str) -> Response:
        """`{"errors": [{field, message, help}]}`."""
        body = {"errors": [{"field": None, "message": message, "help": None}]}
        return JSONResponse(body, status_code=status)

    def limit_headers(self, limit: int, remaining: int, reset: float) -> dict[str, str]:
        """X-RateLimit-*; Reset in epoch seconds."""
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": str(int(-(-reset // 1))),
        }

    def lists(self) -> dict[str, Any]:
        """All lists, sorted."""
        return {
            "global": sorted(self._global),
            "groups": {
                str(number): sorted(group["emails"]) for number, group in self._groups.items()
            },
            **{kind: sorted(emails) for kind, emails in self._kinds.items()},
        }

    def fill(self, lists: Mapping[str, Any]) -> None:
        """Adds addresses; a group that does not exist is made."""
        now = int(time.time())
        for name, content in lists.items():
            if name == "groups":
                for number, emails in content.items():
                    if int(number) not in self._groups:
                        self._add_group(int(number), f"Group {number}")
                    self._groups[int(number)]["emails"].update(dict.fromkeys(emails, now))
            elif name == "global":
                self._global.update(dict.fromkeys(content, now))
            else:
                self._kinds[name].update(dict.fromkeys(content, now))

    def addresses_in(self, body: Any, path: str) -> list[str]:
        """Those of the body, and the one that ends a path."""
        found = [path.rsplit("/", 1)[-1]]
        if isinstance(body, dict):
            for key in ("recipient_emails", "emails"):
                if isinstance(body.get(key), list):
                    found += [str(email) for email in body[key]]
        return found

    def _add_group(self, number: int, name: str, *, is_default: bool = False) -> None:
        self._groups[number] = {
            "id": number,
            "name": name,
            "description": name,
            "is_default": is_default,
            "emails": {},
        }

    def _shown(self, group: dict[str, Any]) -> dict[str, Any]:
        shown = {key: group[key] for key in ("id", "name", "description", "is_default")}
        return {**shown, "unsubscribes": len(group["emails"])}

    async def _emails(
        self, request: Request, key: str = "recipient_emails"
    ) -> list[str] | Response:
        """The addresses of a body, or the answer that refuses the whole call."""
        try:
            body = await request.json()
        except ValueError:
            return self.error(400, "the body is not JSON")
        emails = body.get(key) if isinstance(body, dict) else None
        if not isinstance(emails, list) or not emails:
            return self.error(400, f"{key} is required")
        if len(emails) > _MOST_ADDRESSES:
            return self.error(400, f"{key} holds more than {_MOST_ADDRESSES} addresses")
        if not all(isinstance(email, str) and _EMAIL.fullmatch(email) for email in emails):
            return self.error(400, "email is not a valid email address")
        return emails

    def _group_of(self, request: Request) -> dict[str, Any] | None:
        number = request.path_params["group"]
        return self._groups.get(int(number)) if number.isdigit() else None

    async def _post_global(self, request: Request) -> Response:
        emails = await self._emails(request)
        if isinstance(emails, Response):
            return emails
        self._global.update(dict.fromkeys(emails, int(time.time())))
        return JSONResponse({"recipient_emails": emails}, status_code=201)

    async def _get_global(self, request: Request) -> Response:
        email = request.path_params["email"]
        return JSONResponse({"recipient_email": email} if email in self._global else {})

    async def _delete_global(self, request: Request) -> Response:
        self._global.pop(request.path_params["email"], None)
        return Response(status_code=204)

    async def _get_suppressions(self, _: Request) -> Response:
        return JSONResponse(
            [
                {
                    "email": email,
                    "group_id": group["id"],
                    "group_name": group["name"],
                    "created_at": created,
                }
                for group in self._groups.values()
                for email, created in group["emails"].items()
            ]
        )

    async def _get_groups_of(self, request: Request) -> Response:
        email = request.path_params["email"]
        found = [
            {
                **{key: group[key] for key in ("id", "name", "description", "is_default")},
                "suppressed": email in group["emails"],
            }
            for group in self._groups.values()
        ]
        return JSONResponse({"suppressions": found})

    async def _get_groups(self, _: Request) -> Response:
        return JSONResponse([self._shown(group) for group in self._groups.values()])

    async def _post_groups(self, request: Request) -> Response:
        body = await request.json()
        number = max(self._groups, default=100) + 1
        self._add_group(number, str(body.get("name", "")))
        shown = self._shown(self._groups[number])
        del shown["unsubscribes"]
        return JSONResponse(shown, status_code=201)

    async def _get_group(self, request: Request) -> Response:
        group = self._group_of(request)
        return JSONResponse(self._shown(group)) if group else self.error(404, "not found")

    async def _delete_group(self, request: Request) -> Response:
        group = self._group_of(request)
        if group is None:
            return self.error(404, "not found")
        # Everyone in it may be mailed again.
        del self._groups[group["id"]]
        return Response(status_code=204)

    async def _post_group(self, request: Request) -> Response:
        emails = await self._emails(request)
        if isinstance(emails, Response):
            return emails
        group = self._group_of(request)
        target = self._global if group is None else group["emails"]
        target.update(dict.fromkeys(emails, int(time.time())))
        return JSONResponse({"recipient_emails": emails}, status_code=201)

    async def _search_group(self, request: Request) -> Response:
        emails = await self._emails(request)
        if isinstance(emails, Response):
            return emails
        group = self._group_of(request)
        on_it = {} if group is None else group["emails"]
        return JSONResponse([email for email in emails if email in on_it])

    async def _get_group_list(self, request: Request) -> Response:
        group = self._group_of(request)
        return JSONResponse(list(group["emails"])) if group else self.error(404, "not found")

    async def _delete_from_group(self, request: Request) -> Response:
        group = self._group_of(request)
        if group is None:
            return self.error(404, "not found")
        group["emails"].pop(request.path_params["email"], None)
        return Response(status_code=204)

    async def _get_unsubscribes(self, request: Request) -> Response:
        return self._page(request, self._global, lambda email, at: {"created": at, "email": email})

    async def _get_kind(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        if kind not in self._kinds:
            return self.error(404, "not found")
        return self._page(request, self._kinds[kind], lambda email, at: _kind_row(kind, email, at))

    async def _delete_kind(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        if kind not in self._kinds:
            return self.error(404, "not found")
        try:
            body = await request.json()
        except ValueError:
            return self.error(400, "the body is not JSON")
        if not isinstance(body, dict) or (body.get("delete_all") and body.get("emails")):
            return self.error(400, "emails and delete_all exclude each other")
        emails = body.get("emails") or []
        if not emails:
            self._kinds[kind].clear()
            return Response(status_code=204)
        if not all(isinstance(email, str) and _EMAIL.fullmatch(email) for email in emails):
            return self.error(400, "email is not a valid email address")
        for email in emails:
            self._kinds[kind].pop(email, None)
        return Response(status_code=204)

    async def _get_one(self, request: Request) -> Response:
        kind, email = request.path_params["kind"], request.path_params["email"]
        found = self._kinds.get(kind, {}).get(email)
        return JSONResponse([] if found is None else [_kind_row(kind, email, found)])

    async def _delete_one(self, request: Request) -> Response:
        kind, email = request.path_params["kind"], request.path_params["email"]
        if self._kinds.get(kind, {}).pop(email, None) is None and kind in ("bounces", "blocks"):
            return self.error(404, "not found")
        return Response(status_code=204)

    def _page(
        self,
        request: Request,
        entries: Mapping[str, int],
        row: Callable[[str, int], dict[str, Any]],
    ) -> Response:
        """limit 1 to 500, offset, start_time, end_time and email (a prefix), as documented."""
        query = request.query_params
        try:
            limit = int(query.get("limit", "500"))
            offset = int(query.get("offset", "0"))
            start = int(query.get("start_time", "0"))
            end = int(query.get("end_time", str(2**60)))
        except ValueError:
            return self.error(400, "limit, offset, start_time and end_time are numbers")
        if not 1 <= limit <= 500 or offset < 0:
            return self.error(400, "limit must be 1 to 500")
        prefix = query.get("email", "")
        found = [
            row(email, at)
            for email, at in sorted(entries.items())
            if start <= at <= end and email.startswith(prefix)
        ]
        return JSONResponse(found[offset : offset + limit])


def _kind_row(kind: str, email: str, at: int) -> dict[str, Any]:
    row: dict[str, Any] = {"created": at, "email": email}
    if kind in ("bounces", "blocks"):
        row |= {"reason": "550 5.1.1 sandbox", "status": "5.1.1"}
    elif kind == "spam_reports":
        row |= {"ip": "192.0.2.1"}
    else:
        row |= {"reason": "Mail domain mentioned in email address is unknown"}
    return row
