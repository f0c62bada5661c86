"""The words of `explain`: how a refusal reaches an address, and what would end it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

Row = Mapping[str, Any]

_ENDINGS: Final = {
    "delivered": "a delivery to this address",
    "reactivate": "a reactivation of this address (by staff or a platform's API)",
    "open": "an open",
    "click": "a click",
    "subscribe": "the person's own subscribe",
}


@dataclass(frozen=True, slots=True)
class Route:
    """How a reason reaches an address.

    kind: `address` (the event names it), `contact` (the event names the contact, not this
    address), `linked address` (it names another address of the contact), `channel` (the policy
    carries it here from another channel), `derived` (no event: contact-sync found it).
    """

    kind: Literal["address", "contact", "linked address", "channel", "derived"]
    contact: str | None
    address: str | None
    text: str


def route(row: Row, event: Row | None) -> Route:
    """How a row of int_suppression_reasons came to have its event."""
    contact = row["external_id"]
    if event is None:
        return Route("derived", None, row["address"], "derived from sends, opens and clicks")
    named = event["external_id"]
    if event["channel"] != row["channel"]:
        text = f"contact {contact}: the policy carries {row['reason']} to every channel"
        return Route("channel", contact, event["address"], text)
    if event["address"] is not None and event["address"] == row["address"]:
        also = f" and contact {named}" if named else ""
        return Route("address", named, event["address"], f"the event names this address{also}")
    if named is not None and named == contact:
        other = event["address"]
        words = f"names {other}, another address of theirs" if other else "names the contact alone"
        text = f"contact {contact}: the event {words}; a refusal reaches all of a contact"
        return Route("contact", contact, other, text)
    text = f"contact {contact}, who was also named with {event['address']}"
    return Route("linked address", contact, event["address"], text)


def ends_by(row: Row, event: Row | None, released_by: Sequence[str], *, is_over_limit: bool) -> str:
    """What would end a reason, in words; it must come later than the reason."""
    if not released_by:
        return "nothing: seeds/suppression_releases.csv has no row for it"
    words = [_ENDINGS.get(name, f"an event `{name}`") for name in released_by]
    if row["attribute"] != "consent":
        return _either(words)
    if list(released_by) == ["subscribe"]:
        words = ["only the person's own subscribe"]
    return f"{_either(words)}, {_naming(row, is_over_limit)}{_on_list(event)}"


def _naming(row: Row, is_over_limit: bool) -> str:
    contact, address = row["external_id"], row["address"]
    if contact is None or is_over_limit:
        return "naming this address"
    return f"naming {'' if address is None else 'this address or '}contact {contact}"


def _on_list(event: Row | None) -> str:
    if event is None or not event["topic"]:
        return ""
    topic, source = event["topic"], event["source"]
    if event["event_type"] == "topic_unsubscribe":
        return f" (or their own return to list {topic} at {source})"
    return f", at list {topic} of {source} or for no list in particular"


def _either(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
