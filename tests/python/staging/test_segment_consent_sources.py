"""var('segment_consent_sources'): whose opt-ins count, of the sources that write to Segment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.python.conftest import Warehouse

NAMED = "preference-centre"
OPT_INS: dict[str, tuple[dict[str, Any], str]] = {
    "Marketing Preference Updated": ({"channel": "email", "new_status": "Opted In"}, "subscribe"),
    "Email Subscribed": ({}, "subscribe"),
    "Email Group Subscribed": ({"group_id": "g"}, "topic_subscribe"),
    "Push Notification Permission Changed": ({"enabled": True}, "subscribe"),
}
OPT_OUTS: dict[str, tuple[dict[str, Any], str]] = {
    "Marketing Preference Updated": ({"channel": "email", "new_status": "false"}, "unsubscribe"),
    "Email Unsubscribed": ({}, "unsubscribe"),
    "Email Group Unsubscribed": ({"group_id": "g"}, "topic_unsubscribe"),
    "Email Marked as Spam": ({}, "complaint"),
    "Push Notification Permission Changed": ({"enabled": False}, "unsubscribe"),
}
#: What a body says of its source. Segment itself writes projectId; the rest is the caller's.
SENDERS: dict[str, dict[str, Any]] = {
    "named": {"projectId": NAMED},
    "another": {"projectId": "website"},
    "none": {},
    "forwarded": {"projectId": NAMED, "context": {"protocols": {"sourceId": "website"}}},
    "claimed": {
        "projectId": "website",
        "context": {"protocols": {"sourceId": NAMED}, "library": {"name": NAMED}},
        "properties": {"projectId": NAMED},
    },
}


def call(track: str, properties: dict[str, Any], sender: str) -> dict[str, Any]:
    said = SENDERS[sender]
    context = {"traits": {"email": "mia@example.org"}, "device": {"token": "eT0k"}}
    return {
        **said,
        "type": "track",
        "event": track,
        "userId": "c-1",
        "context": {**said.get("context", {}), **context},
        "properties": {**said.get("properties", {}), **properties},
    }


@pytest.fixture(scope="module")
def built(new_warehouse: Callable[[], Warehouse]) -> Warehouse:
    warehouse = new_warehouse()
    for source in ("segment", "twilio_engage"):
        for sender in SENDERS:
            for name, tracks in (("in", OPT_INS), ("out", OPT_OUTS)):
                for track, (properties, _) in tracks.items():
                    warehouse.land(
                        source,
                        call(track, properties, sender),
                        delivery_id=f"{source}/{sender}/{name}/{track}",
                        file="all.ndjson",
                    )
    return warehouse


def events(built: Warehouse, **variables: Any) -> dict[str, list[tuple[str, str, bool]]]:
    """What each delivery became, by its id."""
    select = ("--select", "+int_events_unioned", "--exclude-resource-type", "test")
    built.build(*select, "--full-refresh", **variables)
    found: dict[str, list[tuple[str, str, bool]]] = {}
    for row in built.rows("select * from main.int_events_unioned"):
        said = (row["event_type"], row["provider_event"], row["is_unmapped"])
        found.setdefault(row["delivery_id"], []).append(said)
    return found


def test_without_the_var_every_source_is_believed(built: Warehouse) -> None:
    found = events(built)
    for identity, said in found.items():
        _, _, name, track = identity.split("/")
        (event_type,) = (kind for kind, _, _ in said)
        assert event_type == (OPT_INS if name == "in" else OPT_OUTS)[track][1], identity


def test_only_a_named_source_opts_people_in_and_any_opts_them_out(built: Warehouse) -> None:
    found = events(built, segment_consent_sources=["server", NAMED])
    assert len(found) == 2 * len(SENDERS) * (len(OPT_INS) + len(OPT_OUTS))
    for identity, said in found.items():
        _, sender, name, track = identity.split("/")
        ((event_type, provider_event, is_unmapped),) = said
        if name == "in" and sender != "named":
            # Not lost: `contact-sync status` counts it among the unknown events.
            assert (event_type, is_unmapped) == ("other", True), identity
            assert provider_event == f"opt-in of an unnamed source/{track.lower()}"
        else:
            assert event_type == (OPT_INS if name == "in" else OPT_OUTS)[track][1], identity
