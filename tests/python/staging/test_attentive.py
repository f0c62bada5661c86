"""Attentive: what each body becomes, and the traps of its fact sheet."""

from __future__ import annotations

import pytest

from tests.python.staging.bodies import Landed, bodies, event

SOURCE = "attentive"
PHONE = "+12025550141"
MAIL = "mia@example.org"
A_SECOND_LATER = "2026-05-02 07:15:31"

EVENTS = {
    "custom_attribute": [
        event(None, "other", "custom_attribute.set"),
    ],
    "email_clicked": [
        event("email", "click", "email.clicked", MAIL),
    ],
    "email_delivered": [
        event("email", "delivered", "email.delivered", MAIL),
    ],
    "email_link_click": [
        event("email", "click", "email.message_link_click", MAIL),
    ],
    "email_opened": [
        event("email", "open", "email.opened", MAIL),
    ],
    "email_sent": [
        event("email", "sent", "email.sent", MAIL, external_id="c-901"),
    ],
    "email_subscribed": [
        event(
            "email",
            "subscribe",
            "email.subscribed/marketing",
            MAIL,
            external_id="c-901",
            topic="MARKETING",
        ),
    ],
    "email_unsubscribed": [
        event(
            "email",
            "unsubscribe",
            "email.unsubscribed/marketing",
            MAIL,
            topic="MARKETING",
            at="2026-05-02 07:15:32",
        ),
    ],
    "ids_beyond_a_float_first": [
        event("sms", "sent", "sms.sent", PHONE),
    ],
    "ids_beyond_a_float_second": [
        event("sms", "sent", "sms.sent", "+12025550142"),
    ],
    "inbound_in_doubt": [
        event("sms", "other", "sms.inbound_message/possible_opt_out", "+12025550144"),
    ],
    "inbound_in_own_words": [
        event("sms", "unsubscribe", "sms.inbound_message/unsubscribe", "+12025550143"),
    ],
    "inbound_rcs": [
        event("sms", "unsubscribe", "sms.inbound_message/unsubscribe", "+12025550145"),
    ],
    "inbound_stop": [
        event("sms", "unsubscribe", "sms.inbound_message/unsubscribe", PHONE),
    ],
    "no_time": [
        event(
            "email",
            "unsubscribe",
            "email.unsubscribed/marketing",
            "noa@example.org",
            topic="MARKETING",
            at=None,
        ),
    ],
    "phone_subscribed_is_the_older_name": [
        event("sms", "subscribe", "phone.subscribed/none", PHONE),
    ],
    "phone_unsubscribed_is_the_older_name": [
        event("sms", "unsubscribe", "phone.unsubscribed/none", PHONE),
    ],
    "sms_link_click": [
        event("sms", "click", "sms.message_link_click", PHONE),
    ],
    "sms_sent": [
        event("sms", "sent", "sms.sent", PHONE),
    ],
    "sms_subscribed": [
        event(
            "sms",
            "subscribe",
            "sms.subscribed/marketing",
            PHONE,
            external_id="c-901",
            topic="MARKETING",
        ),
    ],
    "sms_subscribed_to_something_new": [
        event("sms", "topic_subscribe", "sms.subscribed/loyalty", PHONE, topic="LOYALTY"),
    ],
    "sms_subscribed_to_transactional": [
        event(
            "sms",
            "topic_subscribe",
            "sms.subscribed/transactional",
            PHONE,
            external_id="c-901",
            topic="TRANSACTIONAL",
        ),
    ],
    "sms_subscribed_without_subscription": [
        event(
            "sms",
            "subscribe",
            "sms.subscribed/none",
            PHONE,
            external_id="c-901",
            at=A_SECOND_LATER,
        ),
    ],
    "sms_unsubscribed": [
        event(
            "sms",
            "unsubscribe",
            "sms.unsubscribed/marketing",
            PHONE,
            topic="MARKETING",
            at=A_SECOND_LATER,
        ),
    ],
    "sms_unsubscribed_by_id_only": [
        event(
            "sms",
            "unsubscribe",
            "sms.unsubscribed/marketing",
            external_id="902",
            topic="MARKETING",
        ),
    ],
    "sms_unsubscribed_from_carts": [
        event(
            "sms",
            "topic_unsubscribe",
            "sms.unsubscribed/checkout_abandoned",
            PHONE,
            topic="CHECKOUT_ABANDONED",
        ),
    ],
    "sms_unsubscribed_from_something_new": [
        event("sms", "unsubscribe", "sms.unsubscribed/loyalty", PHONE, topic="LOYALTY"),
    ],
    "sms_unsubscribed_from_transactional_at_one_instant": [
        event(
            "sms",
            "topic_unsubscribe",
            "sms.unsubscribed/transactional",
            PHONE,
            topic="TRANSACTIONAL",
            at=A_SECOND_LATER,
        ),
    ],
    "time_as_text": [
        event(
            "email",
            "unsubscribe",
            "email.unsubscribed/marketing",
            "noa@example.org",
            topic="MARKETING",
        ),
    ],
}

QUARANTINED: dict[str, list[str]] = {
    "sms_unsubscribed_with_a_national_number": ["invalid address"],
    "sms_unsubscribed_without_a_phone": ["no recipient"],
    "wrong_types": ["invalid address"],
}

#: What another body of the folder says, too.
SAID_BEFORE = {"sms_unsubscribed_again_without_the_email"}


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
    assert landed.bodies_with_new_events_on_retry(SOURCE) == ["no_time"]


@pytest.mark.parametrize("body", sorted(SAID_BEFORE))
def test_a_body_with_fewer_fields_is_the_same_event(landed: Landed, body: str) -> None:
    assert landed.events(SOURCE, body) == []


def test_the_other_address_is_named_beside_that_of_the_channel(landed: Landed) -> None:
    assert landed.column("email", SOURCE, "sms_subscribed") == [MAIL]
    assert landed.column("phone", SOURCE, "email_subscribed") == [PHONE]
