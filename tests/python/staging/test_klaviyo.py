"""Klaviyo: what each body becomes, and the traps of its fact sheet."""

from __future__ import annotations

import pytest

from tests.python.staging.bodies import Landed, bodies, event

SOURCE = "klaviyo"

EVENTS = {
    "bounced_softly": [
        event("email", "soft_bounce", "bounced_email/soft", "mia@example.org", external_id="c-901"),
    ],
    "event_without_id": [
        event(
            "email",
            "unsubscribe",
            "unsubscribed_from_email_marketing",
            "mia@example.org",
            external_id="c-901",
        ),
    ],
    "every_word": [
        event("email", "delivered", "received_email", "mia@example.org", external_id="c-901"),
        event("email", "open", "opened_email", "mia@example.org", external_id="c-901"),
        event("email", "click", "clicked_email", "mia@example.org", external_id="c-901"),
        event("email", "bounce", "bounced_email", "mia@example.org", external_id="c-901"),
        event("email", "complaint", "marked_email_as_spam", "mia@example.org", external_id="c-901"),
        event(
            "email", "other", "dropped_email", "mia@example.org", external_id="c-901", is_echo=True
        ),
        event(
            "email",
            "unsubscribe",
            "unsubscribed_from_email_marketing",
            "mia@example.org",
            external_id="c-901",
        ),
        event(
            "email",
            "subscribe",
            "subscribed_to_email_marketing",
            "mia@example.org",
            external_id="c-901",
        ),
        event(
            "email",
            "block",
            "manually_suppressed_from_email_marketing",
            "mia@example.org",
            external_id="c-901",
        ),
        event(
            "email",
            "reactivate",
            "manually_unsuppressed_from_email_marketing",
            "mia@example.org",
            external_id="c-901",
        ),
        event(
            "sms",
            "unsubscribe",
            "unsubscribed_from_sms_marketing",
            "+12025550141",
            external_id="c-901",
        ),
        event(
            "sms", "subscribe", "subscribed_to_sms_marketing", "+12025550141", external_id="c-901"
        ),
        event("sms", "sent", "sent_sms", "+12025550141", external_id="c-901"),
        event("sms", "soft_bounce", "failed_to_deliver_sms", "+12025550141", external_id="c-901"),
        event("sms", "click", "clicked_sms", "+12025550141", external_id="c-901"),
        event("sms", "other", "received_sms", "+12025550141", external_id="c-901"),
        event("push", "delivered", "received_push", external_id="c-901"),
        event("push", "open", "opened_push", external_id="c-901"),
        event("push", "bounce", "bounced_push", external_id="c-901"),
        event(None, "other", "updated_email_preferences", external_id="c-901"),
    ],
    "one_bad_element": [
        event("email", "open", "opened_email", "mia@example.org", external_id="c-901"),
    ],
    "person_named_by_id_alone": [
        event("email", "unsubscribe", "unsubscribed_from_email_marketing", external_id="c-901"),
    ],
    # What Klaviyo documents: its own id, and no address.
    "profile_not_included": [
        event("email", "unsubscribe", "unsubscribed_from_email_marketing"),
    ],
    "mms_opt_out_by_profile_id": [
        event("sms", "unsubscribe", "unsubscribed_from_sms_marketing"),
    ],
    "profile_after_the_metric": [
        event("email", "complaint", "marked_email_as_spam", "mia@example.org", external_id="c-901"),
    ],
    "time_in_seconds": [
        event("email", "open", "opened_email", "mia@example.org", external_id="c-901"),
    ],
    "unknown_topic": [
        event(None, "other", "reviewed_product", external_id="c-901"),
    ],
}

QUARANTINED: dict[str, list[str]] = {
    "empty_batch": ["empty"],
    "one_bad_element": ["wrong shape"],
    "nobody_named": ["no recipient"],
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


def test_what_names_nobody_is_seen(landed: Landed) -> None:
    assert landed.quarantined("reason", SOURCE, "nobody_named") == ["no recipient"]


@pytest.mark.parametrize("body", ["profile_not_included", "time_in_seconds"])
def test_a_profile_is_named_by_klaviyos_own_id(landed: Landed, body: str) -> None:
    assert landed.column("platform_id", SOURCE, body) == ["klaviyo:01JPROFILEID"]
