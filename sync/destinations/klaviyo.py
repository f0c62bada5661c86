"""Klaviyo: suppressions of profiles for email marketing, and opt-outs of SMS marketing.

Facts from Klaviyo's OpenAPI document (profiles, revision 2026-07-15) and its guide on consent. Both
are jobs: the answer is 202, and no outcome of an item is told. A job that names a list or a segment
in place of people, which reaches everybody in it, is not implemented here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

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
    expect_list,
    expect_rows,
    instant_of,
    member_of,
    pages_of,
)
from sync.errors import AnswerUnreadable

# Klaviyo's APIs are dated: this one is stable for a year, and answered for two.
_REVISION = "2026-07-15"
_PROFILES = "/api/profiles"
_SUPPRESS = "profile-suppression-bulk-create-job"
_UNSUPPRESS = "profile-suppression-bulk-delete-job"
_UNSUBSCRIBE = "profile-subscription-bulk-delete-job"
# The most that a page may have.
_PAGE = 100
_MANUAL = "USER_SUPPRESSED"
_REASONS = ("HARD_BOUNCE", "INVALID_EMAIL", "SPAM_COMPLAINT", "UNSUBSCRIBE", _MANUAL)


class Klaviyo(Destination):
    """The profiles of one Klaviyo account."""

    name = "klaviyo"
    title = "Klaviyo"
    host = "https://a.klaviyo.com"
    variables: ClassVar[tuple[Variable, ...]] = (
        Variable(
            "KLAVIYO_API_KEY",
            "a private API key with the scopes profiles:read, profiles:write, subscriptions:write "
            "and lists:write",
            required=True,
            secret=True,
        ),
    )
    channels = frozenset({"email", "sms"})
    # 75 a second and 750 a minute of each kind of call.
    calls_per_second = 12.5
    limits = (Limit(75, 1.0), Limit(750, 60.0))
    batch_size = 100
    # Their addresses stand in a URL when they are looked up.
    release_batch_size = 25

    @classmethod
    def headers(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """The private key, and the API's date."""
        return {
            "Authorization": f"Klaviyo-API-Key {settings['KLAVIYO_API_KEY']}",
            "revision": _REVISION,
            "Accept": "application/vnd.api+json",
            "Content-Type": "application/vnd.api+json",
        }

    @classmethod
    def calls_for(cls, action: Action, reason: str, items: int, batch_size: int) -> int:
        """By the batch; a release is read before."""
        del reason
        if action == "suppress":
            return -(-items // batch_size)
        return 2 * -(-items // min(batch_size, cls.release_batch_size))

    def probes(self, rows: Sequence[tuple[str, str]]) -> list[Request]:
        """One profile with its subscriptions: rights to change show only when one is changed."""
        del rows
        params = {"additional-fields[profile]": "subscriptions", "page[size]": "1"}
        return [Request("GET", _PROFILES, params=params)]

    def refusal(self, item: Item) -> str | None:
        """There is one list: a list of Klaviyo's own as scope would reach others."""
        if item.scope.strip():
            return "Klaviyo is told about all marketing: leave the scope of the row empty"
        return super().refusal(item)

    def suppress(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Suppresses emails, whatever the consent there is; opts numbers out of marketing."""
        if not items:
            return
        if items[0].channel == "email":
            answer = self._job(_SUPPRESS, [{"email": one} for one in _addresses(items)])
        else:
            # Without its consent each would lose all that it is subscribed to.
            consent = {"sms": {"marketing": {"consent": "UNSUBSCRIBED"}}}
            people = [{"phone_number": one, "subscriptions": consent} for one in _addresses(items)]
            answer = self._job(_UNSUBSCRIBE, people)
        for item in items:
            yield Outcome(item, "accepted", answer.status, None, answer.attempts)

    def release(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Takes manual suppressions back; Klaviyo keeps what is filed under any other reason."""
        if not items:
            return
        if items[0].channel == "sms":
            text = "a release of texts is a new consent at Klaviyo: only the person may give it"
            for item in items:
                yield Outcome(item, "rejected", None, text, 0)
            return
        kept = self._kept(items)
        answer = self._job(_UNSUPPRESS, [{"email": one} for one in _addresses(items)])
        for item in items:
            reasons = kept.get(_address(item).lower())
            if reasons is None:
                yield Outcome(item, "accepted", answer.status, None, answer.attempts)
            else:
                text = f"Klaviyo itself filed it there ({reasons}): only the person, or their staff"
                yield Outcome(
                    item, "rejected", answer.status, f"{text}, ends that", answer.attempts
                )

    def entries(self, channel: str, scope: str) -> Iterator[Entry]:
        """Suppressed emails, by reason and with their date."""
        if channel != "email":
            yield from super().entries(channel, scope)
            return
        for reason in _REASONS:
            wanted = f'equals(subscriptions.email.marketing.suppression.reason,"{reason}")'
            for row in self._profiles(wanted):
                for found, since in _suppressions(row):
                    address = _attributes(row).get("email")
                    if found == reason and address:
                        # Its webhooks name a profile by its id alone.
                        own_id = str(row.get("id") or "").strip() or None
                        at = instant_of(since)
                        yield Entry(channel, str(address), reason.lower(), at, platform_id=own_id)

    def _kept(self, items: Sequence[Item]) -> dict[str, str]:
        """The reasons that a release does not end, by address."""
        wanted = f"any(email,{json.dumps(_addresses(items), ensure_ascii=False)})"
        kept: dict[str, str] = {}
        for row in self._profiles(wanted):
            reasons = sorted({reason for reason, _ in _suppressions(row)} - {_MANUAL})
            if reasons:
                kept[str(_attributes(row).get("email")).lower()] = ", ".join(reasons)
        return kept

    def _profiles(self, wanted: str) -> Iterator[dict[str, Any]]:
        first = {
            "additional-fields[profile]": "subscriptions",
            "fields[profile]": "email,subscriptions",
            "filter": wanted,
            "page[size]": str(_PAGE),
        }

        def read(cursor: str) -> tuple[list[Any], str | None]:
            params = {**first, "page[cursor]": cursor} if cursor else first
            request = Request("GET", _PROFILES, params=params, sample={"data": []})
            data = self.api.call(request).data
            rows = expect_rows(data, request.label, "data")
            return rows, (_next(data) or None) if rows else None

        for rows in pages_of(_PROFILES, "", read):
            yield from rows

    def _job(self, kind: str, people: Sequence[Mapping[str, Any]]) -> Response:
        """Begins a job about so many people; raises AnswerUnreadable where it is no job."""
        assert people, "without people a job would be about a list"
        profiles = {"data": [{"type": "profile", "attributes": one} for one in people]}
        request = Request(
            "POST",
            f"/api/{kind}s",
            json={"data": {"type": kind, "attributes": {"profiles": profiles}}},
            sample={"data": {"type": kind, "id": "0"}},
        )
        answer = self.api.call(request)
        # An opt-out is answered without a body.
        is_made = kind == _UNSUBSCRIBE and answer.data is None
        data = answer.data.get("data") if isinstance(answer.data, dict) else None
        if not (is_made or (isinstance(data, dict) and data.get("id"))):
            raise AnswerUnreadable(
                f"{request.label}: the answer names no job.",
                status=answer.status,
                attempts=answer.attempts,
            )
        return answer


def _next(data: Mapping[str, Any]) -> str:
    """The cursor of the page that follows."""
    links = data.get("links")
    following = links.get("next") if isinstance(links, dict) else None
    try:
        return dict(parse_qsl(urlsplit(str(following or "")).query)).get("page[cursor]", "")
    except ValueError:
        raise AnswerUnreadable("links: the next page is named by no URL") from None


def _attributes(row: Mapping[str, Any]) -> Mapping[str, Any]:
    found = row.get("attributes")
    if not isinstance(found, dict):
        raise AnswerUnreadable(f"GET {_PROFILES}: a profile has no attributes.")
    return found


def _suppressions(row: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Reason and date of each suppression of a profile; AnswerUnreadable where they are not shown.

    Else nobody would be known to be kept.
    """
    marketing: Any = _attributes(row)
    for name in ("subscriptions", "email", "marketing"):
        marketing = marketing.get(name) if isinstance(marketing, dict) else None
    if marketing is None and "subscriptions" in _attributes(row):
        # A profile without an email, or that was never asked.
        return
    if not isinstance(marketing, dict):
        raise AnswerUnreadable(f"GET {_PROFILES}: a profile shows no subscriptions.")
    for one in expect_list(marketing.get("suppression") or [], f"GET {_PROFILES}"):
        yield member_of(one, "reason", _PROFILES), one.get("timestamp")


def _addresses(items: Sequence[Item]) -> list[str]:
    return list(dict.fromkeys(_address(item) for item in items))


def _address(item: Item) -> str:
    # The engine asks refusal() first: an item without an address never gets here.
    assert item.address
    return item.address
