"""Firebase Cloud Messaging: what each body becomes, and the traps of its fact sheet."""

from __future__ import annotations

import pytest

from tests.python.staging.bodies import Landed, bodies, event

SOURCE = "fcm"

EVENTS = {
    "accepted": [
        event("push", "sent", "accepted", "eT0kEn:APA91bSample", external_id="c-901"),
    ],
    "accepted_without_user": [
        event("push", "sent", "accepted", "eT0kEn:APA91bSample"),
    ],
    "internal": [
        event("push", "soft_bounce", "error/internal", "eT0kEn:APA91bSample", external_id="c-901"),
    ],
    "multicast": [
        event("push", "sent", "accepted", "eT0kEn:APA91bSample", external_id="c-901"),
        event("push", "bounce", "error/unregistered", "eT0kEn:APA91bOther", external_id="c-901"),
    ],
    "not_a_token": [
        event("push", "bounce", "error/invalid_argument/token", "not-a-token", external_id="c-901"),
    ],
    "not_a_token_by_its_field": [
        event(
            "push", "bounce", "error/invalid_argument/token", "not-a-token-2", external_id="c-901"
        ),
    ],
    "page_of_a_gateway": [
        event(
            "push", "soft_bounce", "error/unreadable", "eT0kEn:APA91bSample", external_id="c-901"
        ),
    ],
    "payload_is_wrong": [
        event(
            "push",
            "other",
            "error/invalid_argument/payload",
            "eT0kEn:APA91bSample",
            external_id="c-901",
        ),
    ],
    "payload_is_wrong_in_fcms_words": [
        event(
            "push",
            "other",
            "error/invalid_argument/payload",
            "eT0kEn:APA91bThird",
            external_id="c-901",
        ),
    ],
    "quota_exceeded": [
        event(
            "push",
            "soft_bounce",
            "error/quota_exceeded",
            "eT0kEn:APA91bSample",
            external_id="c-901",
        ),
    ],
    "sdk_invalid_argument": [
        event(
            "push", "other", "error/invalid-argument", "eT0kEn:APA91bSample", external_id="c-901"
        ),
    ],
    "sdk_token_not_registered": [
        event(
            "push",
            "bounce",
            "error/registration-token-not-registered",
            "eT0kEn:APA91bSample",
            external_id="c-901",
        ),
    ],
    "sender_id_mismatch": [
        event(
            "push", "other", "error/sender_id_mismatch", "eT0kEn:APA91bSample", external_id="c-901"
        ),
    ],
    "third_party_auth_error": [
        event(
            "push",
            "other",
            "error/third_party_auth_error",
            "eT0kEn:APA91bSample",
            external_id="c-901",
        ),
    ],
    "unavailable": [
        event(
            "push", "soft_bounce", "error/unavailable", "eT0kEn:APA91bSample", external_id="c-901"
        ),
    ],
    "unregistered": [
        event("push", "bounce", "error/unregistered", "eT0kEn:APA91bSample", external_id="c-901"),
    ],
    "bare_not_registered": [
        event("push", "bounce", "error/notregistered", "eT0kEn:APA91bBare3", external_id="c-901"),
    ],
    "bare_invalid_registration": [
        event(
            "push",
            "bounce",
            "error/invalidregistration",
            "eT0kEn:APA91bBare1",
            external_id="c-901",
        ),
    ],
    "bare_unregistered": [
        event("push", "bounce", "error/unregistered", "eT0kEn:APA91bBare7", external_id="c-901"),
    ],
    "bare_sdk_word": [
        event(
            "push",
            "bounce",
            "error/registration-token-not-registered",
            "eT0kEn:APA91bBare4",
            external_id="c-901",
        ),
    ],
    "bare_sentence": [
        event(
            "push",
            "other",
            "error/requested entity was not found.",
            "eT0kEn:APA91bBare5",
            external_id="c-901",
        ),
    ],
    "bare_unavailable": [
        event(
            "push", "soft_bounce", "error/unavailable", "eT0kEn:APA91bBare6", external_id="c-901"
        ),
    ],
    "bare_message_too_big": [
        event("push", "other", "error/messagetoobig", "eT0kEn:APA91bBare2", external_id="c-901"),
    ],
}

QUARANTINED: dict[str, list[str]] = {
    "neither_name_nor_error": ["wrong shape"],
    "refusal_of_no_token": ["no recipient"],
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


def test_a_fault_of_our_payload_is_no_bounce(landed: Landed) -> None:
    for body in ("payload_is_wrong", "payload_is_wrong_in_fcms_words"):
        assert [row["event_type"] for row in landed.events(SOURCE, body)] == ["other"]


def test_a_token_is_kept_as_it_is(landed: Landed) -> None:
    assert landed.column("push_token", SOURCE, "unregistered") == ["eT0kEn:APA91bSample"]
    assert landed.column("push_token_type", SOURCE, "unregistered") == ["fcm"]
