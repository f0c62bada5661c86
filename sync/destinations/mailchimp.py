"""Mailchimp: the members of an audience.

Facts from Mailchimp's Marketing API 3.0 (batch subscribe or unsubscribe) and its pages on rate
limits and errors. `actions/delete-permanent`, after which a person can never be imported again,
and archiving are not implemented here.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from sync.destinations.base import (
    Destination,
    Entry,
    Item,
    Outcome,
    Request,
    Variable,
    expect_rows,
    member_of,
    pages_of,
)
from sync.errors import NotThere, PlatformError, RateLimited, UnknownScope

# The most that a page may have.
_PAGE = 1000
_STATUSES: Mapping[str, str] = {"bounce": "cleaned", "soft_bounces": "cleaned"}


class Mailchimp(Destination):
    """The audiences of one Mailchimp account; a scope is an audience's id."""

    name = "mailchimp"
    title = "Mailchimp"
    # Stands in for https://<data center>.api.mailchimp.com: the key names the data center.
    host = "https://us1.api.mailchimp.com"
    variables: ClassVar[tuple[Variable, ...]] = (
        Variable(
            "MAILCHIMP_API_KEY",
            "an API key, with its data center behind the dash, of a user who may manage audiences",
            required=True,
            secret=True,
        ),
    )
    channels = frozenset({"email"})
    # The limit is of 10 connections a user, not of calls.
    calls_per_second = 10.0
    most_connections = 10
    batch_size = 500
    release_batch_size = 500

    @classmethod
    def headers(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """Basic authentication by any name and the key."""
        token = base64.b64encode(f"key:{settings['MAILCHIMP_API_KEY']}".encode()).decode()
        return {"Authorization": f"Basic {token}"}

    @classmethod
    def judge(cls, status: int, body: object) -> type[PlatformError] | None:
        """A 403 without a body is the limit's; with one it is a right that is missing."""
        return RateLimited if status == 403 and body is None else None

    def refusal(self, item: Item) -> str | None:
        """A scope is needed: members are an audience's."""
        if not item.scope.strip():
            return "Mailchimp keeps members by audience: name its id as the scope of the row"
        return super().refusal(item)

    def probes(self, rows: Sequence[tuple[str, str]]) -> list[Request]:
        """Each audience by its id."""
        return [
            Request("GET", "/3.0/lists/{list}", {"list": scope}, host=self._host)
            for scope in sorted({scope for _, scope in rows if scope})
        ]

    def suppress(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Sets members to unsubscribed, those who bounced to cleaned."""
        return self._set(items, {item.delta_id: _status(item) for item in items})

    def release(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Sets members to subscribed. Who left there by an act of their own only comes back so."""
        return self._set(items, {item.delta_id: "subscribed" for item in items})

    def subscribe(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Sets members to subscribed."""
        return self.release(items)

    def entries(self, channel: str, scope: str) -> Iterator[Entry]:
        """The members of the audience who left it or were cleaned."""
        for status in ("unsubscribed", "cleaned"):
            read = partial(self._members, scope, status)
            for rows in pages_of("members", 0, read):
                for row in rows:
                    address = member_of(row, "email_address", "members")
                    # `last_changed` moves with any edit of the member: no date of the refusal.
                    yield Entry(channel, address, status)

    def _members(self, scope: str, status: str, offset: int) -> tuple[list[Any], int | None]:
        request = Request(
            "GET",
            "/3.0/lists/{list}/members",
            {"list": scope},
            params={
                "status": status,
                "count": str(_PAGE),
                "offset": str(offset),
                "fields": "members.email_address",
                "sort_field": "timestamp_opt",
                "sort_dir": "ASC",
            },
            host=self._host,
        )
        try:
            answer = self.api.call(request)
        except NotThere as error:
            raise _unknown_audience(scope, error) from None
        rows = expect_rows(answer.data, request.label, "members")
        return rows, offset + len(rows) if rows else None

    @property
    def _host(self) -> str | None:
        _, _, data_center = self.settings.get("MAILCHIMP_API_KEY", "").rpartition("-")
        return f"https://{data_center}.api.mailchimp.com" if data_center.isalnum() else None

    def _set(self, items: Sequence[Item], statuses: Mapping[str, str]) -> Iterator[Outcome]:
        if not items:
            return
        members = {_address(item): statuses[item.delta_id] for item in items}
        body = {
            "members": [{"email_address": a, "status": status} for a, status in members.items()],
            # Without it a member that is there already keeps its state.
            "update_existing": True,
            "sync_tags": False,
        }
        sample: dict[str, Any] = {
            "new_members": [],
            "updated_members": body["members"],
            "errors": [],
        }
        request = Request(
            "POST",
            "/3.0/lists/{list}",
            {"list": items[0].scope},
            json=body,
            params={"skip_merge_validation": "true"},
            sample=sample,
            host=self._host,
        )
        try:
            answer = self.api.call(request)
        except NotThere as fault:
            raise _unknown_audience(items[0].scope, fault) from None
        done = {
            str(member.get("email_address")).lower()
            for part in ("new_members", "updated_members")
            for member in expect_rows(answer.data, request.label, part)
        }
        errors = {
            str(error.get("email_address")).lower(): error
            for error in expect_rows(answer.data, request.label, "errors")
        }
        for item in items:
            error = errors.get(_address(item).lower())
            if error is not None:
                yield self.outcome_of(item, answer, error, str(error.get("error")))
            elif _address(item).lower() in done:
                yield Outcome(item, "confirmed", answer.status, None, answer.attempts)
            else:
                text = "the answer does not list this member"
                yield Outcome(item, "failed", answer.status, text, answer.attempts)


def _unknown_audience(scope: str, error: NotThere) -> UnknownScope:
    return UnknownScope(
        f"Mailchimp has no audience {scope!r} ({error}): correct the scope of its row in "
        "seeds/destinations.csv, or `adopt --scope`."
    )


def _status(item: Item) -> str:
    return _STATUSES.get(item.reason, "unsubscribed")


def _address(item: Item) -> str:
    # The engine asks refusal() first: an item without an address never gets here.
    assert item.address
    return item.address
