"""Mailchimp: what each body becomes, and the traps of its fact sheet."""

from __future__ import annotations

import pytest

from tests.python.staging.bodies import Landed, bodies, event

SOURCE = "mailchimp"
LIST = "a6b5da1054"

EVENTS = {
    "campaign": [
        event(None, "other", "campaign", topic=LIST),
    ],
    "cleaned_abuse": [
        event("email", "complaint", "cleaned/abuse", "leo@example.net", topic=LIST),
    ],
    "cleaned_hard": [
        event("email", "bounce", "cleaned/hard", "noa@example.org", topic=LIST),
    ],
    "cleaned_without_reason": [
        event("email", "bounce", "cleaned", "ivy@example.net", topic=LIST),
    ],
    "email_in_the_merges_only": [
        event("email", "unsubscribe", "unsubscribe/manual", "ana@example.org", topic=LIST),
    ],
    "plus_that_is_kept": [
        event("email", "unsubscribe", "unsubscribe/manual", "mia+news@example.org", topic=LIST),
    ],
    "profile_of_a_subscribe": [
        event("email", "other", "profile", "mia@example.org", external_id="c-901", topic=LIST),
    ],
    "subscribe": [
        event(
            "email", "subscribe", "subscribe", "mia@example.org", external_id="c-901", topic=LIST
        ),
    ],
    "time_with_a_zone": [
        event("email", "unsubscribe", "unsubscribe/manual", "mia@example.org", topic=LIST),
    ],
    "type_in_capitals": [
        event("email", "unsubscribe", "unsubscribe/manual", "ben@example.org", topic=LIST),
    ],
    "unsubscribe": [
        event("email", "unsubscribe", "unsubscribe/manual", "mia@example.org", topic=LIST),
    ],
    "unsubscribe_abuse": [
        event("email", "complaint", "unsubscribe/abuse/unsub", "mia@example.org", topic=LIST),
    ],
    "unsubscribe_abuse_without_action": [
        event("email", "complaint", "unsubscribe/abuse", "leo@example.net", topic=LIST),
    ],
    "unsubscribe_by_deletion": [
        event("email", "unsubscribe", "unsubscribe/manual/delete", "ivy@example.net", topic=LIST),
    ],
    "unsubscribe_nested": [
        event(
            "email",
            "unsubscribe",
            "unsubscribe/manual/unsub",
            "noa@example.org",
            external_id="902",
            topic=LIST,
        ),
    ],
    "unsubscribe_on_a_day_of_zeros": [
        event("email", "unsubscribe", "unsubscribe/manual", "mia@example.org", topic=LIST, at=None),
    ],
    "unsubscribe_without_a_time": [
        event("email", "unsubscribe", "unsubscribe/manual", "mia@example.org", topic=LIST, at=None),
    ],
    "unsubscribe_without_reason": [
        event("email", "unsubscribe", "unsubscribe", "zoe@example.org", topic=LIST),
    ],
    "upemail": [
        event("email", "other", "upemail", "mia.new@example.org", topic=LIST),
    ],
}

QUARANTINED: dict[str, list[str]] = {
    "no_type": ["wrong shape"],
    "plus_that_was_lost": ["invalid address"],
    "unsubscribe_without_email": ["no recipient"],
}

#: What another body of the folder says, too.
SAID_BEFORE = {"subscribe_nested_again"}


@pytest.mark.parametrize("body", EVENTS)
def test_a_body_becomes_its_events(landed: Landed, body: str) -> None:
    assert landed.events(SOURCE, body) == EVENTS[body]


@pytest.mark.parametrize("body", QUARANTINED)
def test_an_element_that_names_nobody_or_nothing_is_quarantined(landed: Landed, body: str) -> None:
    assert landed.quarantined("reason", SOURCE, body) == QUARANTINED[body]


def test_every_body_is_expected(landed: Landed) -> None:
    quarantined = {name for name in bodies(SOURCE) if landed.quarantined("reason", SOURCE, name)}
    assert quarantined == QUARANTINED.keys()
    assert bodies(SOURCE) == EVENTS.keys() | QUARANTINED.keys() | SAID_BEFORE


def test_a_retry_adds_nothing(landed: Landed) -> None:
    # Without a time a retry cannot be told from a second opt-out: both count.
    assert landed.bodies_with_new_events_on_retry(SOURCE) == [
        "unsubscribe_on_a_day_of_zeros",
        "unsubscribe_without_a_time",
    ]


@pytest.mark.parametrize("body", sorted(SAID_BEFORE))
def test_a_form_and_its_nested_landing_are_one_event(landed: Landed, body: str) -> None:
    assert landed.events(SOURCE, body) == []


def test_the_reason_is_what_mailchimp_says(landed: Landed) -> None:
    assert landed.column("reason", SOURCE, "unsubscribe_abuse") == ["abuse"]
    assert landed.column("reason", SOURCE, "campaign") == [None]
