"""Twilio: consents of a sender, by the Consent Management API.

Facts from Twilio's OpenAPI document accounts_v1 (`/v1/Consents/Bulk`), its page on the Consent API
and that on error 30646. There is one state, opted out: no reason can be told, and no list can be
read.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from sync.destinations.base import (
    Destination,
    Item,
    Limit,
    Outcome,
    Request,
    Variable,
    expect_rows,
)
from sync.errors import UnknownScope

# Opt-outs from these numbers live in the network: nobody but the person can undo them.
_US_TOLL_FREE = re.compile(r"\+1(?:800|833|844|855|866|877|888)\d{7}")
_SERVICE = re.compile(r"MG[0-9a-f]{32}")


class Twilio(Destination):
    """Consents of one Twilio account; a scope is a Messaging Service or a sender's number."""

    name = "twilio"
    title = "Twilio"
    host = "https://accounts.twilio.com"
    variables: ClassVar[tuple[Variable, ...]] = (
        Variable("TWILIO_ACCOUNT_SID", "the SID of the account (AC…)", required=True),
        Variable(
            "TWILIO_AUTH_TOKEN",
            "its auth token; the Consent Management API must be enabled by Twilio's support",
            required=True,
            secret=True,
        ),
    )
    channels = frozenset({"sms"})
    # 100 calls a minute.
    calls_per_second = 100 / 60
    limits = (Limit(100, 60.0),)
    batch_size = 25
    release_batch_size = 25

    @classmethod
    def headers(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """Basic authentication: the account's SID and its token."""
        pair = f"{settings['TWILIO_ACCOUNT_SID']}:{settings['TWILIO_AUTH_TOKEN']}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def refusal(self, item: Item) -> str | None:
        """A scope is needed: consent is given to a sender."""
        if not item.scope.strip():
            return "Twilio keeps consent by sender: name a Messaging Service as the row's scope"
        return super().refusal(item)

    def probes(self, rows: Sequence[tuple[str, str]]) -> list[Request]:
        """The account, and each Messaging Service that a scope names: consents cannot be read."""
        parts = {"account": self.settings.get("TWILIO_ACCOUNT_SID", "")}
        account = Request(
            "GET", "/2010-04-01/Accounts/{account}.json", parts, host="https://api.twilio.com"
        )
        services = dict.fromkeys(scope for _, scope in rows if _SERVICE.fullmatch(scope))
        path, host = "/v1/Services/{service}", "https://messaging.twilio.com"
        return [
            account,
            *(Request("GET", path, {"service": service}, host=host) for service in services),
        ]

    def suppress(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Opts them out of the sender."""
        if items:
            yield from self._set(items, "opt-out")

    def release(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Opts them in again, except with a toll-free number of the US."""
        if not items:
            return
        if _US_TOLL_FREE.fullmatch(items[0].scope):
            text = "an opt-out from a US toll-free number lives in the network: only START ends it"
            for item in items:
                yield Outcome(item, "rejected", None, text, 0)
            return
        yield from self._set(items, "opt-in")

    def subscribe(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Opts them in."""
        return self.release(items)

    def _set(self, items: Sequence[Item], status: str) -> Iterator[Outcome]:
        form = [("Items", json.dumps(_consent(item, status))) for item in items]
        sample = {"items": [{"correlation_id": item.delta_id, "error_code": 0} for item in items]}
        answer = self.api.call(Request("POST", "/v1/Consents/Bulk", form=form, sample=sample))
        rows = expect_rows(answer.data, "POST /v1/Consents/Bulk", "items")
        found = {str(row.get("correlation_id")): row for row in rows}
        fault: str | None = None
        for item in items:
            # The call is answered 201 whatever became of the items.
            row = found.get(item.delta_id, {})
            meaning = self.meanings.of(answer.status, row)
            if row.get("error_code") == 0:
                yield Outcome(item, "confirmed", answer.status, None, answer.attempts)
            elif meaning is not None and meaning.meaning == "needs_person":
                fault = meaning.told(_words(row))
            else:
                yield self.outcome_of(item, answer, row, _words(row))
        if fault is not None:
            # The row is at fault, and no item.
            raise UnknownScope(
                f"seeds/destinations.csv: sender {items[0].scope!r} {fault}. Nothing was changed."
            )


def _consent(item: Item, status: str) -> dict[str, str]:
    # The engine asks refusal() first: an item without an address never gets here.
    assert item.address
    consent = {
        "contact_id": item.address,
        # 32 hex digits, as a delta's id is: by it the answer is told apart.
        "correlation_id": item.delta_id,
        "sender_id": item.scope,
        "status": status,
        "source": "others",
    }
    at = item.event_timestamp and item.event_timestamp.replace(tzinfo=UTC, microsecond=0)
    # A date in the future refuses the item; none is as good.
    if at and at <= datetime.now(UTC):
        consent["date_of_consent"] = at.isoformat().replace("+00:00", "Z")
    return consent


def _words(row: Mapping[str, object]) -> str:
    messages = row.get("error_messages")
    told = ", ".join(map(str, messages)) if isinstance(messages, list) else ""
    return f"Twilio error {row.get('error_code')}: {told}" if row else "the answer does not list it"
