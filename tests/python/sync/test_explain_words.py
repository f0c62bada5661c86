"""How `explain` words the ways of a refusal and its end, where a build would be much for a word.

Which way it is, and what has to be named, the models say (explain_reasons).
"""

from __future__ import annotations

from typing import Any

import pytest

from sync.reports.explain_words import ends_by, route

ROW = {
    "channel": "email",
    "address": "ann@example.com",
    "external_id": "c-1",
    "reason": "unsubscribe",
    "attribute": "consent",
    "source": "sendgrid",
    "topic": None,
    "is_topic": False,
    "ended_by": "subscribe",
    "ending_names": "address or contact",
}


@pytest.mark.parametrize(
    ("matched_on", "named", "kind", "words"),
    [
        ("address", ("ann@example.com", None), "address", "the event names this address"),
        ("address", ("ann@example.com", "c-2"), "address", "and contact c-2"),
        ("external_id", (None, "c-1"), "contact", "names the contact alone"),
        ("external_id", ("ann@example.com", "c-1"), "contact", "names the contact alone"),
        ("external_id", ("b@example.com", "c-1"), "contact", "names b@example.com"),
        ("link", ("b@example.com", None), "linked address", "also named with b@example.com"),
        ("channel", ("+15550100", None), "channel", "the policy carries unsubscribe"),
        ("platform_id", (None, None, "klaviyo:X"), "platform id", "klaviyo:X, the platform's own"),
        ("address", (None, None, "klaviyo:X"), "platform id", "which stands for this address"),
        ("link", (None, None, "klaviyo:X"), "linked address", "an address that klaviyo:X stands"),
        ("derived", None, "derived", "derived from sends, opens and clicks"),
    ],
)
def test_the_way_of_a_refusal_is_told(
    matched_on: str, named: tuple[str | None, ...] | None, kind: str, words: str
) -> None:
    event = None
    if named is not None:
        names = dict(zip(("address", "external_id", "platform_id"), named, strict=False))
        event = {"platform_id": None, **names}
    way = route({**ROW, "matched_on": matched_on}, event)
    assert way.kind == kind
    assert words in way.text


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({}, "subscribe, naming this address or contact c-1"),
        ({"ending_names": "address"}, "subscribe, naming this address"),
        ({"ending_names": "contact"}, "subscribe, naming contact c-1"),
        ({"topic": "7"}, "list 7 of sendgrid or for no list in particular"),
        ({"topic": "7", "is_topic": True}, "(or their own return to list 7 at sendgrid)"),
        ({"attribute": "operator", "ended_by": "reactivate,subscribe"}, "own subscribe"),
        ({"ended_by": None}, "nothing: seeds/suppression_releases.csv has no row for it"),
    ],
)
def test_what_would_end_a_reason_is_told(row: dict[str, Any], words: str) -> None:
    assert ends_by({**ROW, **row}).endswith(words)
