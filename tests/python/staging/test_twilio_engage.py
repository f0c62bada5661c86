"""Twilio Engage: what each body becomes, and the traps of its fact sheet."""

from __future__ import annotations

import pytest

from tests.python.staging.bodies import Landed, bodies, event

SOURCE = "twilio_engage"

EVENTS = {
    "audience_entered": [
        event(None, "other", "track/audience entered", external_id="c-901"),
    ],
    "batch": [
        event("email", "open", "email opened", "mia@example.org", external_id="c-901"),
        event("email", "bounce", "email bounced", "mia@example.org", external_id="c-901"),
    ],
    "channel_subscription_updated": [
        event(None, "other", "track/channel subscription updated", external_id="c-901"),
    ],
    "email_bounced": [
        event("email", "bounce", "email bounced", "mia@example.org", external_id="c-901"),
    ],
    "email_deferred": [
        event("email", "soft_bounce", "email deferred", "mia@example.org", external_id="c-901"),
    ],
    "email_delivered": [
        event("email", "delivered", "email delivered", "mia@example.org", external_id="c-901"),
    ],
    "email_dropped": [
        event(
            "email", "other", "email dropped", "mia@example.org", external_id="c-901", is_echo=True
        ),
    ],
    "email_group_subscribed": [
        event(
            "email",
            "topic_subscribe",
            "email group subscribed",
            "mia@example.org",
            external_id="c-901",
            topic="g1",
        ),
    ],
    "email_group_unsubscribed": [
        event(
            "email",
            "topic_unsubscribe",
            "email group unsubscribed",
            "mia@example.org",
            external_id="c-901",
            topic="g1",
        ),
    ],
    "email_link_clicked": [
        event("email", "click", "email link clicked", "mia@example.org", external_id="c-901"),
    ],
    "email_machine_opened": [
        event(
            "email",
            "open",
            "email machine opened",
            "mia@example.org",
            external_id="c-901",
            is_machine=True,
        ),
    ],
    "email_marked_as_spam": [
        event("email", "complaint", "email marked as spam", "mia@example.org", external_id="c-901"),
    ],
    "email_processed": [
        event("email", "sent", "email processed", "mia@example.org", external_id="c-901"),
    ],
    "email_subscribed": [
        event("email", "subscribe", "email subscribed", "mia@example.org", external_id="c-901"),
    ],
    "email_unsubscribed": [
        event("email", "unsubscribe", "email unsubscribed", "mia@example.org", external_id="c-901"),
    ],
    "sms_delivered": [
        event("sms", "delivered", "sms delivered", "+12025550141", external_id="c-901"),
    ],
    "sms_sent": [
        event("sms", "sent", "sms sent", "+12025550141", external_id="c-901"),
    ],
    "sms_undelivered": [
        event("sms", "soft_bounce", "sms undelivered", "+12025550141", external_id="c-901"),
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
