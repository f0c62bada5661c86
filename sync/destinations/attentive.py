"""Attentive: a person's subscriptions to texts and emails.

Facts from Attentive's OpenAPI document (Subscribers). Unsubscribing from texts sends the person a
message, and does so again on each repeat; so does an opt-in. What is known to hold there is never
sent, and a call whose end is unknown is looked up before anything else. To release somebody is a
legal opt-in of its own, which only an act of the person (subscribe) may begin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from sync.destinations.base import (
    Action,
    Destination,
    Item,
    Limit,
    Outcome,
    Request,
    Variable,
    expect_rows,
)
from sync.errors import AnswerUnreadable, NotThere, RetryableError

_SUBSCRIPTIONS = "/v1/subscriptions"
_UNSUBSCRIBE = "/v1/subscriptions/unsubscribe"
_CHANNELS: Mapping[str, tuple[str, str]] = {"sms": ("TEXT", "phone"), "email": ("EMAIL", "email")}
# What a refusal ends. Transactional messages (an order's, a delivery's) are the person's own.
_ENDED = ("MARKETING", "CHECKOUT_ABANDONED")
_DONE = frozenset({"NEWLY_UNSUBSCRIBED", "PREVIOUSLY_UNSUBSCRIBED"})


class _Look(NamedTuple):
    """What Attentive says of a person. types: whether each subscription of the channel is on."""

    types: Mapping[str, bool]
    status: int | None
    attempts: int

    @property
    def held(self) -> list[str]:
        """The subscriptions that a refusal has yet to end."""
        return [kind for kind in _ENDED if self.types.get(kind)]

    def settled(self, item: Item) -> Outcome:
        """The outcome where nothing is held."""
        if any(kind in self.types for kind in _ENDED):
            return Outcome(item, "confirmed", self.status, None, self.attempts)
        # Attentive may get to know them later: asked again after a while.
        return Outcome(item, "absent", self.status, "no subscriber of Attentive", self.attempts)


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
    # Each unsubscribe is a look and a call.
    calls_per_second = 10.0
    limits = (
        Limit(10, 1.0),
        Limit(5, 1.0, _UNSUBSCRIBE, "POST"),
        Limit(10, 1.0, _SUBSCRIPTIONS, "POST"),
        Limit(150, 1.0, _SUBSCRIPTIONS, "GET"),
    )
    # The fewer wait for their turn, the sooner a run ends that is stopped.
    most_connections = 4
    batch_size = 1
    release_batch_size = 1

    @classmethod
    def headers(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """Bearer key."""
        return {"Authorization": f"Bearer {settings['ATTENTIVE_API_KEY']}"}

    @classmethod
    def calls_for(cls, action: Action, reason: str, items: int, batch_size: int) -> int:
        """A look and a call each; a release is a look."""
        del reason, batch_size
        return items if action == "release" else 2 * items

    def probes(self, rows: Sequence[tuple[str, str]]) -> list[Request]:
        """Who the key is; its permission shows only when somebody is looked up."""
        del rows
        return [Request("GET", "/v1/me")]

    def suppress(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Unsubscribes who is not unsubscribed yet."""
        for item in items:
            yield self._unsubscribe(item)

    def release(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Nobody, see subscribe: but who is subscribed there by now is free already."""
        text = "a release is a new opt-in at Attentive: only the person's own act may begin one"
        for item in items:
            look = self._look_up(item, sample=False)
            if look.types.get("MARKETING"):
                yield Outcome(item, "confirmed", look.status, None, look.attempts)
            elif not look.types:
                yield look.settled(item)
            else:
                yield Outcome(item, "rejected", look.status, text, look.attempts)

    def subscribe(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Begins the opt-in of the sign-up unit; Attentive asks the person itself."""
        unit = self.settings.get("ATTENTIVE_SIGN_UP_SOURCE_ID")
        for item in items:
            if unit is None:
                # Not rejected: it is to be sent once the variable is set.
                text = "ATTENTIVE_SIGN_UP_SOURCE_ID names no sign-up unit to subscribe through"
                yield Outcome(item, "failed", None, text, 0)
            else:
                yield self._opt_in(item, unit)

    def _unsubscribe(self, item: Item) -> Outcome:
        look = self._look_up(item, sample=True)
        if not look.held:
            return look.settled(item)
        channel, _ = _CHANNELS[item.channel]
        subscriptions = [{"type": kind, "channel": channel} for kind in look.held]
        request = Request(
            "POST",
            _UNSUBSCRIBE,
            json={"user": _user(item), "subscriptions": subscriptions},
            # The person would get another text.
            is_repeatable=False,
            sample={
                "subscriptionResponses": [
                    {"subscription": one, "subscriptionUnsubscribeStatus": "NEWLY_UNSUBSCRIBED"}
                    for one in subscriptions
                ]
            },
        )
        try:
            answer = self.api.call(request)
            ended = _ended(expect_rows(answer.data, request.label, "subscriptionResponses"))
        except RetryableError as error:
            again = self._look_after(item)
            if again is None or again.held:
                return Outcome.of_error(item, error)
            return again.settled(item)
        if set(look.held) <= ended:
            return Outcome(item, "confirmed", answer.status, None, answer.attempts)
        error_text = "the answer does not say that the person is unsubscribed"
        return Outcome(item, "failed", answer.status, error_text, answer.attempts)

    def _opt_in(self, item: Item, unit: str) -> Outcome:
        look = self._look_up(item, sample=False)
        if look.types.get("MARKETING"):
            return Outcome(item, "confirmed", look.status, None, look.attempts)
        body = {"user": _user(item), "signUpSourceId": unit}
        # The person would get another text.
        request = Request("POST", _SUBSCRIPTIONS, json=body, is_repeatable=False)
        try:
            answer = self.api.call(request)
        except RetryableError as error:
            again = self._look_after(item)
            if again is None or not again.types.get("MARKETING"):
                return Outcome.of_error(item, error)
            return Outcome(item, "confirmed", again.status, None, again.attempts)
        return Outcome(item, "accepted", answer.status, None, answer.attempts)

    def _look_up(self, item: Item, *, sample: bool) -> _Look:
        """sample: whether a dry run goes on with somebody who is subscribed."""
        channel, name = _CHANNELS[item.channel]
        request = Request(
            "GET",
            _SUBSCRIPTIONS,
            params={name: _address(item)},
            sample={"subscriptionEligibilities": [_eligibility("MARKETING", channel, sample)]},
        )
        try:
            answer = self.api.call(request)
        except NotThere as error:
            return _Look({}, error.status, error.attempts)
        rows = expect_rows(answer.data, request.label, "subscriptionEligibilities")
        return _Look(dict(_types(rows, channel)), answer.status, answer.attempts)

    def _look_after(self, item: Item) -> _Look | None:
        """What became of a call whose end is unknown, None where that cannot be told either."""
        try:
            return self._look_up(item, sample=True)
        except RetryableError:
            return None


def _eligibility(kind: str, channel: str, is_on: bool) -> dict[str, Any]:
    return {
        "subscription": {"type": kind, "channel": channel},
        "eligibility": {"isEligible": is_on},
    }


def _types(rows: Sequence[Mapping[str, Any]], channel: str) -> Iterator[tuple[str, bool]]:
    """The subscriptions of the channel, and whether the person is on each."""
    for row in rows:
        subscription, eligibility = _part(row, "subscription"), _part(row, "eligibility")
        if subscription.get("channel") == channel:
            yield str(subscription.get("type")), eligibility.get("isEligible") is True


def _ended(rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """The subscriptions that an answer calls unsubscribed."""
    return {
        str(_part(row, "subscription").get("type"))
        for row in rows
        if str(row.get("subscriptionUnsubscribeStatus")) in _DONE
    }


def _part(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = row.get(name)
    if not isinstance(found, dict):
        # Nobody is absent, or done, because of an answer that says nothing of them.
        raise AnswerUnreadable(f"a row of the answer has no {name!r}")
    return found


def _user(item: Item) -> dict[str, str]:
    return {_CHANNELS[item.channel][1]: _address(item)}


def _address(item: Item) -> str:
    # The engine asks refusal() first: an item without an address never gets here.
    assert item.address
    return item.address
