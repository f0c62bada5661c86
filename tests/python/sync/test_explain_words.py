"""How `explain` words the ways of a refusal and its end, where a build would be much for a word."""

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
}


def event(**more: Any) -> dict[str, Any]:
    plain = {
        "event_type": "unsubscribe",
        "source": "sendgrid",
        "channel": "email",
        "address": None,
        "external_id": None,
        "topic": None,
    }
    return {**plain, **more}


@pytest.mark.parametrize(
    ("named", "kind", "words"),
    [
        ({"address": "ann@example.com"}, "address", "the event names this address"),
        ({"address": "ann@example.com", "external_id": "c-2"}, "address", "and contact c-2"),
        ({"external_id": "c-1"}, "contact", "names the contact alone"),
        ({"external_id": "c-1", "address": "b@example.com"}, "contact", "names b@example.com"),
        ({"address": "b@example.com"}, "linked address", "also named with b@example.com"),
        ({"channel": "sms", "address": "+15550100"}, "channel", "the policy carries unsubscribe"),
    ],
)
def test_the_way_of_a_refusal_is_told(named: dict[str, Any], kind: str, words: str) -> None:
    way = route(ROW, event(**named))
    assert way.kind == kind
    assert words in way.text


@pytest.mark.parametrize(
    ("row", "named", "released_by", "is_over_limit", "words"),
    [
        ({}, {}, ["subscribe"], False, "subscribe, naming this address or contact c-1"),
        ({}, {}, ["subscribe"], True, "subscribe, naming this address"),
        ({"external_id": None}, {}, ["subscribe"], False, "subscribe, naming this address"),
        ({"address": None}, {}, ["subscribe"], False, "subscribe, naming contact c-1"),
        (
            {},
            {"topic": "7"},
            ["subscribe"],
            True,
            "list 7 of sendgrid or for no list in particular",
        ),
        (
            {},
            {"topic": "7", "event_type": "topic_unsubscribe"},
            ["subscribe"],
            True,
            "(or their own return to list 7 at sendgrid)",
        ),
        ({"attribute": "operator"}, {}, ["reactivate", "subscribe"], False, "own subscribe"),
        ({}, {}, [], False, "nothing: seeds/suppression_releases.csv has no row for it"),
    ],
)
def test_what_would_end_a_reason_is_told(
    row: dict[str, Any],
    named: dict[str, Any],
    released_by: list[str],
    is_over_limit: bool,
    words: str,
) -> None:
    said = ends_by({**ROW, **row}, event(**named), released_by, is_over_limit=is_over_limit)
    assert said.endswith(words)
