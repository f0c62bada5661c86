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

    kind: `address` (the event names it), `platform id` (it names a platform's own id that stands
    for it), `contact` (the event names the contact, not this
    address), `linked address` (it names another address of the contact), `channel` (the policy
    carries it here from another channel), `derived` (no event: contact-sync found it).
    """

    kind: Literal["address", "platform id", "contact", "linked address", "channel", "derived"]
    contact: str | None
    address: str | None
    text: str


def route(row: Row, event: Row | None) -> Route:
    """How a row of explain_reasons came to have its event, in words."""
    contact = row["external_id"]
    # Of what is derived, no event; of a trait, the contact's latest address beside it.
    address, named = (event["address"], event["external_id"]) if event else (None, None)
    # An event that names no address of its channel may name an id that stands for one.
    own_id = event["platform_id"] if event and address is None else None
    match row["matched_on"]:
        case "derived":
            return Route("derived", None, row["address"], "derived from sends, opens and clicks")
        case "channel":
            text = f"contact {contact}: the policy carries {row['reason']} to every channel"
            return Route("channel", contact, address, text)
        case "address" | "platform_id" if own_id:
            text = f"the event names {own_id}, the platform's own id, which stands for this address"
            return Route("platform id", named, None, text)
        case "address":
            also = f" and contact {named}" if named else ""
            return Route("address", named, address, f"the event names this address{also}")
        case "external_id":
            other = address if address != row["address"] else None
            words = (
                f"names {other}, another address of theirs" if other else "names the contact alone"
            )
            text = f"contact {contact}: the event {words}; a refusal reaches all of a contact"
            return Route("contact", contact, address, text)
    other = f"an address that {own_id} stands for" if own_id else address
    text = f"contact {contact}, who was also named with {other}"
    return Route("linked address", contact, address, text)


def event_types(row: Row) -> list[str]:
    """The types of events that may end a reason."""
    return row["ended_by"].split(",") if row["ended_by"] else []


def ends_by(row: Row) -> str:
    """What would end a row of explain_reasons, in words; it must come later than the reason."""
    types = event_types(row)
    if not types:
        return "nothing: seeds/suppression_releases.csv has no row for it"
    words = [_ENDINGS.get(name, f"an event `{name}`") for name in types]
    if row["attribute"] != "consent":
        return _either(words)
    if types == ["subscribe"]:
        words = ["only the person's own subscribe"]
    named = row["ending_names"].replace("address", "this address")
    naming = named.replace("contact", f"contact {row['external_id']}")
    return f"{_either(words)}, naming {naming}{_on_list(row)}"


def _on_list(row: Row) -> str:
    if not row["topic"]:
        return ""
    topic, source = row["topic"], row["source"]
    if row["is_topic"]:
        return f" (or their own return to list {topic} at {source})"
    return f", at list {topic} of {source} or for no list in particular"


def _either(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
