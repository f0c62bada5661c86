"""SendGrid: what each body becomes, and the traps of its fact sheet."""

from __future__ import annotations

import pytest

from tests.python.staging.bodies import Landed, bodies, event

SOURCE = "sendgrid"

EVENTS = {
    "account_status_change": [
        event(None, "other", "account_status_change"),
    ],
    "address_to_normalize": [
        event("email", "delivered", "delivered", "mia+spring@example.org"),
    ],
    "bounce": [
        event("email", "bounce", "bounce/bounce", "noa@example.org"),
    ],
    "bounce_asynchronous": [
        event("email", "bounce", "bounce/bounce", "noa@example.org"),
    ],
    "bounce_blocked": [
        event("email", "soft_bounce", "bounce/blocked", "leo@example.net"),
    ],
    "bounces_of_many_classes": [
        event("email", kind, f"bounce/{word}", f"b{number}@example.org")
        for number, (kind, word) in enumerate(
            [
                ("soft_bounce", "bounce"),
                ("soft_bounce", "bounce"),
                ("bounce", "bounce"),
                ("bounce", "bounce"),
                ("bounce", "bounce"),
                ("soft_bounce", "blocked"),
                *[("soft_bounce", "bounce")] * 4,
                *[("bounce", "bounce")] * 2,
            ]
        )
    ],
    "bounce_without_type": [
        event("email", "bounce", "bounce", "user@example.com", at="2023-03-15 13:20:00"),
    ],
    "capital_event": [
        event("email", "sent", "processed", "mia@example.org"),
    ],
    "custom_arguments_named_like_fields": [
        event("email", "click", "click", "mia@example.org", external_id="c-901"),
    ],
    "deferred": [
        event("email", "soft_bounce", "deferred", "noa@example.org"),
    ],
    "dropped": [
        event("email", "bounce", "dropped/bounced address", "ivy@example.net", is_echo=True),
        event("email", "bounce", "dropped/invalid", "ivy@example.net", is_echo=True),
        event(
            "email", "unsubscribe", "dropped/unsubscribed address", "ivy@example.net", is_echo=True
        ),
        event(
            "email", "complaint", "dropped/spam reporting address", "ivy@example.net", is_echo=True
        ),
        event("email", "other", "dropped/invalid smtpapi header", "ivy@example.net"),
        event(
            "email",
            "other",
            "dropped/spam content (if spam checker app enabled)",
            "ivy@example.net",
        ),
        event("email", "other", "dropped/recipient list over package quota", "ivy@example.net"),
    ],
    "group_unsubscribe": [
        event("email", "topic_unsubscribe", "group_unsubscribe", "mia@example.org", topic="318"),
        event(
            "email",
            "topic_subscribe",
            "group_resubscribe",
            "mia@example.org",
            topic="318",
            at="2026-05-02 07:15:31",
        ),
    ],
    "journey": [
        event("email", "sent", "processed", "mia@example.org", external_id="c-901"),
        event("email", "delivered", "delivered", "mia@example.org", at="2026-05-02 07:15:31"),
        event("email", "click", "click", "mia@example.org", at="2026-05-02 07:15:37"),
        event("email", "complaint", "spamreport", "mia@example.org", at="2026-05-02 07:15:38"),
        event("email", "unsubscribe", "unsubscribe", "mia@example.org", at="2026-05-02 07:15:39"),
    ],
    "open_by_a_machine": [
        event("email", "open", "open", "mia@example.org", is_machine=True),
        event("email", "open", "open", "mia@example.org", at="2026-05-02 07:16:30"),
    ],
    "sent_twice": [
        event("email", "delivered", "delivered", "mia@example.org"),
    ],
    "timestamp_as_object": [
        event("email", "delivered", "delivered", "mia@example.org", at=None),
    ],
    "timestamp_as_text": [
        event("email", "delivered", "delivered", "mia@example.org"),
    ],
    "two_opt_outs_without_id_or_time": [
        event("email", "unsubscribe", "unsubscribe", "mia@example.org", at=None),
        event("email", "unsubscribe", "unsubscribe", "mia@example.org", at=None),
    ],
    "unknown_event": [
        event("email", "other", "cancel_drop", "mia@example.org"),
    ],
    "one_id_for_all": [
        event("email", "unsubscribe", "unsubscribe", "mia@example.org"),
        event("email", "unsubscribe", "unsubscribe", "noa@example.org"),
        event("email", "unsubscribe", "unsubscribe", "leo@example.net"),
        event("email", "complaint", "spamreport", "leo@example.net"),
    ],
}

QUARANTINED: dict[str, list[str]] = {
    "dropped_without_email": ["no recipient"],
    "wrong_types": ["invalid address", "wrong shape", "invalid address"],
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
    # Without id and time a retry cannot be told from a second opt-out: both count.
    assert landed.bodies_with_new_events_on_retry(SOURCE) == ["two_opt_outs_without_id_or_time"]


def test_an_event_sent_twice_in_a_batch_is_one(landed: Landed) -> None:
    assert landed.column("position", SOURCE, "sent_twice") == [0]


def test_opt_outs_without_id_or_time_are_not_taken_for_one(landed: Landed) -> None:
    assert len(landed.events(SOURCE, "two_opt_outs_without_id_or_time")) == 2


def test_a_custom_argument_is_no_reason(landed: Landed) -> None:
    assert landed.column("reason", SOURCE, "custom_arguments_named_like_fields") == [None]


def test_the_reason_of_a_bounce_is_the_answer_of_the_server(landed: Landed) -> None:
    assert landed.column("reason", SOURCE, "bounce") == ["550 5.1.1 user unknown"]
