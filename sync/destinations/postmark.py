"""Postmark: the suppressions of a message stream.

Facts from Postmark's Suppressions API (postmarkapp.com/developer/api/suppressions-api). What we
add is filed as ManualSuppression by the customer, whatever the reason. Its own spam complaints, and
an unsubscribe of the recipient's own, are never deleted there. Changes may take a minute to show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

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
    member_of,
)
from sync.errors import (
    CallTooLarge,
    PlatformError,
    UnknownScope,
)

_PATH = "/message-streams/{stream}/suppressions"
_DEFAULT_STREAM = "outbound"
_UNKNOWN_STREAM = "1226"


class Postmark(Destination):
    """Suppressions of one Postmark server."""

    name = "postmark"
    title = "Postmark"
    host = "https://api.postmarkapp.com"
    variables: ClassVar[tuple[Variable, ...]] = (
        Variable(
            "POSTMARK_SERVER_TOKEN",
            "the API token of the server (not of the account)",
            required=True,
            secret=True,
        ),
    )
    channels = frozenset({"email"})
    # No number is published for this API: 429 moves the schedule.
    calls_per_second = 10.0
    batch_size = 50
    release_batch_size = 50

    @classmethod
    def headers(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """The server's token."""
        return {
            "X-Postmark-Server-Token": settings["POSTMARK_SERVER_TOKEN"],
            "Accept": "application/json",
        }

    @classmethod
    def calls_for(cls, action: Action, reason: str, items: int, batch_size: int) -> int:
        """By the batch."""
        del action, reason
        return -(-items // batch_size)

    @classmethod
    def judge(cls, status: int, body: object) -> type[PlatformError] | None:
        """422 with ErrorCode 1410: too many addresses."""
        code = str(body.get("ErrorCode")) if status == 422 and isinstance(body, dict) else ""
        return CallTooLarge if code == "1410" else None

    def probes(self, rows: Sequence[tuple[str, str]]) -> list[Request]:
        """Of each stream the suppressions of a day long gone: few, and readable by any token."""
        day = {"fromdate": "2010-01-01", "todate": "2010-01-01"}
        return [
            Request("GET", f"{_PATH}/dump", {"stream": scope or _DEFAULT_STREAM}, params=day)
            for _, scope in rows
        ]

    def suppress(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Adds them. Who cannot be added without authority is blocked there already."""
        if items:
            yield from self._change(items, "", "Suppressed")

    def release(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Deletes what we or a bounce put there, whatever our reason was: Postmark decides.

        It keeps a spam complaint of its own, and the recipient's own unsubscribe.
        """
        if items:
            yield from self._change(items, "/delete", "Deleted")

    def entries(self, channel: str, scope: str) -> Iterator[Entry]:
        """The stream's suppressions, by reason and origin; the answer is one page."""
        stream = scope or _DEFAULT_STREAM
        request = Request("GET", f"{_PATH}/dump", {"stream": stream}, is_whole_list=True)
        answer = self._call(request, stream)
        for row in expect_rows(answer.data, request.label, "Suppressions"):
            reason = member_of(row, "SuppressionReason", request.label)
            listed_in = f"{reason}/{row.get('Origin') or 'unknown'}".lower()
            address = member_of(row, "EmailAddress", request.label)
            yield Entry(channel, address, listed_in, instant_of(row.get("CreatedAt")))

    def _change(self, items: Sequence[Item], path: str, done: str) -> Iterator[Outcome]:
        stream = items[0].scope or _DEFAULT_STREAM
        addresses = list(dict.fromkeys(_address(item) for item in items))
        body = {"Suppressions": [{"EmailAddress": address} for address in addresses]}
        sample = {"Suppressions": [{"EmailAddress": a, "Status": done} for a in addresses]}
        request = Request("POST", _PATH + path, {"stream": stream}, json=body, sample=sample)
        answer = self._call(request, stream)
        rows = expect_rows(answer.data, request.label, "Suppressions")
        found = {str(row.get("EmailAddress")).lower(): row for row in rows}
        for item in items:
            row = found.get(_address(item).lower(), {})
            if row.get("Status") == done:
                yield Outcome(item, "confirmed", answer.status, None, answer.attempts)
            else:
                words = str(row.get("Message") or "the answer does not list this address")
                yield self.outcome_of(item, answer, row, words)

    def _call(self, request: Request, stream: str) -> Response:
        try:
            return self.api.call(request)
        except PlatformError as error:
            if error.code == _UNKNOWN_STREAM:
                raise UnknownScope(
                    f"Postmark has no message stream {stream!r}: correct the scope of its row in "
                    "seeds/destinations.csv, or `adopt --scope`."
                ) from None
            raise


def _address(item: Item) -> str:
    # The engine asks refusal() first: an item without an address never gets here.
    assert item.address
    return item.address
