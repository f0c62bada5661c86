"""Brevo: the blocklists of email and SMS campaigns, which are flags of its contacts.

Facts from Brevo's API v3 (developers.brevo.com: create, update and get a contact, blocked contacts)
and its help page on blocklisted contacts. Transactional messages have blocklists of their own,
which cannot be written: nothing here stops a receipt. A flag does not say whose it is, so only an
act of consent takes it back, and that of texts, of which no refusal is shown, nobody but a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, NamedTuple

from sync.clock import utc_now
from sync.destinations.base import (
    Action,
    Destination,
    Entry,
    Item,
    Limit,
    Outcome,
    Request,
    Response,
    Variable,
    expect_rows,
    instant_of,
    is_consent,
    is_undone,
    member_of,
    outcomes_of,
    pages_of,
    release_what_is_filed,
)
from sync.errors import AnswerUnreadable, NotThere, PlatformError, SyncError, UnexpectedAnswer

_CONTACTS = "/v3/contacts"
_BLOCKED = "/v3/smtp/blockedContacts"
# The most that a page may have is 1,000, each with all its attributes.
_PAGE = 500
_MOST_BLOCKED = 100
# Brevo shows refusals of 90 days; what is as old as that may be gone by the time of the call.
_SHOWN = timedelta(days=85)
#: The list of those whose flag is set.
_FLAGGED = "blocklisted"


class _Channel(NamedTuple):
    """What a channel is at Brevo. id_type: how a path names a contact by the address."""

    flag: str
    id_type: str


_CHANNELS: Mapping[str, _Channel] = {
    "email": _Channel("emailBlacklisted", "email_id"),
    "sms": _Channel("smsBlacklisted", "phone_id"),
}


class Brevo(Destination):
    """The contacts of one Brevo account."""

    name = "brevo"
    title = "Brevo"
    host = "https://api.brevo.com"
    variables: ClassVar[tuple[Variable, ...]] = (
        Variable("BREVO_API_KEY", "an API key (v3) of the account", required=True, secret=True),
    )
    channels = frozenset({"email", "sms"})
    # Of all calls about contacts, in every plan.
    calls_per_second = 10.0
    limits = (Limit(10, 1.0), Limit(36_000, 3600.0))
    batch_size = 1
    placed_in = frozenset({_FLAGGED})

    @classmethod
    def headers(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """The key."""
        return {"api-key": settings["BREVO_API_KEY"], "Accept": "application/json"}

    @classmethod
    def calls_for(cls, action: Action, reason: str, items: int, batch_size: int) -> int:
        """One each, two for a number that is not a contact yet; a release is read before."""
        del batch_size
        return 2 * items if action == "release" and is_consent(reason) else items

    @classmethod
    def judge(cls, status: int, body: object) -> type[PlatformError] | None:
        """404: no such contact, by its code; another is some other host's."""
        code = body.get("code") if isinstance(body, dict) else None
        return UnexpectedAnswer if status == 404 and code != "document_not_found" else None

    def probes(self, rows: Sequence[tuple[str, str]]) -> list[Request]:
        """One contact, and one entry of the blocklist that is read."""
        one = {"limit": "1"}
        found = [Request("GET", _CONTACTS, params=one)]
        if any(channel == "email" for channel, _ in rows):
            found.append(Request("GET", _BLOCKED, params=one))
        return found

    def refusal(self, item: Item) -> str | None:
        """There is one list: a scope would name none."""
        if item.scope.strip():
            return "Brevo has one blocklist per channel: leave the scope of the row empty"
        return super().refusal(item)

    def suppress(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Sets the flag. Who is no contact yet becomes one: an import finds the flag set."""
        answers = self.api.map(_set(item) for item in items)
        known: list[tuple[Item, Response | SyncError]] = []
        missing: list[Item] = []
        for item, answer in zip(items, answers, strict=True):
            if isinstance(answer, NotThere) and item.channel == "sms":
                missing.append(item)
            else:
                known.append((item, answer))
        yield from _told(known)
        made = self.api.map(_create(item) for item in missing)
        yield from _told(list(zip(missing, made, strict=True)))

    def release(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Takes a flag of email back after an act of consent, if Brevo shows no later refusal."""
        freed: list[Item] = []
        for item in items:
            text = _why_not_freed(item)
            if text is None:
                freed.append(item)
            else:
                yield Outcome(item, "rejected", None, text, 0)
        yield from release_what_is_filed(self.api, freed, _look, _decide, _freed)

    def entries(self, channel: str, scope: str) -> Iterator[Entry]:
        """Those whose flag is set; for email the blocklist of transactional emails as well."""
        del scope
        flag = _CHANNELS[channel].flag
        for row in self._rows(_CONTACTS, _PAGE, {"sort": "asc"}):
            address = _address_of(channel, row)
            # A contact of another channel only has none.
            if row.get(flag) is True and address:
                # `modifiedAt` moves with any edit: no date of the refusal.
                yield Entry(channel, address, _FLAGGED)
        if channel != "email":
            return
        for row in self._rows(_BLOCKED, _MOST_BLOCKED, {"sort": "asc"}):
            reason = row.get("reason")
            code = member_of(reason, "code", _BLOCKED).lower()
            # An opt-out of transactional emails is of those of one sender.
            topic = str(row.get("senderEmail") or "") or None
            yield Entry(
                channel,
                member_of(row, "email", _BLOCKED),
                f"transactional/{code}",
                instant_of(row.get("blockedAt")),
                topic if code.startswith("unsubscribed") else None,
            )

    def _rows(self, path: str, size: int, more: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        def read(offset: int) -> tuple[list[Any], int | None]:
            params = {"limit": str(size), "offset": str(offset), **more}
            data = self.api.call(Request("GET", path, params=params)).data
            # An empty list is left out of the answer.
            is_empty = isinstance(data, dict) and data.get("count") == 0
            rows = [] if is_empty else expect_rows(data, path, "contacts")
            return rows, None if len(rows) < size else offset + len(rows)

        for rows in pages_of(path, 0, read):
            yield from rows


def _set(item: Item) -> Request:
    """Sets the flag: an address by the call that makes a contact where there is none."""
    if item.channel == "email":
        return _create(item)
    return _change(item, is_on=True)


def _create(item: Item) -> Request:
    body: dict[str, Any] = {_CHANNELS[item.channel].flag: True, "updateEnabled": True}
    if item.channel == "email":
        body["email"] = _address(item)
    else:
        body["attributes"] = {"SMS": _address(item)}
    return Request("POST", _CONTACTS, json=body, sample={"id": 0})


def _change(item: Item, *, is_on: bool) -> Request:
    channel = _CHANNELS[item.channel]
    return Request(
        "PUT",
        f"{_CONTACTS}/{{contact}}",
        {"contact": _address(item)},
        json={channel.flag: is_on},
        params={"identifierType": channel.id_type},
    )


def _look(item: Item) -> Request:
    channel = _CHANNELS[item.channel]
    return Request(
        "GET",
        f"{_CONTACTS}/{{contact}}",
        {"contact": _address(item)},
        params={"identifierType": channel.id_type},
        sample={channel.flag: True},
    )


def _why_not_freed(item: Item) -> str | None:
    """Why nothing that Brevo shows could say that the flag is not a later refusal, or None."""
    if not is_consent(item.reason):
        return (
            "Brevo keeps one flag, and does not say whether the person set it: only an act of "
            "consent takes it back"
        )
    if item.channel == "sms":
        return (
            "Brevo does not say whether the person refused texts later than the act of consent: "
            "take the number off the blocklist at Brevo, if they did not"
        )
    at = item.event_timestamp
    if at is None or at < utc_now() - _SHOWN:
        return (
            f"the act of consent is older than {_SHOWN.days} days or of no known time, and Brevo "
            "shows later refusals for so long only: ask the person again, or take the address off "
            "the blocklist at Brevo, if they did not refuse"
        )
    return None


def _decide(item: Item, answer: Response) -> Request | str | None:
    """What is to become of an item by its contact."""
    flag = _CHANNELS[item.channel].flag
    contact = answer.data
    if not isinstance(contact, dict) or not isinstance(contact.get(flag), bool):
        raise AnswerUnreadable(f"GET {_CONTACTS}/{{contact}}: the answer has no {flag!r}.")
    if not contact[flag]:
        return None
    if not all(is_undone(item, at) for at in _refusals(contact)):
        return "the person refused at Brevo later than the act of consent: adopt its list"
    return _change(item, is_on=False)


def _refusals(contact: Mapping[str, Any]) -> Iterator[Any]:
    """When the person opted out of email campaigns or complained: of the last 90 days."""
    statistics = contact.get("statistics")
    if not isinstance(statistics, dict):
        return
    unsubscriptions = statistics.get("unsubscriptions")
    own = unsubscriptions.get("userUnsubscription") if isinstance(unsubscriptions, dict) else None
    for rows in (own, statistics.get("complaints")):
        for row in rows if isinstance(rows, list) else []:
            yield instant_of(row.get("eventTime") if isinstance(row, dict) else None)


def _freed(item: Item, end: Response) -> Outcome:
    return Outcome(item, "confirmed", end.status, None, end.attempts)


def _told(pairs: Sequence[tuple[Item, Response | SyncError]]) -> Iterator[Outcome]:
    items, answers = [item for item, _ in pairs], [answer for _, answer in pairs]
    yield from outcomes_of(items, answers, "confirmed")


def _address_of(channel: str, row: Mapping[str, Any]) -> str:
    """The address of a listed contact; a number as E.164, which Brevo shows without the plus."""
    if channel == "email":
        return str(row.get("email") or "")
    attributes = row.get("attributes")
    number = str(attributes.get("SMS") or "") if isinstance(attributes, dict) else ""
    return f"+{number.removeprefix('00')}" if number[:1].isdigit() else number


def _address(item: Item) -> str:
    # The engine asks refusal() first: an item without an address never gets here.
    assert item.address
    return item.address
