"""Mailgun: the bounces, complaints and unsubscribes of a sending domain.

Facts from Mailgun's OpenAPI document (suppressions). Reasons are filed apart (keeps_reason); which
goes where is seeds/destination_lists.csv. `DELETE /v3/{domain}/{kind}` without an address, which
clears a list, is not implemented here.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from email.utils import format_datetime
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
    check,
    expect_list,
    expect_rows,
    instant_of,
    is_consent,
    member_of,
    pages_of,
)
from sync.errors import (
    AnswerUnreadable,
    ListNotThere,
    NotThere,
    PlatformError,
    SyncError,
    UnknownScope,
)

_KINDS: Mapping[str, str] = {
    "complaint": "complaints",
    "bounce": "bounces",
    "soft_bounces": "bounces",
}
_ALL_KINDS = ("bounces", "complaints", "unsubscribes")
# The most that a page may have.
_PAGE = 1000
_COUNT = re.compile(r"\d+")


class Mailgun(Destination):
    """The suppressions of one Mailgun account; a scope is a sending domain."""

    name = "mailgun"
    title = "Mailgun"
    # Domains in the EU: MAILGUN_BASE_URL=https://api.eu.mailgun.net.
    host = "https://api.mailgun.net"
    variables: ClassVar[tuple[Variable, ...]] = (
        Variable(
            "MAILGUN_API_KEY",
            "an API key of the account (a domain's sending key may not do)",
            required=True,
            secret=True,
        ),
    )
    channels = frozenset({"email"})
    # None is published for suppressions; 500 in 10 seconds is that of its other reports.
    calls_per_second = 50.0
    limits = (Limit(500, 10.0),)
    # "Should be less than 1000", says the answer to more.
    batch_size = 999

    @classmethod
    def headers(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """Basic authentication: `api` and the key."""
        token = base64.b64encode(f"api:{settings['MAILGUN_API_KEY']}".encode()).decode()
        return {"Authorization": f"Basic {token}"}

    @classmethod
    def calls_for(cls, action: Action, reason: str, items: int, batch_size: int) -> int:
        """Added by the batch and file, released one by one."""
        del reason
        if action == "suppress":
            return -(-items // batch_size)
        return items

    @classmethod
    def judge(cls, status: int, body: object) -> type[PlatformError] | None:
        """404: an address that is not on the list, or else a domain that is not the account's."""
        if status != 404:
            return None
        said = str(body.get("message", "")) if isinstance(body, dict) else ""
        return NotThere if "address not found" in said.lower() else ListNotThere

    def refusal(self, item: Item) -> str | None:
        """A scope is needed: lists are a domain's."""
        if not item.scope.strip():
            return "Mailgun keeps lists by domain: name it as the scope of the row"
        return super().refusal(item)

    def probes(self, rows: Sequence[tuple[str, str]]) -> list[Request]:
        """One row of each list of each domain."""
        return [
            Request("GET", f"/v3/{{domain}}/{kind}", {"domain": scope}, params={"limit": "1"})
            for scope in sorted({scope for _, scope in rows if scope})
            for kind in _ALL_KINDS
        ]

    def suppress(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Adds them, one call for each list."""
        for kind in _ALL_KINDS:
            filed = [item for item in items if _kind(item) == kind]
            if filed:
                yield from self._add(kind, filed)

    def release(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Deletes them one by one. Who is not there is no error."""
        if not items:
            return
        pairs = [(item, kind) for item in items for kind in _kinds_to_free(item)]
        path = "/v3/{domain}/%s/{address}"
        answers = self.api.map(
            Request("DELETE", path % kind, {"domain": item.scope, "address": _address(item)})
            for item, kind in pairs
        )
        by_item: dict[str, list[Response | SyncError]] = {item.delta_id: [] for item in items}
        for (item, _), answer in zip(pairs, answers, strict=True):
            if isinstance(answer, ListNotThere):
                raise _unknown_domain(item.scope, answer)
            by_item[item.delta_id].append(answer)
        for item in items:
            yield from _freed(item, by_item[item.delta_id])
        check(answers)

    def entries(self, channel: str, scope: str) -> Iterator[Entry]:
        """The domain's bounces, complaints and unsubscribes; of a tag only, with the tag."""
        for kind in _ALL_KINDS:
            for row in self._rows(kind, scope):
                address = member_of(row, "address", kind)
                since = instant_of(row.get("created_at"))
                tags = expect_list(row.get("tags") or ["*"], kind)
                if kind != "unsubscribes" or "*" in tags:
                    yield Entry(channel, address, kind, since)
                else:
                    yield from (
                        Entry(channel, address, f"{kind}/tag", since, str(tag)) for tag in tags
                    )

    def _rows(self, kind: str, scope: str) -> Iterator[dict[str, Any]]:
        path = f"/v3/{{domain}}/{kind}"

        def read(query: str) -> tuple[list[Any], str | None]:
            request = Request("GET", path, {"domain": scope}, params=dict(parse_qsl(query)))
            try:
                answer = self.api.call(request)
            except ListNotThere as error:
                raise _unknown_domain(scope, error) from None
            rows = expect_rows(answer.data, path, "items")
            # The last page is an empty one.
            return rows, (_next(answer.data) or None) if rows else None

        for rows in pages_of(path, f"limit={_PAGE}", read):
            yield from rows

    def _add(self, kind: str, items: Sequence[Item]) -> Iterator[Outcome]:
        unique = {_address(item): item for item in items}
        body = [_entry(item, kind) for item in unique.values()]
        message = f"{len(body)} addresses have been added to the {kind} table"
        request = Request(
            "POST",
            f"/v3/{{domain}}/{kind}",
            {"domain": items[0].scope},
            json=body,
            sample={"message": message},
        )
        try:
            answer = self.api.call(request)
        except ListNotThere as error:
            raise _unknown_domain(items[0].scope, error) from None
        # The count is all that Mailgun says of the items.
        said = str(answer.data.get("message", "")) if isinstance(answer.data, dict) else ""
        counted = _COUNT.match(said)
        is_whole = counted is not None and int(counted[0]) == len(body)
        if not is_whole:
            # One of them may be at fault: the call is divided until it is found.
            raise AnswerUnreadable(
                f"the answer counts {said[:80]!r} for {len(body)} addresses",
                status=answer.status,
                attempts=answer.attempts,
            )
        for item in items:
            yield Outcome(item, "confirmed", answer.status, None, answer.attempts)


def _next(data: Mapping[str, Any]) -> str:
    """The query of the page that follows, as the answer's paging names it."""
    paging = data.get("paging")
    following = paging.get("next") if isinstance(paging, dict) else None
    try:
        return urlsplit(str(following or "")).query
    except ValueError:
        raise AnswerUnreadable("paging: the next page is named by no URL") from None


def _kind(item: Item) -> str:
    return _KINDS.get(item.reason, "unsubscribes")


def _kinds_to_free(item: Item) -> Iterable[str]:
    """The lists that may hold the person, but for those that are to be kept.

    Of a row that keeps reasons apart all others are. Of one that does not, the entry may stand
    under an earlier reason; a complaint is ended by an act of consent only.
    """
    kept = set((item.kept_topics or "").split(","))
    ends_all = is_consent(item.reason) or item.reason == "policy"
    kinds = _ALL_KINDS if ends_all else ("bounces", "unsubscribes")
    return tuple(kind for kind in kinds if kind not in kept)


def _entry(item: Item, kind: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"address": _address(item)}
    if kind == "unsubscribes":
        entry["tags"] = ["*"]
    if kind == "bounces":
        entry |= {"code": "550", "error": "suppressed by contact-sync"}
    # Of what nobody did the date is that of our call: by it the entry is known as ours.
    is_dated = is_consent(item.reason) or item.reason in ("bounce", "soft_bounces")
    if item.event_timestamp is not None and is_dated:
        entry["created_at"] = format_datetime(item.event_timestamp.replace(tzinfo=UTC))
    return entry


def _unknown_domain(scope: str, error: PlatformError) -> UnknownScope:
    return UnknownScope(
        f"Mailgun has no domain {scope!r} ({error}): correct the scope of its row in "
        "seeds/destinations.csv, or `adopt --scope`, or MAILGUN_BASE_URL for one in the EU."
    )


def _freed(item: Item, answers: Sequence[Response | SyncError]) -> Iterator[Outcome]:
    """An item is freed when it is on none of its lists any more; one not sent whole has no row."""
    faults = [answer for answer in answers if isinstance(answer, PlatformError)]
    faults = [fault for fault in faults if not isinstance(fault, NotThere)]
    sent = [answer for answer in answers if isinstance(answer, (Response, PlatformError))]
    attempts = max((answer.attempts for answer in sent), default=0)
    if faults and attempts:
        yield Outcome.of_error(item, next((one for one in faults if one.attempts), faults[0]))
    elif not faults and len(sent) == len(answers):
        status = sent[0].status if sent else None
        yield Outcome(item, "confirmed", status, None, attempts)


def _address(item: Item) -> str:
    # The engine asks refusal() first: an item without an address never gets here.
    assert item.address
    return item.address
