"""SparkPost: the suppression list of an account or subaccount, one list per type of message.

Facts from SparkPost's Suppression List API (developers.sparkpost.com/api/suppression-list). A row
names the type in its scope: an opt-out of newsletters is filed as `non_transactional` and stops no
receipt. `DELETE` without a type or without `list_id`, which frees from more, is not implemented.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from sync.destinations.base import (
    Action,
    Destination,
    Entry,
    Item,
    Outcome,
    Request,
    Response,
    Variable,
    expect_rows,
    instant_of,
    is_consent,
    is_undone,
    member_of,
    pages_of,
    release_what_is_filed,
)
from sync.errors import AnswerUnreadable, PlatformError, UnexpectedAnswer, UnknownScope

_PATH = "/api/v1/suppression-list"
_SCOPE = re.compile(r"(non_transactional|transactional)(?:/([1-9][0-9]*))?")
# Its default; the most is 10,000, whose descriptions may be longer than an answer may be.
_PAGE = 1000
# Sources that are acts of the person's.
_PERSONAL = frozenset({"spam complaint", "list unsubscribe", "unsubscribe link"})


class _List(NamedTuple):
    """What a scope names. subaccount: None for the primary account."""

    type: str
    subaccount: str | None

    @property
    def reading(self) -> dict[str, str]:
        """The header of a call that reads: without one it reads all subaccounts' lists."""
        return {"X-MSYS-SUBACCOUNT": self.subaccount or "0"}

    @property
    def changing(self) -> dict[str, str]:
        """The header of a call that changes: without one it changes the primary account's list."""
        return {} if self.subaccount is None else self.reading


class SparkPost(Destination):
    """The suppression lists of one SparkPost account."""

    name = "sparkpost"
    title = "SparkPost"
    # Accounts in the EU: SPARKPOST_BASE_URL=https://api.eu.sparkpost.com.
    host = "https://api.sparkpost.com"
    variables: ClassVar[tuple[Variable, ...]] = (
        Variable(
            "SPARKPOST_API_KEY",
            "an API key of the primary account with Suppression Lists: Read/Write",
            required=True,
            secret=True,
        ),
    )
    channels = frozenset({"email"})
    # Its limits are dynamic, and no number is published: 429 moves the schedule.
    calls_per_second = 10.0
    batch_size = 10_000

    @classmethod
    def headers(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """The key as it is."""
        return {"Authorization": settings["SPARKPOST_API_KEY"], "Accept": "application/json"}

    @classmethod
    def calls_for(cls, action: Action, reason: str, items: int, batch_size: int) -> int:
        """Added by the batch; read one by one, and deleted where the person consented."""
        if action == "suppress":
            return -(-items // batch_size)
        return 2 * items if is_consent(reason) else items

    @classmethod
    def judge(cls, status: int, body: object) -> type[PlatformError] | None:
        """A 404 of its own says so in `errors`; another is some other host's."""
        is_own = isinstance(body, dict) and isinstance(body.get("errors"), list)
        return UnexpectedAnswer if status == 404 and not is_own else None

    def refusal(self, item: Item) -> str | None:
        """A scope is needed: it names the list."""
        if _SCOPE.fullmatch(item.scope) is None:
            return (
                "SparkPost keeps a list per type of message: name `non_transactional` or "
                "`transactional` as the scope of the row, with `/ID` for a subaccount"
            )
        return super().refusal(item)

    def probes(self, rows: Sequence[tuple[str, str]]) -> list[Request]:
        """One entry of each list."""
        return [_page(_list(scope), {"per_page": "1"}) for _, scope in rows]

    def suppress(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Adds them to the list that the scope names; the answer speaks for all of them."""
        if not items:
            return
        of = _list(items[0].scope)
        unique = {_address(item): item for item in items}
        rows = [
            {"recipient": address, "type": of.type, "description": f"contact-sync: {item.reason}"}
            for address, item in unique.items()
        ]
        request = Request(
            "PUT",
            _PATH,
            json={"recipients": rows},
            sample={"results": {"message": "Suppression List successfully updated"}},
            headers=of.changing,
        )
        answer = self.api.call(request)
        results = answer.data.get("results") if isinstance(answer.data, dict) else None
        if not isinstance(results, dict) or not isinstance(results.get("message"), str):
            raise AnswerUnreadable(
                f"{request.label}: the answer does not say that the list was updated.",
                status=answer.status,
                attempts=answer.attempts,
            )
        for item in items:
            yield Outcome(item, "confirmed", answer.status, None, answer.attempts)

    def release(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Deletes entries where an act of consent ended the reason, and no refusal is later."""
        if not items:
            return
        of = _list(items[0].scope)
        yield from release_what_is_filed(
            self.api,
            items,
            lambda item: _look(item, of),
            lambda item, answer: _decide(item, answer, of),
            lambda item, end: Outcome(item, "confirmed", end.status, None, end.attempts),
        )

    def entries(self, channel: str, scope: str) -> Iterator[Entry]:
        """The list's entries, by source; those of one mailing list with its id."""
        of = _list(scope)

        def read(query: str) -> tuple[list[Any], str | None]:
            answer = self.api.call(_page(of, dict(parse_qsl(query))))
            rows = expect_rows(answer.data, _PATH, "results")
            return rows, (_next(answer.data) or None) if rows else None

        for rows in pages_of(_PATH, f"cursor=initial&per_page={_PAGE}", read):
            for row in rows:
                if row.get("type", of.type) != of.type:
                    continue
                source, topic = _source(row), str(row.get("list_id") or "") or None
                yield Entry(
                    channel,
                    member_of(row, "recipient", _PATH),
                    f"{source}/list" if topic else source,
                    instant_of(row.get("created")),
                    topic,
                )


def _list(scope: str) -> _List:
    named = _SCOPE.fullmatch(scope)
    if named is None:
        raise UnknownScope(
            f"SparkPost has no list {scope!r}: correct the scope of its row in "
            "seeds/destinations.csv, or `adopt --scope`: non_transactional or transactional, with "
            "/ID for a subaccount."
        )
    return _List(named[1], named[2])


def _page(of: _List, params: Mapping[str, str]) -> Request:
    return Request("GET", _PATH, params={**params, "types": of.type}, headers=of.reading)


def _next(data: Mapping[str, Any]) -> str:
    """The query of the page that follows: `links` is a list of href and rel, or names `next`."""
    links = data.get("links")
    if isinstance(links, dict):
        links = [{"rel": "next", "href": links.get("next")}]
    found = [
        str(link.get("href") or "")
        for link in (links if isinstance(links, list) else [])
        if isinstance(link, dict) and link.get("rel") == "next"
    ]
    try:
        return urlsplit(found[0]).query if found else ""
    except ValueError:
        raise AnswerUnreadable("links: the next page is named by no URL") from None


def _source(row: Mapping[str, Any]) -> str:
    return member_of(row, "source", _PATH).lower()


def _look(item: Item, of: _List) -> Request:
    sample = {"results": [{"type": of.type, "source": "Manually Added"}]}
    return Request(
        "GET",
        f"{_PATH}/{{recipient}}",
        {"recipient": _address(item)},
        params={"types": of.type},
        sample=sample,
        headers=of.reading,
    )


def _decide(item: Item, answer: Response, of: _List) -> Request | str | None:
    """What is to become of an item by its entries."""
    filed = [
        row
        for row in expect_rows(answer.data, _PATH, "results")
        # Those of one mailing list are not of this row.
        if row.get("type") == of.type and not row.get("list_id")
    ]
    if not filed:
        return None
    for row in filed:
        # The latest date, in case the person did it again.
        at = instant_of(row.get("updated")) or instant_of(row.get("created"))
        if _source(row) in _PERSONAL and not is_undone(item, at):
            return (
                f"SparkPost itself filed it there ({_source(row)}), and no later act of consent "
                "ended that: adopt its list"
            )
    if not is_consent(item.reason):
        # Whether our PUT over an entry of the person's own leaves its source is not documented.
        return (
            "SparkPost's entry may be the person's own, filed over by ours: only an act of consent "
            "ends it; where it is no refusal, delete it at SparkPost"
        )
    return Request(
        "DELETE",
        f"{_PATH}/{{recipient}}",
        {"recipient": _address(item)},
        json={"type": of.type},
        # Empty: the entry of the account. Without it those of all mailing lists go as well.
        params={"list_id": ""},
        headers=of.changing,
    )


def _address(item: Item) -> str:
    # The engine asks refusal() first: an item without an address never gets here.
    assert item.address
    return item.address
