"""OneSignal: what each body becomes, and the traps of its fact sheet."""

from __future__ import annotations

import pytest

from tests.python.staging.bodies import Landed, bodies, event

SOURCE = "onesignal"
TOKEN = "eT0k:APA91bSample"
PHONE = "+12025550141"

EVENTS = {
    "email_bounced": [
        event("email", "bounce", "message.email.bounced", "noa@example.org"),
    ],
    "email_clicked": [
        event("email", "click", "message.email.clicked", "mia@example.org"),
    ],
    "email_failed": [
        event("email", "soft_bounce", "message.email.failed", "leo@example.net"),
    ],
    "email_hardbounced_is_the_older_name": [
        event("email", "bounce", "message.email.hardbounced", "noa@example.org"),
    ],
    "email_opened": [
        event("email", "open", "message.email.opened", "mia@example.org"),
    ],
    "email_received": [
        event("email", "delivered", "message.email.received", "mia@example.org"),
    ],
    "email_reported_as_spam": [
        event("email", "complaint", "message.email.reported_as_spam", "mia@example.org"),
    ],
    "email_sent": [
        event("email", "sent", "message.email.sent", "mia@example.org"),
    ],
    "email_suppressed": [
        event("email", "other", "message.email.suppressed", "ivy@example.net", is_echo=True),
    ],
    "email_supressed_is_the_older_spelling": [
        event("email", "other", "message.email.supressed", "ivy@example.net", is_echo=True),
    ],
    "email_unsubscribed": [
        event(
            "email",
            "unsubscribe",
            "message.email.unsubscribed",
            "mia@example.org",
            external_id="c-901",
        ),
    ],
    "email_unsubscribed_without_message": [
        event("email", "unsubscribe", "message.email.unsubscribed", "noa@example.org"),
    ],
    "flat_and_numbers_without_quotes": [
        event("push", "sent", "message.push.sent", "iOSt0k", external_id="c-901"),
    ],
    "flat_without_a_timestamp": [
        event("push", "delivered", "message.push.received", "iOSt0k", external_id="c-901"),
    ],
    "in_app_clicked": [
        event(None, "other", "message.iam.clicked", external_id="c-901"),
    ],
    "kind_in_capitals": [
        event("push", "unsubscribe", "message.push.unsubscribed", "eT0k:APA91bOther"),
    ],
    "live_activity_unsubscribed_is_no_refusal_of_push": [
        event(None, "other", "message.live_activity.unsubscribed", external_id="c-901"),
    ],
    "no_id": [
        event("push", "unsubscribe", "message.push.unsubscribed", TOKEN),
    ],
    "no_id_and_no_time": [
        event("push", "unsubscribe", "message.push.unsubscribed", TOKEN, at=None),
    ],
    # Of one device: its owner is not named.
    "push_clicked_flat": [
        event("push", "click", "message.push.clicked"),
    ],
    "push_displayed": [
        event("push", "other", "message.push.displayed", TOKEN),
    ],
    "push_failed": [
        event(
            "push",
            "soft_bounce",
            "message.push.failed/invalid push token",
            TOKEN,
            external_id="c-901",
        ),
    ],
    "push_failed_without_a_reason": [
        event("push", "soft_bounce", "message.push.failed", TOKEN),
    ],
    "push_received": [
        event("push", "delivered", "message.push.received", TOKEN),
    ],
    "push_sent": [
        event("push", "sent", "message.push.sent", TOKEN, external_id="c-901"),
    ],
    "push_unsubscribed": [
        event("push", "unsubscribe", "message.push.unsubscribed", TOKEN, external_id="c-901"),
    ],
    "push_unsubscribed_flat": [
        event("push", "unsubscribe", "message.push.unsubscribed", "iOSt0k"),
    ],
    "push_unsubscribed_without_token": [
        event("push", "unsubscribe", "message.push.unsubscribed"),
    ],
    "push_unsubscribed_by_subscription_id_only": [
        event("push", "unsubscribe", "message.push.unsubscribed"),
    ],
    "sms_unsubscribed_by_subscription_id": [
        event("sms", "unsubscribe", "message.sms.unsubscribed", external_id="c-901"),
    ],
    "push_unsubscribed_without_any_id": [
        event("push", "unsubscribe", "message.push.unsubscribed", external_id="c-901"),
    ],
    "sms_delivered": [
        event("sms", "delivered", "message.sms.delivered", PHONE),
    ],
    "sms_failed": [
        event("sms", "soft_bounce", "message.sms.failed", PHONE),
    ],
    "sms_sent": [
        event("sms", "sent", "message.sms.sent", PHONE),
    ],
    "sms_unsubscribed": [
        event("sms", "unsubscribe", "message.sms.unsubscribed", PHONE),
    ],
    "rcs_unsubscribed": [
        event("sms", "unsubscribe", "message.sms.unsubscribed", PHONE),
    ],
    "sms_undelivered": [
        event("sms", "soft_bounce", "message.sms.undelivered", PHONE),
    ],
    "unknown_kind": [
        event("email", "other", "message.email.snoozed", "mia@example.org"),
    ],
}

QUARANTINED: dict[str, list[str]] = {
    "email_unsubscribed_with_a_token_of_a_device": ["invalid address"],
    "push_unsubscribed_by_an_id_that_is_none": ["no recipient"],
    "quotes_that_broke_the_template": ["malformed JSON"],
    "template_without_a_kind": ["wrong shape"],
    "web_push_of_the_browser": ["wrong shape"],
    "wrong_types": ["invalid address"],
}

#: What another body of the folder says, too.
SAID_BEFORE = {"same_id_again_flat"}


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
    # Without id and time a retry cannot be told from a second opt-out: both count.
    assert landed.bodies_with_new_events_on_retry(SOURCE) == ["no_id_and_no_time"]


@pytest.mark.parametrize("body", sorted(SAID_BEFORE))
def test_one_id_is_one_event_in_either_template(landed: Landed, body: str) -> None:
    assert landed.events(SOURCE, body) == []


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("push_unsubscribed", "onesignal:1c9f0c55-0001-4a00-8b00-000000000001"),
        ("push_unsubscribed_without_token", "onesignal:1c9f0c55-0001-4a00-8b00-000000000001"),
        ("push_clicked_flat", "onesignal:1c9f0c55-0003-4a00-8b00-000000000001"),
        ("sms_unsubscribed_by_subscription_id", "onesignal:1c9f0c55-0001-4a00-8b00-000000000004"),
        ("push_unsubscribed_without_any_id", None),
    ],
)
def test_a_subscription_is_named_by_onesignals_own_id(
    landed: Landed, body: str, names: str | None
) -> None:
    assert landed.column("platform_id", SOURCE, body) == [names]


def test_the_kind_of_device_stands_beside_its_token_only(landed: Landed) -> None:
    assert landed.column("push_token_type", SOURCE, "push_sent") == ["Android"]
    assert landed.column("push_token_type", SOURCE, "push_clicked_flat") == [None]
    assert landed.column("push_token_type", SOURCE, "email_unsubscribed") == [None]


def test_the_reason_of_a_failure_is_kept_as_it_is(landed: Landed) -> None:
    assert landed.column("reason", SOURCE, "push_failed") == ["Invalid push token"]
    assert landed.column("reason", SOURCE, "push_clicked_flat") == [None]
