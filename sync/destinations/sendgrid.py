"""SendGrid: global suppressions and, by scope, ASM groups.

Facts from SendGrid's OpenAPI document tsg_suppressions_v3 and its rate-limit page. The lists
bounces, blocks, spam_reports and invalid_emails fill themselves: they can only be released.
`{"delete_all": true}`, which empties a list, is not implemented here.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from sync.destinations.base import (
    Action,
    Api,
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
    instant_of,
    is_consent,
    member_of,
    pages_of,
)
from sync.destinations.meanings import Meanings
from sync.errors import (
    AnswerUnreadable,
    NotThere,
    PlatformError,
    SyncError,
    UnexpectedAnswer,
    UnknownScope,
)

# The most that a page may have.
_PAGE = 500
# The lists that fill themselves and that a release frees a person from. Nothing holds any more, so
# whatever our reason was the faults of the address end; a complaint does by an act of consent only.
_FAULTS = ("bounces", "blocks", "invalid_emails")
_KINDS: Mapping[str, tuple[str, ...]] = {
    "complaint": (*_FAULTS, "spam_reports"),
    "unsubscribe": (*_FAULTS, "spam_reports"),
    "bounce": _FAULTS,
    "soft_bounces": _FAULTS,
    "block": _FAULTS,
    "unengaged": _FAULTS,
}


class SendGrid(Destination):
    """Email suppressions of one SendGrid account or subuser."""

    name = "sendgrid"
    title = "SendGrid"
    # Subusers hosted in the EU: SENDGRID_BASE_URL=https://api.eu.sendgrid.com (separate data).
    host = "https://api.sendgrid.com"
    variables: ClassVar[tuple[Variable, ...]] = (
        Variable(
            "SENDGRID_API_KEY",
            "an API key with full access to Suppressions",
            required=True,
            secret=True,
        ),
        Variable("SENDGRID_ON_BEHALF_OF", "the subuser whose lists are meant"),
    )
    channels = frozenset({"email"})
    # 600 calls a minute: the only number SendGrid ever published; answers carry the real one.
    calls_per_second = 10.0
    limits = (Limit(600, 60.0),)
    # Not published for suppressions.
    batch_size = 1000
    placed_in = frozenset({"unsubscribes", "group"})

    def __init__(
        self, api: Api, settings: Mapping[str, str], meanings: Meanings | None = None
    ) -> None:
        super().__init__(api, settings, meanings)
        self._groups: frozenset[str] | None = None

    @classmethod
    def headers(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """Bearer key and, for a subuser, on-behalf-of."""
        headers = {
            "Authorization": f"Bearer {settings['SENDGRID_API_KEY']}",
            "Accept": "application/json",
        }
        if settings.get("SENDGRID_ON_BEHALF_OF"):
            headers["on-behalf-of"] = settings["SENDGRID_ON_BEHALF_OF"]
        return headers

    @classmethod
    def calls_for(cls, action: Action, reason: str, items: int, batch_size: int) -> int:
        """Releases leave the global list one by one, the other lists by the batch."""
        if action == "suppress":
            return -(-items // batch_size)
        batches = -(-items // min(batch_size, cls.release_batch_size))
        # Off the global list one by one; the others by the batch; groups are looked up per group.
        lookups = batches if is_consent(reason) else 0
        return items + batches * len(_KINDS.get(reason, ())) + lookups

    def probes(self, rows: Sequence[tuple[str, str]]) -> list[Request]:
        """The lists that are read, and each unsubscribe group that a scope names."""
        groups = [scope for _, scope in rows if scope]
        return [
            Request("GET", "/v3/suppression/unsubscribes", params={"limit": "1"}, sample=[]),
            Request("GET", "/v3/suppression/bounces", params={"limit": "1"}, sample=[]),
            *(Request("GET", "/v3/asm/groups/{group}", {"group": group}) for group in groups),
        ]

    def suppress(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """To the global list, or to the group that the scope names."""
        if not items:
            return
        scope = items[0].scope
        if scope:
            self._check_group(scope)
            path, parts = "/v3/asm/groups/{group}/suppressions", {"group": scope}
        else:
            path, parts = "/v3/asm/suppressions/global", {}
        # The same address twice in one call is listed twice in the answer.
        addresses = list(dict.fromkeys(_address(item) for item in items))
        body = {"recipient_emails": addresses}
        answer = self.api.call(Request("POST", path, parts, json=body, sample=body))
        echoed = expect_list(answer.data, f"POST {path}", "recipient_emails")
        listed = {str(address).lower() for address in echoed}
        for item in items:
            if _address(item).lower() in listed:
                yield Outcome(item, "confirmed", answer.status, None, answer.attempts)
            else:
                error = "the answer does not list this address"
                yield Outcome(item, "failed", answer.status, error, answer.attempts)

    def release(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Off every list that may still hold the person; the global list last."""
        if not items:
            return
        scope = items[0].scope
        if scope:
            self._check_group(scope)
        self._release_kinds(items)
        if scope:
            answers = self.api.map([self._group_delete(item, scope) for item in items])
            yield from _outcomes(items, answers, {})
            return
        faults = self._release_groups([item for item in items if is_consent(item.reason)])
        path = "/v3/asm/suppressions/global/{email}"
        answers = self.api.map(
            [Request("DELETE", path, {"email": _address(item)}) for item in items]
        )
        yield from _outcomes(items, answers, faults)

    def entries(self, channel: str, scope: str) -> Iterator[Entry]:
        """The global list, bounces, complaints, invalid addresses and groups; of a scope its group.

        `blocks` are refusals of single messages and stop nobody. Groups are listed without a time.
        """
        if not scope:
            for name in ("unsubscribes", "bounces", "spam_reports", "invalid_emails"):
                yield from self._list_entries(channel, name)
        groups = [scope] if scope else sorted(self._all_groups())
        for group in groups:
            self._check_group(group)
            path = "/v3/asm/groups/{group}/suppressions"
            request = Request("GET", path, {"group": group}, is_whole_list=True)
            for email in expect_list(self.api.call(request).data, request.label):
                if not isinstance(email, str):
                    raise AnswerUnreadable(f"{request.label}: the list holds what is no address.")
                yield Entry(channel, email, "group", None, group)

    def _list_entries(self, channel: str, name: str) -> Iterator[Entry]:
        path = f"/v3/suppression/{name}"
        # What is added while the pages are read must not move them.
        now = str(int(time.time()))

        def read(offset: int) -> tuple[list[Any], int | None]:
            params = {"limit": str(_PAGE), "offset": str(offset), "end_time": now}
            rows = expect_list(self.api.call(Request("GET", path, params=params)).data, path)
            return rows, None if len(rows) < _PAGE else offset + len(rows)

        for rows in pages_of(path, 0, read):
            for row in rows:
                since = instant_of(member_of(row, "created", path))
                yield Entry(channel, member_of(row, "email", path), name, since)

    def _release_kinds(self, items: Sequence[Item]) -> None:
        """Takes the items off the self-filling lists; one that is not there is no error."""
        named = {
            kind: list(
                dict.fromkeys(
                    _address(item) for item in items if kind in _KINDS.get(item.reason, ())
                )
            )
            for kind in ("bounces", "blocks", "spam_reports", "invalid_emails")
        }
        # Never an empty list: what SendGrid makes of one is not documented.
        named = {kind: emails for kind, emails in named.items() if emails}
        answers = self.api.map(
            Request("DELETE", f"/v3/suppression/{kind}", json={"emails": emails})
            for kind, emails in named.items()
        )
        for (kind, emails), answer in zip(named.items(), answers, strict=True):
            if isinstance(answer, NotThere):
                self._release_one_by_one(kind, emails)
            elif isinstance(answer, SyncError):
                raise answer

    def _release_one_by_one(self, kind: str, emails: Sequence[str]) -> None:
        """Whether a 404 for many means all or any is not documented; for one it does."""
        if len(emails) == 1:
            return
        path = f"/v3/suppression/{kind}/{{email}}"
        for answer in self.api.map(Request("DELETE", path, {"email": email}) for email in emails):
            if isinstance(answer, SyncError) and not isinstance(answer, NotThere):
                raise answer

    def _release_groups(self, items: Sequence[Item]) -> dict[str, PlatformError]:
        """Takes the items off the unsubscribe groups that they no longer refuse; the errors, by
        delta_id.
        """
        pairs = [
            (item, group)
            for item, group in self._groups_of(items)
            if group not in (item.kept_topics or "").split(",")
        ]
        answers = self.api.map([self._group_delete(item, group) for item, group in pairs])
        check(answers)
        return {
            item.delta_id: answer
            for (item, _), answer in zip(pairs, answers, strict=True)
            if isinstance(answer, PlatformError) and not isinstance(answer, NotThere)
        }

    def _all_groups(self) -> frozenset[str]:
        if self._groups is None:
            sample = [{"id": 0, "name": "each group"}]
            answer = self.api.call(Request("GET", "/v3/asm/groups", sample=sample))
            groups = expect_list(answer.data, "GET /v3/asm/groups")
            self._groups = frozenset(
                str(group["id"]) for group in groups if isinstance(group, dict) and "id" in group
            )
        return self._groups

    def _check_group(self, group: str) -> None:
        """An unknown group id would put the addresses on the global list."""
        known = self._all_groups()
        if group not in known and known != {"0"}:
            raise UnknownScope(
                f"SendGrid has no unsubscribe group {group!r} (it has: "
                f"{', '.join(sorted(known)) or 'none'}): correct the scope of its row in "
                "seeds/destinations.csv, or `adopt --scope`. Nothing was changed there."
            )

    def _groups_of(self, items: Sequence[Item]) -> list[tuple[Item, str]]:
        """The groups that each item is on: asked per group or per person, what is less."""
        if not items:
            return []
        groups = sorted(self._all_groups())
        if len(items) < len(groups):
            return self._groups_by_person(items)
        emails = [_address(item) for item in items]
        found: list[tuple[Item, str]] = []
        path = "/v3/asm/groups/{group}/suppressions/search"
        for group in groups:
            body = {"recipient_emails": emails}
            answer = self.api.call(Request("POST", path, {"group": group}, json=body, sample=[]))
            on_it = {str(email).lower() for email in expect_list(answer.data, f"POST {path}")}
            found += [(item, group) for item in items if _address(item).lower() in on_it]
        return found

    def _groups_by_person(self, items: Sequence[Item]) -> list[tuple[Item, str]]:
        path = "/v3/asm/suppressions/{email}"
        sample: dict[str, list[object]] = {"suppressions": []}
        answers = self.api.map(
            [Request("GET", path, {"email": _address(item)}, sample=sample) for item in items]
        )
        found: list[tuple[Item, str]] = []
        for item, answer in zip(items, answers, strict=True):
            if isinstance(answer, SyncError):
                raise answer
            for group in expect_list(answer.data, f"GET {path}", "suppressions"):
                if isinstance(group, dict) and group.get("suppressed"):
                    found.append((item, str(group.get("id", ""))))
        return found

    @staticmethod
    def _group_delete(item: Item, group: str) -> Request:
        path = "/v3/asm/groups/{group}/suppressions/{email}"
        return Request("DELETE", path, {"group": group, "email": _address(item)})


def _address(item: Item) -> str:
    # The engine asks refusal() first: an item without an address never gets here.
    assert item.address
    return item.address


def _outcomes(
    items: Iterable[Item],
    answers: Sequence[Response | SyncError],
    faults: Mapping[str, PlatformError],
) -> Iterator[Outcome]:
    """An item is released when all its calls were. An address that is absent is no error here."""
    for item, answer in zip(items, answers, strict=True):
        fault = faults.get(item.delta_id)
        if fault is not None:
            yield Outcome.of_error(item, fault)
        elif isinstance(answer, Response):
            yield Outcome(item, "confirmed", answer.status, None, answer.attempts)
        elif isinstance(answer, PlatformError) and answer.attempts:
            yield Outcome.of_error(item, answer)
    check(answers)
    for answer in answers:
        if isinstance(answer, NotThere):
            # These lists answer 204 for who is not on them: this is another host's 404.
            raise UnexpectedAnswer(f"{answer} (is the host right?)", status=404, attempts=0)
