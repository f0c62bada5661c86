"""SparkPost: what each body becomes, and the traps of its fact sheet."""

from __future__ import annotations

import pytest

from tests.python.staging.bodies import Landed, bodies, event

SOURCE = "sparkpost"

EVENTS = {
    "amp": [
        event("email", "open", "amp_open", "mia@example.org"),
        event("email", "click", "amp_click", "mia@example.org"),
    ],
    "bounce_of_every_class": [
        event("email", "soft_bounce", "bounce/1", "noa@example.org"),
        event("email", "bounce", "bounce/10", "noa@example.org"),
        event("email", "soft_bounce", "bounce/20", "noa@example.org"),
        event("email", "soft_bounce", "bounce/21", "noa@example.org"),
        event("email", "soft_bounce", "bounce/22", "noa@example.org"),
        event("email", "soft_bounce", "bounce/23", "noa@example.org"),
        event("email", "soft_bounce", "bounce/24", "noa@example.org"),
        event("email", "soft_bounce", "bounce/25", "noa@example.org"),
        event("email", "bounce", "bounce/30", "noa@example.org"),
        event("email", "soft_bounce", "bounce/40", "noa@example.org"),
        event("email", "soft_bounce", "bounce/50", "noa@example.org"),
        event("email", "soft_bounce", "bounce/51", "noa@example.org"),
        event("email", "soft_bounce", "bounce/52", "noa@example.org"),
        event("email", "soft_bounce", "bounce/53", "noa@example.org"),
        event("email", "soft_bounce", "bounce/54", "noa@example.org"),
        event("email", "other", "bounce/60", "noa@example.org"),
        event("email", "soft_bounce", "bounce/70", "noa@example.org"),
        event("email", "subscribe", "bounce/80", "noa@example.org"),
        event("email", "unsubscribe", "bounce/90", "noa@example.org"),
        event("email", "other", "bounce/100", "noa@example.org"),
    ],
    "bounces_of_many_classes": [
        event("email", "soft_bounce", "bounce/1", "b0@example.org"),
        event("email", "soft_bounce", "bounce/40", "b1@example.org"),
        event("email", "bounce", "bounce/10", "b2@example.org"),
        event("email", "soft_bounce", "bounce/20", "b3@example.org"),
        event("email", "soft_bounce", "bounce/70", "b4@example.org"),
    ],
    "bounce_with_an_id_of_the_customer": [
        event("email", "bounce", "bounce/10", "noa@example.org", external_id="c-902"),
    ],
    "bounce_without_class": [
        event("email", "soft_bounce", "bounce", "noa@example.org"),
    ],
    "click": [
        event("email", "click", "click", "mia@example.org"),
    ],
    "delay": [
        event("email", "soft_bounce", "delay", "leo@example.net"),
    ],
    "delivery_without_id": [
        event("email", "delivered", "delivery", "mia@example.org"),
    ],
    "first_open_comes_twice": [
        event("email", "open", "initial_open", "mia@example.org"),
        event("email", "open", "open", "mia@example.org"),
    ],
    "injection_and_delivery": [
        event("email", "sent", "injection", "mia@example.org"),
        event("email", "delivered", "delivery", "mia@example.org"),
    ],
    "our_own_faults": [
        event("email", "other", "policy_rejection", "mia@example.org"),
        event("email", "other", "generation_failure", "mia@example.org"),
        event("email", "other", "generation_rejection", "mia@example.org"),
    ],
    "out_of_band": [
        event("email", "bounce", "out_of_band/10", "noa@example.org"),
        event("email", "soft_bounce", "out_of_band/22", "leo@example.net"),
    ],
    "ping": [
        event(None, "other", "ping", at=None),
    ],
    "relay_is_inbound": [
        event(None, "other", "relay", at=None),
    ],
    "spam_complaint": [
        event("email", "complaint", "spam_complaint", "mia@example.org"),
    ],
    "time_as_iso": [
        event("email", "delivered", "delivery", "mia@example.org"),
    ],
    "unknown_type": [
        event("email", "other", "levitation", "mia@example.org"),
    ],
    "unsubscribes": [
        event("email", "unsubscribe", "link_unsubscribe", "mia@example.org"),
        event("email", "unsubscribe", "list_unsubscribe", "mia@example.org"),
    ],
}

QUARANTINED: dict[str, list[str]] = {
    "complaint_of_nobody": ["no recipient"],
}


@pytest.mark.parametrize("body", EVENTS)
def test_a_body_becomes_its_events(landed: Landed, body: str) -> None:
    assert landed.events(SOURCE, body) == EVENTS[body]


@pytest.mark.parametrize("body", QUARANTINED)
def test_an_element_that_names_nobody_or_nothing_is_quarantined(landed: Landed, body: str) -> None:
    assert landed.quarantined("reason", SOURCE, body) == QUARANTINED[body]


def test_every_body_is_expected(landed: Landed) -> None:
    quarantined = {name for name in bodies(SOURCE) if landed.quarantined("reason", SOURCE, name)}
    assert quarantined == QUARANTINED.keys()
    assert bodies(SOURCE) == EVENTS.keys() | QUARANTINED.keys()


def test_a_retry_adds_nothing_but_what_nothing_tells_apart(landed: Landed) -> None:
    assert sorted(landed.bodies_with_new_events_on_retry(SOURCE)) == ["ping", "relay_is_inbound"]


def test_of_twenty_classes_two_are_bounces(landed: Landed) -> None:
    events = landed.events(SOURCE, "bounce_of_every_class")
    bounced = [row["provider_event"] for row in events if row["event_type"] == "bounce"]
    assert bounced == ["bounce/10", "bounce/30"]


def test_the_receivers_words_are_the_reason(landed: Landed) -> None:
    assert landed.column("reason", SOURCE, "bounce_of_every_class")[:2] == [
        "550 class 1",
        "550 class 10",
    ]
