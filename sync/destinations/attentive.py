"""Attentive: a person's subscriptions to texts and emails.

Facts from Attentive's OpenAPI document (Subscribers). Unsubscribing from texts sends the person a
message, and does so again on each repeat: what is known as unsubscribed there is never sent, and a
call whose end is unknown is looked up before anything else. To release somebody is a legal opt-in
of its own, which only an act of the person (subscribe) may begin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from sync.destinations.base import (
    Action,
    Destination,
    Item,
    Outcome,
    Request,
    Response,
    Variable,
    expect_list,
)
from sync.errors import AnswerUnreadable, NotThere, PlatformError, RetryableError

_CHANNELS: Mapping[str, tuple[str, str]] = {"sms": ("TEXT", "phone"), "email": ("EMAIL", "email")}
_DONE = frozenset({"NEWLY_UNSUBSCRIBED", "PREVIOUSLY_UNSUBSCRIBED"})


class Attentive(Destination):
    """Subscriptions of one Attentive company."""

    name = "attentive"
    title = "Attentive"
    host = "https://api.attentivemobile.com"
    variables: ClassVar[tuple[Variable, ...]] = (
        Variable(
            "ATTENTIVE_API_KEY",
            "the key of an app with the permission Subscribers (read and write)",
            required=True,
            secret=True,
        ),
        Variable("ATTENTIVE_SIGN_UP_SOURCE_ID", "the sign-up unit that a subscribe goes through"),
    )
    channels = frozenset({"sms", "email"})
    # 5 unsubscribes a second: each is looked up first.
    calls_per_second = 10.0
    batch_size = 1
    release_batch_size = 1

    @classmethod
    def headers(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """Bearer key."""
        return {"Authorization": f"Bearer {settings['ATTENTIVE_API_KEY']}"}

    @classmethod
    def calls_for(cls, action: Action, reason: str, items: int, batch_size: int) -> int:
        """A look and a call each; there is no release."""
        del reason, batch_size
        return {"suppress": 2 * items, "subscribe": items}.get(action, 0)

    def probes(self, rows: Sequence[tuple[str, str]]) -> list[Request]:
        """Who the key is."""
        del rows
        return [Request("GET", "/v1/me")]

    def suppress(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Unsubscribes who is not unsubscribed yet."""
        for item in items:
            yield self._unsubscribe(item)

    def release(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Nobody: see subscribe."""
        text = "a release is a new opt-in at Attentive: only the person's own act may begin one"
        for item in items:
            yield Outcome(item, "rejected", None, text, 0)

    def subscribe(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Begins the opt-in of the sign-up unit; Attentive asks the person itself."""
        unit = self.settings.get("ATTENTIVE_SIGN_UP_SOURCE_ID")
        for item in items:
            if unit is None:
                text = "ATTENTIVE_SIGN_UP_SOURCE_ID names no sign-up unit to subscribe through"
                yield Outcome(item, "rejected", None, text, 0)
                continue
            body = {"user": _user(item), "signUpSourceId": unit}
            request = Request("POST", "/v1/subscriptions", json=body, is_repeatable=False)
            try:
                answer = self.api.call(request)
                yield Outcome(item, "accepted", answer.status, None, answer.attempts)
            except RetryableError as error:
                yield Outcome.of_error(item, error)

    def _unsubscribe(self, item: Item) -> Outcome:
        known = self._look_up(item)
        if isinstance(known, Outcome):
            return known
        kind, _ = _CHANNELS[item.channel]
        subscriptions = [{"type": "MARKETING", "channel": kind}]
        request = Request(
            "POST",
            "/v1/subscriptions/unsubscribe",
            json={"user": _user(item), "subscriptions": subscriptions},
            # The person would get another text.
            is_repeatable=False,
            sample={"subscriptionResponses": [{"subscriptionUnsubscribeStatus": min(_DONE)}]},
        )
        try:
            answer = self.api.call(request)
            return _answered(item, answer)
        except RetryableError as error:
            return self._after_fault(item, error)

    def _after_fault(self, item: Item, error: PlatformError) -> Outcome:
        """What became of a call whose end is unknown."""
        if error.ends_run:
            raise error
        try:
            known = self._look_up(item)
        except RetryableError:
            known = None
        return known if isinstance(known, Outcome) else Outcome.of_error(item, error)

    def _look_up(self, item: Item) -> Outcome | None:
        """The outcome where nothing is to be done, None where the person is subscribed."""
        kind, name = _CHANNELS[item.channel]
        params = {name: _address(item)}
        request = Request("GET", "/v1/subscriptions", params=params, sample=_SUBSCRIBED)
        try:
            answer = self.api.call(request)
        except NotThere as error:
            return Outcome(item, "absent", error.status, "not a subscriber", error.attempts)
        rows = expect_list(answer.data, request.label, "subscriptionEligibilities")
        is_subscribed = any(_is_eligible(row, kind) for row in rows)
        if is_subscribed:
            return None
        return Outcome(item, "confirmed", answer.status, None, answer.attempts)


_SUBSCRIBED = {
    "subscriptionEligibilities": [
        {
            "subscription": {"type": "MARKETING", "channel": channel},
            "eligibility": {"isEligible": True},
        }
        for channel in ("TEXT", "EMAIL")
    ]
}


def _is_eligible(row: Any, channel: str) -> bool:
    if not isinstance(row, dict):
        return False
    subscription, eligibility = row.get("subscription") or {}, row.get("eligibility") or {}
    is_it = (subscription.get("type"), subscription.get("channel")) == ("MARKETING", channel)
    return is_it and eligibility.get("isEligible") is True


def _answered(item: Item, answer: Response) -> Outcome:
    rows = expect_list(answer.data, "POST /v1/subscriptions/unsubscribe", "subscriptionResponses")
    statuses = {row.get("subscriptionUnsubscribeStatus") for row in rows if isinstance(row, dict)}
    if not statuses & _DONE:
        raise AnswerUnreadable("the answer does not say that the person is unsubscribed")
    return Outcome(item, "confirmed", answer.status, None, answer.attempts)


def _user(item: Item) -> dict[str, str]:
    return {_CHANNELS[item.channel][1]: _address(item)}


def _address(item: Item) -> str:
    # The engine asks refusal() first: an item without an address never gets here.
    assert item.address
    return item.address
