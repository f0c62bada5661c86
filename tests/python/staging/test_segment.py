"""Segment: what each body becomes, and the traps of its fact sheet."""

from __future__ import annotations

import pytest

from tests.python.staging.bodies import Landed, bodies, event

SOURCE = "segment"

EVENTS = {
    "bare_array": [
        event(
            "email",
            "unsubscribe",
            "marketing preference updated/unsubscribed",
            external_id="c-903",
            at="2026-05-02 07:15:38",
        ),
    ],
    "batch": [
        event(None, "identify", "identify", external_id="c-901", at="2026-05-02 07:15:36"),
        event(
            "sms",
            "subscribe",
            "marketing preference updated/subscribed",
            external_id="c-901",
            at="2026-05-02 07:15:36",
        ),
    ],
    "batch_with_a_bad_element": [
        event(
            "email",
            "unsubscribe",
            "unsubscribed",
            "mia@example.org",
            external_id="c-901",
            at="2026-05-02 07:15:36",
        ),
    ],
    "clock_in_the_future": [
        event(
            "email",
            "unsubscribe",
            "unsubscribed",
            "mia@example.org",
            external_id="c-901",
            at="2031-01-01 00:00:00",
        ),
    ],
    "delete": [
        event(None, "other", "delete", external_id="c-901", at="2026-05-02 07:15:39"),
    ],
    "email_subscribed_with_a_time_of_its_own": [
        event(
            "email",
            "subscribe",
            "email subscribed",
            "mia@example.org",
            external_id="c-901",
            at="2026-05-02 06:00:00",
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
    "email_spec_bounced": [
        event("email", "bounce", "email bounced", "noa@example.org", external_id="c-901"),
    ],
    "email_spec_delivered": [
        event("email", "delivered", "email delivered", "noa@example.org", external_id="c-901"),
    ],
    "email_spec_dropped": [
        event(
            "email", "other", "email dropped", "noa@example.org", external_id="c-901", is_echo=True
        ),
    ],
    "email_spec_link_clicked": [
        event("email", "click", "email link clicked", "noa@example.org", external_id="c-901"),
    ],
    "email_spec_machine_opened": [
        event(
            "email",
            "open",
            "email machine opened",
            "noa@example.org",
            external_id="c-901",
            is_machine=True,
        ),
    ],
    "email_spec_marked_as_spam": [
        event("email", "complaint", "email marked as spam", "noa@example.org", external_id="c-901"),
    ],
    "email_spec_opened": [
        event("email", "open", "email opened", "noa@example.org", external_id="c-901"),
    ],
    "email_spec_soft_bounced": [
        event("email", "soft_bounce", "email soft bounced", "noa@example.org", external_id="c-901"),
    ],
    "email_spec_unsubscribed": [
        event("email", "unsubscribe", "email unsubscribed", "noa@example.org", external_id="c-901"),
    ],
    "email_spec_unsubscribed_of_a_list": [
        event(
            "email",
            "unsubscribe",
            "unsubscribed",
            "mia@example.org",
            external_id="c-901",
            topic="7",
        ),
    ],
    "identify": [
        event(None, "identify", "identify", external_id="c-901", at="2026-05-02 07:15:34"),
    ],
    "identify_with_subscriptions": [
        event(None, "identify", "identify", external_id="c-901", at="2026-05-02 07:15:35"),
        event(
            "email",
            "other",
            "messaging_subscriptions/did_not_subscribe",
            "lea@example.org",
            external_id="c-901",
            at="2026-05-02 07:15:35",
        ),
        event(
            "email",
            "identify",
            "messaging_subscriptions/unsubscribed",
            "mia@example.org",
            external_id="c-901",
            trait_value=False,
            at="2026-05-02 07:15:35",
        ),
        event(
            "sms",
            "identify",
            "messaging_subscriptions/subscribed",
            "+12025550141",
            external_id="c-901",
            trait_value=True,
            at="2026-05-02 07:15:35",
        ),
    ],
    "identify_with_traits": [
        event(None, "identify", "identify", external_id="c-901", at="2026-05-02 07:15:34"),
        event(
            "email",
            "identify",
            "identify/email_subscribed_status",
            "mia@example.org",
            external_id="c-901",
            trait_value=False,
            at="2026-05-02 07:15:34",
        ),
        event(
            "push",
            "identify",
            "identify/push_notification_enabled",
            external_id="c-901",
            trait_value=False,
            at="2026-05-02 07:15:34",
        ),
        event(
            "sms",
            "identify",
            "identify/sms_subscribed_status",
            external_id="c-901",
            trait_value=True,
            at="2026-05-02 07:15:34",
        ),
    ],
    "identify_with_traits_of_a_team": [
        event(None, "identify", "identify", external_id="c-901", at="2026-05-02 07:15:34"),
        event(
            "email",
            "identify",
            "identify/email_subscribed_status",
            "mia@example.org",
            external_id="c-901",
            trait_value=False,
            at="2026-05-02 07:15:34",
        ),
        event(
            "push",
            "identify",
            "identify/push_notification_enabled",
            external_id="c-901",
            trait_value=False,
            at="2026-05-02 07:15:34",
        ),
        event(
            "sms",
            "identify",
            "identify/sms_subscribed_status",
            external_id="c-901",
            trait_value=False,
            at="2026-05-02 07:15:34",
        ),
        event(None, "identify", "identify", at="2026-05-02 07:15:34"),
        event(
            "email",
            "identify",
            "identify/email_subscribed_status",
            "noa@example.org",
            trait_value=False,
            at="2026-05-02 07:15:34",
        ),
        event(None, "identify", "identify", at="2026-05-02 07:15:34"),
        event(
            "email",
            "identify",
            "identify/email_subscribed_status",
            "leo@example.net",
            trait_value=False,
            at="2026-05-02 07:15:34",
        ),
        event(None, "identify", "identify", external_id="c-904", at="2026-05-02 07:15:34"),
        event(
            "sms",
            "identify",
            "identify/sms_subscribed_status",
            external_id="c-904",
            trait_value=True,
            at="2026-05-02 07:15:34",
        ),
    ],
    "object_that_speaks_of_a_batch": [
        event(None, "other", "track/invite sent", external_id="c-901"),
    ],
    "other_track_with_a_friends_email": [
        event(None, "other", "track/invite sent", external_id="c-901"),
    ],
    "page": [
        event(None, "other", "page", at="2026-05-02 07:15:36"),
    ],
    "permission_granted_as_text": [
        event(
            "push", "subscribe", "push notification permission changed/true", external_id="c-901"
        ),
    ],
    "permission_refused": [
        event(
            "push",
            "unsubscribe",
            "push notification permission changed/false",
            "eT0k:APA91bSample",
            external_id="c-901",
            at="2026-05-02 07:15:31",
        ),
    ],
    "preference_all_of_a_user": [
        event(
            "email",
            "unsubscribe",
            "marketing preference updated/unsubscribed",
            "mia@example.org",
            external_id="c-901",
        ),
        event(
            "push", "unsubscribe", "marketing preference updated/unsubscribed", external_id="c-901"
        ),
        event(
            "sms", "unsubscribe", "marketing preference updated/unsubscribed", external_id="c-901"
        ),
    ],
    "preference_all_of_addresses": [
        event(
            "email", "unsubscribe", "marketing preference updated/unsubscribed", "mia@example.org"
        ),
        event("sms", "unsubscribe", "marketing preference updated/unsubscribed", "+12025550141"),
    ],
    "preference_boolean_as_text": [
        event(
            "email",
            "unsubscribe",
            "marketing preference updated/false",
            "mia@example.org",
            external_id="c-901",
        ),
    ],
    "preference_email": [
        event(
            "email",
            "unsubscribe",
            "marketing preference updated/unsubscribed",
            "mia@example.org",
            external_id="c-901",
            at="2026-05-02 07:15:20",
        ),
    ],
    "preference_mobile_push": [
        event(
            "push",
            "subscribe",
            "marketing preference updated/true",
            # The user's preference, on all devices.
            None,
            external_id="c-901",
        ),
    ],
    "preference_pending": [
        event(
            "email",
            "other",
            "marketing preference updated/pending",
            "mia@example.org",
            external_id="c-901",
        ),
    ],
    "preference_sms_as_text": [
        event(
            "sms",
            "unsubscribe",
            "marketing preference updated/opted_out",
            "+12025550141",
            external_id="c-901",
        ),
    ],
    "preference_time_that_cannot_be_read": [
        event(
            "email",
            "subscribe",
            "marketing preference updated/subscribed",
            "mia@example.org",
            external_id="c-901",
        ),
    ],
    "preference_of_a_hyphen_beside_another_word": [
        event(
            "email",
            "unsubscribe",
            "marketing preference updated/unsubscribed",
            "mia@example.org",
            external_id="c-901",
            at="2026-05-02 07:15:20",
        ),
        event(
            "sms",
            "unsubscribe",
            "marketing preference updated/unsubscribed",
            external_id="c-901",
            at="2026-05-02 07:15:20",
        ),
    ],
    "preference_two_channels": [
        event(
            "email", "unsubscribe", "marketing preference updated/unsubscribed", external_id="c-901"
        ),
        event(
            "sms", "unsubscribe", "marketing preference updated/unsubscribed", external_id="c-901"
        ),
    ],
    "preference_unknown_channel": [
        event(None, "other", "marketing preference updated/unknown channel", external_id="c-901"),
    ],
    "preference_unknown_word": [
        event(
            "email",
            "other",
            "marketing preference updated/perhaps",
            "mia@example.org",
            external_id="c-901",
        ),
    ],
    "track_named_identify": [
        event(None, "other", "track/identify", external_id="c-901"),
    ],
    "user_without_an_id": [
        event("email", "unsubscribe", "unsubscribed", "mia@example.org"),
    ],
}

QUARANTINED: dict[str, list[str]] = {
    "batch_with_a_bad_element": ["wrong shape"],
    "empty_batch": ["empty"],
    "identify_of_nobody": ["no recipient"],
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


def test_all_addresses_that_a_call_names_are_kept(landed: Landed) -> None:
    assert landed.column("email", SOURCE, "identify") == ["mia@example.org"]
    assert landed.column("phone", SOURCE, "identify") == ["+12025550141"]


def test_a_friends_address_is_not_kept(landed: Landed) -> None:
    assert landed.column("email", SOURCE, "other_track_with_a_friends_email") == [None]


def test_a_clock_in_the_future_does_not_move_the_act_past_its_arrival(landed: Landed) -> None:
    body = "clock_in_the_future"
    assert landed.column("effective_at", SOURCE, body) == landed.column("received_at", SOURCE, body)


def test_the_place_of_the_change_is_kept(landed: Landed) -> None:
    assert landed.column("source_of_change", SOURCE, "preference_email") == ["preference_center"]


def test_a_device_names_its_kind(landed: Landed) -> None:
    assert landed.column("push_token_type", SOURCE, "permission_refused") == ["android"]
