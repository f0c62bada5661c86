"""Braze's email states, subscription groups and profiles, in the shapes of its REST API.

As at the real one: 50 addresses or 75 profiles a call, one outcome for a whole call about emails,
errors by place for profiles; Currents reports the changes of states and groups that the API makes.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sync.sandbox.platforms.base import Platform, Webhook

_EMAIL = re.compile(r"[^\s@,;<>()\[\]\"]+@[^\s@,;<>()\[\]\"]+\.[^\s@.,;<>()\[\]\"]+")
_MOST_ADDRESSES = 50
_MOST_PROFILES = 75


class BrazeSandbox(Platform):
    """One workspace."""

    name = "braze"
    key_variable = "BRAZE_API_KEY"
    default_key = "sandbox-key"
    calls_per_second = 250_000 / 3600

    def settings(self) -> dict[str, str]:
        """Any instance: the base URL stands in for its host."""
        return {"BRAZE_INSTANCE": "iad-01"}

    def clear(self) -> None:
        """Everybody is subscribed."""
        self._lists: dict[str, set[str]] = {
            "unsubscribed": set(),
            "hard_bounced": set(),
            "spam": set(),
            "push_unsubscribed": set(),
        }
        self._groups: dict[str, set[str]] = {}
        self._unknown: set[str] = set()

    def routes(self) -> list[BaseRoute]:
        """The API."""
        return [
            Route("/email/status", self._status, methods=["POST"]),
            Route("/email/blocklist", self._blocklist, methods=["POST"]),
            Route("/email/bounce/remove", self._remove("hard_bounced"), methods=["POST"]),
            Route("/email/spam/remove", self._remove("spam"), methods=["POST"]),
            Route("/email/unsubscribes", self._list("unsubscribed"), methods=["GET"]),
            Route("/email/hard_bounces", self._list("hard_bounced"), methods=["GET"]),
            Route("/v2/subscription/status/set", self._group, methods=["POST"]),
            Route("/users/track", self._track, methods=["POST"]),
        ]

    def accepts(self, request: Request, key: str) -> bool:
        """Bearer authentication."""
        return request.headers.get("authorization") == f"Bearer {key}"

    def error(self, status: int, message: str) -> Response:
        """`{"message": ..., "errors": [...]}`."""
        return JSONResponse({"message": message}, status_code=status)

    def limit_headers(self, limit: int, remaining: int, reset: float) -> dict[str, str]:
        """x-ratelimit-*; reset in epoch seconds."""
        return {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(remaining),
            "x-ratelimit-reset": str(int(-(-reset // 1))),
        }

    def lists(self) -> dict[str, Any]:
        """Every list with its addresses, push by external_id, and the groups that people left."""
        found: dict[str, Any] = {name: sorted(people) for name, people in self._lists.items()}
        return {**found, "groups": {name: sorted(left) for name, left in self._groups.items()}}

    def fill(self, lists: Mapping[str, Any]) -> None:
        """Adds to the lists; `unknown` are external_ids without a profile."""
        for name, people in lists.items():
            if name == "groups":
                for group, left in people.items():
                    self._groups.setdefault(group, set()).update(left)
            elif name == "unknown":
                self._unknown.update(people)
            else:
                self._lists[name].update(people)

    def addresses_in(self, body: Any, path: str) -> list[str]:
        """Those of a body, profiles by external_id."""
        del path
        if not isinstance(body, dict):
            return []
        found = body.get("email") or []
        found = [found] if isinstance(found, str) else list(found)
        for group in body.get("subscription_groups") or []:
            found += [*group.get("emails", []), *group.get("phones", [])]
        return found + [str(row.get("external_id")) for row in body.get("attributes") or []]

    async def _emails(self, request: Request) -> tuple[dict[str, Any], list[str]] | Response:
        body = await request.json()
        emails = body.get("email")
        emails = [emails] if isinstance(emails, str) else emails
        if not emails or len(emails) > _MOST_ADDRESSES:
            return self.error(400, f"email must be 1 to {_MOST_ADDRESSES} addresses")
        if not all(_EMAIL.fullmatch(email) for email in emails):
            return self.error(400, "email is not a valid email address")
        return body, emails

    async def _status(self, request: Request) -> Response:
        found = await self._emails(request)
        if isinstance(found, Response):
            return found
        body, emails = found
        state = body.get("subscription_state")
        if state not in ("subscribed", "unsubscribed", "opted_in"):
            return self.error(400, "subscription_state is invalid")
        self._set_emails(emails, state)
        return _success()

    def _set_emails(self, emails: list[str], state: str) -> None:
        off = self._lists["unsubscribed"]
        for email in _changed(off, emails, state):
            self._report("email", email, state)

    async def _blocklist(self, request: Request) -> Response:
        found = await self._emails(request)
        if isinstance(found, Response):
            return found
        self._set_emails(found[1], "unsubscribed")
        self._lists["hard_bounced"].update(found[1])
        return _success()

    def _remove(self, name: str) -> Any:
        async def remove(request: Request) -> Response:
            found = await self._emails(request)
            if isinstance(found, Response):
                return found
            self._lists[name].difference_update(found[1])
            return _success()

        return remove

    def _list(self, name: str) -> Any:
        stamp = f"{name}_at"

        async def show(request: Request) -> Response:
            query = request.query_params
            limit, offset = int(query.get("limit", "100")), int(query.get("offset", "0"))
            if "end_date" not in query or not {"start_date", "email"} & query.keys():
                return self.error(400, "end_date and start_date or email are required")
            if not 1 < limit <= 500:
                return self.error(400, "limit must be greater than 1 and at most 500")
            today = time.strftime("%Y-%m-%d", time.gmtime())
            people = sorted(self._lists[name])
            if "email" in query:
                people = [email for email in people if email == query["email"]]
            elif not query["start_date"] <= today <= query["end_date"]:
                people = []
            rows = [{"email": email, stamp: f"{today} 00:00:00 +0000"} for email in people]
            return JSONResponse({"emails": rows[offset : offset + limit], "message": "success"})

        return show

    async def _group(self, request: Request) -> Response:
        for group in (await request.json()).get("subscription_groups", []):
            emails, phones = group.get("emails", []), group.get("phones", [])
            if emails and phones:
                return self.error(400, "emails and phones exclude each other")
            people = emails or phones
            if not people or len(people) > _MOST_ADDRESSES:
                return self.error(400, f"1 to {_MOST_ADDRESSES} people are required")
            name, state = group["subscription_group_id"], group["subscription_state"]
            if state not in ("subscribed", "unsubscribed"):
                return self.error(400, "subscription_state is invalid")
            for person in _changed(self._groups.setdefault(name, set()), people, state):
                self._report("email" if emails else "sms", person, state, group=name)
        return _success()

    async def _track(self, request: Request) -> Response:
        rows = (await request.json()).get("attributes", [])
        if not rows or len(rows) > _MOST_PROFILES:
            return self.error(400, f"attributes must be 1 to {_MOST_PROFILES}")
        errors = []
        off = self._lists["push_unsubscribed"]
        for index, row in enumerate(rows):
            if row["external_id"] in self._unknown:
                text = "'external_id' is no profile, and '_update_existing_only' is set"
                errors.append({"type": text, "input_array": "attributes", "index": index})
            elif _changed(off, [row["external_id"]], row["push_subscribe"]):
                self._report("push", None, row["push_subscribe"], external_id=row["external_id"])
        more = {"errors": errors} if errors else {}
        body = {"message": "success", "attributes_processed": len(rows) - len(errors), **more}
        return JSONResponse(body, status_code=201)

    def _report(
        self,
        channel: str,
        address: str | None,
        state: str,
        *,
        group: str | None = None,
        external_id: str | None = None,
    ) -> None:
        """What Currents sends of a change that the API made."""
        kind = (
            "subscription.GlobalStateChange" if group is None else "subscriptiongroup.StateChange"
        )
        own = {"email": "email_address", "sms": "phone_number"}.get(channel)
        event = {
            "event_type": f"users.behaviors.{kind}",
            "id": str(uuid.uuid4()),
            "time": int(time.time()),
            "user": {"user_id": "65f2a0c1d2e3f40516273849", "external_user_id": external_id},
            "properties": {
                "channel": channel,
                **({} if own is None else {"channel_identifier": address, own: address}),
                **({} if group is None else {"subscription_group_id": group}),
                "subscription_status": state.replace("_", " ").title(),
                "state_change_source": "REST API",
            },
        }
        self.webhooks.append(Webhook("braze", {"events": [event]}))


def _changed(off: set[str], people: list[str], state: str) -> list[str]:
    """Brings the people into the state; those whom that changes."""
    if state == "unsubscribed":
        found = [person for person in dict.fromkeys(people) if person not in off]
        off.update(people)
    else:
        found = [person for person in dict.fromkeys(people) if person in off]
        off.difference_update(people)
    return found


def _success() -> Response:
    return JSONResponse({"message": "success"}, status_code=201)
