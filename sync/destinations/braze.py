"""Braze: email subscription states, subscription groups, and push by profile.

Facts from Braze's REST API documentation (email lists, subscription groups, user track) and its
page on rate limits. A call about emails or groups has one outcome for all its items.
`/users/delete` is not implemented here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Literal

from sync.destinations.base import (
    Action,
    Destination,
    Entry,
    Item,
    Limit,
    Outcome,
    Request,
    Response,
    Result,
    Variable,
    expect_list,
    expect_rows,
    instant_of,
    member_of,
    pages_of,
)
from sync.errors import AnswerUnreadable, ConfigError, ItemsRefused

# Of users/track 75 are documented, on some plans 50: so many are taken by every endpoint.
_MOST = 50
# The most that a page of a list may have.
_PAGE = 500
_INSTANCE = re.compile(r"[a-z]{2,4}-[0-9]{2}")
_SUCCESS = {"message": "success"}
# The reasons that mean that mail does not arrive.
_BOUNCES = frozenset({"bounce", "soft_bounces"})
# What the message of an answer says of all its items.
_RESULTS: Mapping[str, Result] = {"success": "confirmed", "queued": "accepted"}


class Braze(Destination):
    """One Braze workspace; a scope is a subscription group."""

    name = "braze"
    title = "Braze"
    # Stands in for the host of BRAZE_INSTANCE.
    host = "https://rest.iad-01.braze.com"
    variables: ClassVar[tuple[Variable, ...]] = (
        Variable(
            "BRAZE_API_KEY",
            "a REST API key with email.status, email.blacklist, email.bounce.remove, "
            "email.spam.remove, email.unsubscribe, subscription.status.set and users.track",
            required=True,
            secret=True,
        ),
        Variable("BRAZE_INSTANCE", "the instance, as in iad-05, fra-01 or au-01", required=True),
    )
    channels = frozenset({"email", "sms", "push"})
    # Of the limits of one key the strictest: 250,000 an hour for all of /email.
    calls_per_second = 250_000 / 3600
    limits = (
        Limit(250_000, 3600.0, "/email/*"),
        Limit(5_000, 60.0, "/v2/subscription/status/set"),
        Limit(3_000, 3.0, "/users/track"),
    )
    batch_size = _MOST
    release_batch_size = _MOST

    @classmethod
    def headers(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """Bearer key. ConfigError where no instance is named: the key would go to another one."""
        if _host_of(settings) is None:
            raise ConfigError(
                "BRAZE_INSTANCE is not the part of the REST endpoint after rest., such as iad-05 "
                "of https://rest.iad-05.braze.com."
            )
        return {"Authorization": f"Bearer {settings['BRAZE_API_KEY']}"}

    @classmethod
    def calls_for(cls, action: Action, reason: str, items: int, batch_size: int) -> int:
        """By the batch; an email leaves the list of bounces first, and that of complaints.

        Push and groups have no such lists: for those a release is expected to cost too much.
        """
        lists = len(_freeing(reason)) if action == "release" else 0
        return -(-items // batch_size) * (1 + lists)

    def refusal(self, item: Item) -> str | None:
        """Texts are known by subscription group only, push by profile only."""
        refusal = super().refusal(item)
        if refusal is None and item.channel == "sms" and not item.scope:
            return "Braze knows texts by subscription group: name its id as the row's scope"
        if refusal is None and item.channel == "push" and item.scope:
            return "Braze has no subscription groups of push: leave the row's scope empty"
        if refusal is None and item.channel == "push" and not item.external_id:
            return "Braze knows push by external_id, and none is known of this token's owner"
        return refusal

    def probes(self, rows: Sequence[tuple[str, str]]) -> list[Request]:
        """The newest unsubscribe: a right that reads; those that write cannot be tried."""
        del rows
        params = {"start_date": "2020-01-01", "end_date": "2020-01-02", "limit": "2"}
        return [self._request("GET", "/email/unsubscribes", params=params)]

    def suppress(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Unsubscribes them; an address that bounced goes on the blocklist."""
        if not items:
            return
        if items[0].channel == "push":
            yield from self._push(items, "unsubscribed")
        elif items[0].scope:
            yield from self._group(items, "unsubscribed")
        else:
            bounced = [item for item in items if item.reason in _BOUNCES]
            others = [item for item in items if item.reason not in _BOUNCES]
            if bounced:
                yield from self._emails("/email/blocklist", bounced)
            if others:
                yield from self._emails("/email/status", others, state="unsubscribed")

    def release(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Subscribed again, as before anything was said, and off the lists first."""
        if not items:
            return
        if items[0].channel != "push" and not items[0].scope:
            for path in ("/email/bounce/remove", "/email/spam/remove"):
                listed = [item for item in items if path in _freeing(item.reason)]
                if listed:
                    self._call(path, {"email": _addresses(listed)})
        yield from self._grant(items, "subscribed")

    def subscribe(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Opted in by an act of their own."""
        if items:
            yield from self._grant(items, "opted_in")

    def entries(self, channel: str, scope: str) -> Iterator[Entry]:
        """Emails that are unsubscribed or bounced; groups, texts and push are shown by person only.

        Raises ListNotReadable for those.
        """
        if channel != "email" or scope:
            yield from super().entries(channel, scope)
        for path, listed_in, stamp in (
            ("/email/unsubscribes", "unsubscribed", "unsubscribed_at"),
            ("/email/hard_bounces", "hard_bounces", "hard_bounced_at"),
        ):
            for rows in pages_of(path, 0, partial(self._page, path)):
                for row in rows:
                    since = instant_of(row.get(stamp))
                    yield Entry(channel, member_of(row, "email", path), listed_in, since)

    def _page(self, path: str, offset: int) -> tuple[list[Any], int | None]:
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d")
        params = {
            "start_date": "2010-01-01",
            "end_date": tomorrow,
            "limit": str(_PAGE),
            "offset": str(offset),
            "sort_direction": "asc",
        }
        answer = self.api.call(self._request("GET", path, params=params))
        rows = expect_rows(answer.data, path, "emails")
        return rows, offset + len(rows) if rows else None

    def _grant(self, items: Sequence[Item], state: str) -> Iterator[Outcome]:
        if items[0].channel == "push":
            yield from self._push(items, state)
        elif items[0].scope:
            yield from self._group(items, "subscribed")
        else:
            yield from self._emails("/email/status", items, state=state)

    def _emails(
        self, path: str, items: Sequence[Item], *, state: str | None = None
    ) -> Iterator[Outcome]:
        body: dict[str, Any] = {"email": _addresses(items)}
        if state is not None:
            body["subscription_state"] = state
        yield from _all(items, self._call(path, body))

    def _group(self, items: Sequence[Item], state: str) -> Iterator[Outcome]:
        # Emails and phones of one call would exclude each other.
        key = "emails" if items[0].channel == "email" else "phones"
        group = {
            "subscription_group_id": items[0].scope,
            "subscription_state": state,
            key: _addresses(items),
        }
        answer = self._call("/v2/subscription/status/set", {"subscription_groups": [group]})
        yield from _all(items, answer)

    def _push(self, items: Sequence[Item], state: str) -> Iterator[Outcome]:
        # Tokens of one person are one profile.
        people = list(dict.fromkeys(item.external_id for item in items))
        attributes = [
            {
                "external_id": person,
                "push_subscribe": state,
                # A profile that is not there is none to be messaged: it is not to be made.
                "_update_existing_only": True,
            }
            for person in people
        ]
        answer = self._call("/users/track", {"attributes": attributes})
        faults = {people[place]: text for place, text in _errors(answer, len(people)).items()}
        for outcome in _all(items, answer):
            item = outcome.item
            fault = faults.get(item.external_id)
            yield (
                outcome if fault is None else self.outcome_of(item, answer, {"type": fault}, fault)
            )

    def _call(self, path: str, body: Mapping[str, Any]) -> Response:
        return self.api.call(self._request("POST", path, body=body))

    def _request(
        self,
        method: Literal["GET", "POST"],
        path: str,
        *,
        body: object = None,
        params: Mapping[str, str] | None = None,
    ) -> Request:
        host = _host_of(self.settings)
        return Request(method, path, json=body, params=params or {}, host=host, sample=_SUCCESS)


def _host_of(settings: Mapping[str, str]) -> str | None:
    """The host of the instance; None in a dry run, which may lack it."""
    instance = settings.get("BRAZE_INSTANCE", "").strip().lower()
    if not _INSTANCE.fullmatch(instance):
        return None
    end = "eu" if instance.startswith("fra") else "com"
    return f"https://rest.{instance}.braze.{end}"


def _freeing(reason: str) -> tuple[str, ...]:
    """The lists that may hold an address besides its state, whatever our reason was.

    A complaint ends by an act of consent only, be the opt-out that it ends the complaint or not.
    """
    spam = ("/email/spam/remove",) if reason in ("complaint", "unsubscribe") else ()
    return ("/email/bounce/remove", *spam)


def _errors(answer: Response, people: int) -> dict[int, str]:
    """What is wrong with the profiles of a call that was taken, by their place in it.

    Raises ItemsRefused where no place is told: each error could be anybody's, so the call is split
    until it is one person's. What was right is taken twice, which changes nothing.
    """
    errors = answer.data.get("errors") if isinstance(answer.data, dict) else None
    found: dict[int, str] = {}
    for error in expect_list(errors or [], "POST /users/track"):
        told = error if isinstance(error, dict) else {"type": error}
        place, text = told.get("index"), str(told.get("type") or "refused, without a reason")
        if people == 1:
            place = 0
        elif told.get("input_array") != "attributes" or not isinstance(place, int):
            place = None
        if place is None or not 0 <= place < people:
            raise ItemsRefused(
                f"POST /users/track: {text}", status=answer.status, attempts=answer.attempts
            )
        found[place] = text
    return found


def _all(items: Sequence[Item], answer: Response) -> Iterator[Outcome]:
    """One outcome for the whole call; `queued` is said while Braze is under maintenance.

    Raises AnswerUnreadable where neither is said: one item may be at fault, so the call is divided.
    """
    message = answer.data.get("message") if isinstance(answer.data, dict) else None
    result = _RESULTS.get(str(message))
    if result is None:
        raise AnswerUnreadable(
            "the answer does not say that it was taken",
            status=answer.status,
            attempts=answer.attempts,
        )
    for item in items:
        yield Outcome(item, result, answer.status, None, answer.attempts)


def _addresses(items: Sequence[Item]) -> list[str]:
    # The engine asks refusal() first: an item without an address never gets here.
    return list(dict.fromkeys(item.address for item in items if item.address))
