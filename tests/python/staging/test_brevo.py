"""Brevo: what each body becomes, and the traps of its fact sheet."""

from __future__ import annotations

import pytest

from tests.python.staging.bodies import Landed, bodies, event

SOURCE = "brevo"

EVENTS = {
    "batch": [
        event("email", "delivered", "delivered", "mia@example.org"),
        event("email", "open", "opened", "noa@example.org"),
    ],
    "blocked": [
        event("email", "other", "blocked", "mia@example.org"),
    ],
    "click": [
        event("email", "click", "click", "mia@example.org"),
    ],
    "complaint": [
        event("email", "complaint", "complaint", "mia@example.org"),
    ],
    "contact_deleted": [
        event("email", "other", "contact_deleted", "mia@example.org", at=None),
    ],
    "contact_updated": [
        event("email", "other", "contact_updated", "mia@example.org", at=None),
    ],
    "custom_that_is_no_json": [
        event("email", "bounce", "hard_bounce", "noa@example.org"),
    ],
    "deferred": [
        event("email", "soft_bounce", "deferred", "mia@example.org"),
    ],
    "delivered": [
        event("email", "delivered", "delivered", "mia@example.org"),
    ],
    "epoch_in_seconds": [
        event("email", "open", "opened", "mia@example.org"),
    ],
    "error": [
        event("email", "other", "error", "mia@example.org"),
    ],
    "hard_bounce": [
        event("email", "bounce", "hard_bounce", "noa@example.org", external_id="c-902"),
    ],
    "invalid_email": [
        event("email", "bounce", "invalid_email", "noa@example.org"),
    ],
    "list_addition_of_two": [
        event("email", "reactivate", "list_addition", "mia@example.org", topic="3", at=None),
        event("email", "reactivate", "list_addition", "noa@example.org", topic="3", at=None),
    ],
    "only_times_without_zone": [
        event("email", "open", "opened", "mia@example.org", at=None),
    ],
    "opened": [
        event("email", "open", "opened", "mia@example.org"),
    ],
    "proxy_open": [
        event("email", "open", "proxy_open", "mia@example.org", is_machine=True),
    ],
    "request": [
        event("email", "sent", "request", "mia@example.org"),
    ],
    "sent": [
        event("email", "sent", "sent", "mia@example.org"),
    ],
    "soft_bounce": [
        event("email", "soft_bounce", "soft_bounce", "mia@example.org"),
    ],
    "spam": [
        event("email", "complaint", "spam", "mia@example.org"),
    ],
    "unique_opened": [
        event("email", "open", "unique_opened", "mia@example.org"),
    ],
    "unique_proxy_open": [
        event("email", "open", "unique_proxy_open", "mia@example.org", is_machine=True),
    ],
    "unknown_event": [
        event("email", "other", "teleported", "mia@example.org"),
    ],
    "unsubscribe_of_a_list": [
        event("email", "unsubscribe", "unsubscribe", "mia@example.org", topic="3"),
    ],
    "unsubscribed": [
        event("email", "unsubscribe", "unsubscribed", "mia@example.org"),
    ],
}

QUARANTINED: dict[str, list[str]] = {
    "event_of_nobody": ["no recipient"],
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


def test_a_retry_adds_nothing(landed: Landed) -> None:
    assert landed.bodies_with_new_events_on_retry(SOURCE) == []


def test_a_time_without_a_zone_is_no_time(landed: Landed) -> None:
    body = "only_times_without_zone"
    assert landed.column("effective_at", SOURCE, body) == landed.column("received_at", SOURCE, body)
