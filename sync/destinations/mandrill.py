"""Mandrill (Mailchimp Transactional): the rejection denylist of an account or subaccount.

Facts from Mailchimp's Transactional API (mailchimp.com/developer/transactional/api/rejects) and its
page on reputation and rejections. The key is a member of every body: `members` adds it as a call
leaves. Errors are answered with HTTP 500 and a name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from sync.destinations.base import (
    Action,
    Destination,
    Entry,
    Item,
    Outcome,
    Request,
    Response,
    Variable,
    check,
    expect_rows,
    instant_of,
    is_consent,
    is_undone,
    member_of,
    release_what_is_filed,
)
from sync.errors import (
    CredentialRefused,
    ItemsRefused,
    ListNotReadable,
    ListNotThere,
    NotThere,
    PlatformError,
    SyncError,
    UnexpectedAnswer,
    UnknownScope,
)

_PATH = "/api/1.0/rejects"
_KINDS: Mapping[str, type[PlatformError]] = {
    "Invalid_Key": CredentialRefused,
    "ValidationError": ItemsRefused,
    "Unknown_Subaccount": ListNotThere,
    "Invalid_Reject": NotThere,
}
# Reasons of entries that are acts of the person's.
_PERSONAL = frozenset({"spam", "unsub"})
# The most that an answer has; there are no pages.
_MOST_ENTRIES = 1000
# An address that a probe asks for: at a name that never resolves (RFC 2606).
_NOBODY = "probe@contact-sync.invalid"


class Mandrill(Destination):
    """The denylists of one Mandrill account; a scope is a subaccount's id."""

    name = "mandrill"
    title = "Mandrill"
    host = "https://mandrillapp.com"
    variables: ClassVar[tuple[Variable, ...]] = (
        Variable(
            "MANDRILL_API_KEY",
            "an API key that may call rejects/add, rejects/delete and rejects/list",
            required=True,
            secret=True,
        ),
    )
    channels = frozenset({"email"})
    # None is published: 429 moves the schedule.
    calls_per_second = 10.0
    batch_size = 1

    @classmethod
    def headers(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """None: the key is in the body."""
        del settings
        return {"Accept": "application/json"}

    @classmethod
    def members(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """The key."""
        return {"key": settings["MANDRILL_API_KEY"]}

    @classmethod
    def calls_for(cls, action: Action, reason: str, items: int, batch_size: int) -> int:
        """One each; what the person's consent ended is read and deleted, all else read only."""
        del batch_size
        return 2 * items if action == "release" and is_consent(reason) else items

    @classmethod
    def judge(cls, status: int, body: object) -> type[PlatformError] | None:
        """By the error's name. A 404 without one is another host's."""
        name = str(body.get("name")) if isinstance(body, dict) else ""
        return _KINDS.get(name) or (UnexpectedAnswer if status == 404 else None)

    def probes(self, rows: Sequence[tuple[str, str]]) -> list[Request]:
        """Of each list the entry of an address that nobody has."""
        return [
            _call("list", scope, email=_NOBODY)
            for scope in dict.fromkeys(scope for _, scope in rows)
        ]

    def suppress(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Adds them; what we add never expires there."""
        answers = self.api.map(
            _call(
                "add",
                item.scope,
                email=_address(item),
                comment=f"contact-sync: {item.reason}",
                sample={"email": item.address, "added": True},
            )
            for item in items
        )
        _check_scope(items, answers)
        unsure: list[tuple[Item, Response]] = []
        for item, answer in zip(items, answers, strict=True):
            if isinstance(answer, Response):
                added = answer.data.get("added") if isinstance(answer.data, dict) else None
                if added is True:
                    yield Outcome(item, "confirmed", answer.status, None, answer.attempts)
                elif added is False:
                    unsure.append((item, answer))
                else:
                    text = "the answer does not say whether it was added"
                    yield Outcome(item, "failed", answer.status, text, answer.attempts)
            elif isinstance(answer, PlatformError) and answer.attempts:
                yield Outcome.of_error(item, answer)
        looks = self.api.map(_look(item) for item, _ in unsure)
        for (item, answer), look in zip(unsure, looks, strict=True):
            if isinstance(look, Response) and _is_listed(item, look):
                yield Outcome(item, "confirmed", look.status, None, look.attempts)
            elif isinstance(look, Response):
                yield self.outcome_of(item, answer, answer.data, "Mandrill did not add it")
            elif isinstance(look, PlatformError) and look.attempts:
                yield Outcome.of_error(item, look)
        check([*answers, *looks])

    def release(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Deletes entries where an act of consent ended the reason, and no refusal is later."""
        try:
            yield from release_what_is_filed(self.api, items, _look, _decide, self._told)
        except ListNotThere as error:
            raise _unknown_subaccount(items[0].scope, error) from None

    def entries(self, channel: str, scope: str) -> Iterator[Entry]:
        """The list's entries that have not expired, by reason, where one answer holds all."""
        request = _call("list", scope)
        try:
            answer = self.api.call(request)
        except ListNotThere as error:
            raise _unknown_subaccount(scope, error) from None
        rows = expect_rows(answer.data, request.label)
        if len(rows) >= _MOST_ENTRIES:
            raise ListNotReadable(
                f"Mandrill shows no list of {_MOST_ENTRIES:,} entries or more: export the denylist "
                "there (rejects.csv) and land it with `backfill`."
            )
        for row in rows:
            if _is_active(row) and _subaccount(row) == scope:
                address = member_of(row, "email", request.label)
                reason = member_of(row, "reason", request.label).lower()
                yield Entry(channel, address, reason, instant_of(row.get("created_at")))

    def _told(self, item: Item, end: Response) -> Outcome:
        """The outcome of a deletion."""
        if isinstance(end.data, dict) and end.data.get("deleted") is True:
            return Outcome(item, "confirmed", end.status, None, end.attempts)
        text = "the answer does not say that it was deleted"
        return Outcome(item, "failed", end.status, text, end.attempts)


def _call(verb: str, scope: str, *, sample: object = None, **members: str) -> Request:
    body: dict[str, Any] = {**members}
    if scope:
        body["subaccount"] = scope
    return Request("POST", f"{_PATH}/{verb}", json=body, sample=sample)


def _look(item: Item) -> Request:
    # Of all reasons this is one that a release ends.
    sample = [{"email": item.address, "reason": "custom", "subaccount": item.scope or None}]
    return _call("list", item.scope, email=_address(item), sample=sample)


def _rows_of(item: Item, answer: Response) -> list[dict[str, Any]]:
    """The entries of an address, whatever else the search found."""
    rows = expect_rows(answer.data, f"POST {_PATH}/list")
    wanted = _address(item).lower()
    return [row for row in rows if _is_active(row) and str(row.get("email")).lower() == wanted]


def _is_active(row: Mapping[str, Any]) -> bool:
    return row.get("expired") is not True


def _subaccount(row: Mapping[str, Any]) -> str:
    return str(row.get("subaccount") or "")


def _is_listed(item: Item, answer: Response) -> bool:
    return any(_subaccount(row) == item.scope for row in _rows_of(item, answer))


def _decide(item: Item, answer: Response) -> Request | str | None:
    """What is to become of an item by its entries."""
    filed = _rows_of(item, answer)
    # Whether a deletion without a subaccount is of the account alone is not documented: what the
    # person did at one of them keeps all that the search shows.
    for row in filed:
        reason = str(row.get("reason")).lower()
        at = instant_of(row.get("last_event_at")) or instant_of(row.get("created_at"))
        if reason in _PERSONAL and not is_undone(item, at):
            return (
                f"Mandrill itself filed it there ({reason}), and no later act of consent ended "
                "that: adopt its list"
            )
    if not any(_subaccount(row) == item.scope for row in filed):
        return None
    if not is_consent(item.reason):
        # Whether `add` over an entry of the person's own leaves its reason is not documented.
        return (
            "Mandrill's entry may be the person's own, filed over by ours: only an act of consent "
            "ends it; where it is no refusal, delete it at Mandrill"
        )
    return _call(
        "delete",
        item.scope,
        email=_address(item),
        sample={"email": item.address, "deleted": True},
    )


def _check_scope(items: Sequence[Item], answers: Sequence[Response | SyncError]) -> None:
    """Raises UnknownScope where the subaccount is not there: nothing was changed."""
    for item, answer in zip(items, answers, strict=True):
        if isinstance(answer, ListNotThere):
            raise _unknown_subaccount(item.scope, answer)


def _unknown_subaccount(scope: str, error: PlatformError) -> UnknownScope:
    return UnknownScope(
        f"Mandrill has no subaccount {scope!r} ({error}): correct the scope of its row in "
        "seeds/destinations.csv, or `adopt --scope`."
    )


def _address(item: Item) -> str:
    # The engine asks refusal() first: an item without an address never gets here.
    assert item.address
    return item.address
