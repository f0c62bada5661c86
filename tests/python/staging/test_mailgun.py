"""Mailgun: what each body becomes, and the traps of its fact sheet."""

from __future__ import annotations

import pytest

from tests.python.staging.bodies import Landed, bodies, event

SOURCE = "mailgun"

EVENTS = {
    "accepted": [
        event("email", "sent", "accepted", "mia@example.org", at="2026-05-02 07:15:30.118"),
    ],
    "clicked": [
        event("email", "click", "clicked", "mia@example.org", at="2026-05-02 07:15:30.118"),
    ],
    "clicked_by_a_scanner": [
        event(
            "email",
            "click",
            "clicked",
            "mia@example.org",
            is_machine=True,
            at="2026-05-02 07:15:30.118",
        ),
    ],
    "complained": [
        event("email", "complaint", "complained", "mia@example.org", at="2026-05-02 07:15:30.118"),
    ],
    "delivered": [
        event(
            "email",
            "delivered",
            "delivered",
            "mia@example.org",
            external_id="c-901",
            at="2026-05-02 07:15:30.118",
        ),
    ],
    "failed_606_with_generic_reason": [
        event(
            "email",
            "unsubscribe",
            "failed/permanent/suppress-unsubscribe",
            "ivy@example.net",
            is_echo=True,
            at="2026-05-02 07:15:30.118",
        ),
    ],
    "failed_delayed_bounce": [
        event(
            "email",
            "bounce",
            "failed/permanent/generic",
            "leo@example.net",
            at="2026-05-02 07:15:30.118",
        ),
    ],
    "failed_espblock": [
        event(
            "email",
            "soft_bounce",
            "failed/permanent/espblock",
            "leo@example.net",
            at="2026-05-02 07:15:30.118",
        ),
    ],
    "failed_old": [
        event(
            "email",
            "soft_bounce",
            "failed/permanent/old",
            "leo@example.net",
            at="2026-05-02 07:15:30.118",
        ),
    ],
    "failed_permanent": [
        event(
            "email",
            "bounce",
            "failed/permanent/bounce",
            "noa@example.org",
            at="2026-05-02 07:15:30.118",
        ),
    ],
    "failed_permanent_full": [
        event(
            "email",
            "soft_bounce",
            "failed/permanent/generic",
            "leo@example.net",
            at="2026-05-02 07:15:30.118",
        ),
    ],
    "failed_permanent_unauthenticated": [
        event(
            "email",
            "soft_bounce",
            "failed/permanent/bounce",
            "leo@example.net",
            at="2026-05-02 07:15:30.118",
        ),
    ],
    "failed_permanent_in_capitals": [
        event(
            "email",
            "bounce",
            "failed/permanent/generic",
            "noa@example.org",
            at="2026-05-02 07:15:30.118",
        ),
    ],
    "failed_permanent_without_reason": [
        event(
            "email", "bounce", "failed/permanent", "noa@example.org", at="2026-05-02 07:15:30.118"
        ),
    ],
    "failed_suppress_bounce": [
        event(
            "email",
            "bounce",
            "failed/permanent/suppress-bounce",
            "ivy@example.net",
            is_echo=True,
            at="2026-05-02 07:15:30.118",
        ),
    ],
    "failed_suppress_complaint": [
        event(
            "email",
            "complaint",
            "failed/permanent/suppress-complaint",
            "ivy@example.net",
            is_echo=True,
            at="2026-05-02 07:15:30.118",
        ),
    ],
    "failed_suppress_unsubscribe": [
        event(
            "email",
            "unsubscribe",
            "failed/permanent/suppress-unsubscribe",
            "ivy@example.net",
            is_echo=True,
            at="2026-05-02 07:15:30.118",
        ),
    ],
    "failed_temporary": [
        event(
            "email",
            "soft_bounce",
            "failed/temporary/generic",
            "leo@example.net",
            at="2026-05-02 07:15:30.118",
        ),
    ],
    "failed_without_severity": [
        event(
            "email", "soft_bounce", "failed/bounce", "leo@example.net", at="2026-05-02 07:15:30.118"
        ),
    ],
    "legacy_bounced": [
        event("email", "bounce", "bounced", "noa@example.org", external_id="c-902"),
    ],
    "legacy_complained": [
        event("email", "complaint", "complained", "mia@example.org"),
    ],
    "legacy_dropped_605": [
        event("email", "bounce", "dropped/suppress-bounce", "ivy@example.net", is_echo=True),
    ],
    "legacy_dropped_606": [
        event(
            "email", "unsubscribe", "dropped/suppress-unsubscribe", "ivy@example.net", is_echo=True
        ),
    ],
    "legacy_dropped_607": [
        event("email", "complaint", "dropped/suppress-complaint", "ivy@example.net", is_echo=True),
    ],
    "legacy_dropped_hardfail": [
        event("email", "bounce", "dropped/hardfail", "noa@example.org"),
    ],
    "legacy_dropped_old": [
        event("email", "soft_bounce", "dropped/old", "leo@example.net"),
    ],
    "legacy_opened_with_variables": [
        event("email", "open", "opened", "mia@example.org", external_id="c-901"),
    ],
    "legacy_unsubscribed": [
        event(
            "email", "unsubscribe", "unsubscribed", "mia@example.org", topic="news@mg.shop.example"
        ),
    ],
    "opened": [
        event("email", "open", "opened", "mia@example.org", at="2026-05-02 07:15:30.118"),
    ],
    "opened_by_a_machine": [
        event(
            "email",
            "open",
            "opened",
            "mia@example.org",
            is_machine=True,
            at="2026-05-02 07:15:30.118",
        ),
    ],
    "permanent_fail_as_event": [
        event("email", "bounce", "permanent_fail", "noa@example.org"),
    ],
    "rejected": [
        event("email", "other", "rejected", "mia@example.org", at="2026-05-02 07:15:31"),
    ],
    "same_id_on_another_day": [
        event("email", "complaint", "complained", "mia@example.org", at="2026-05-05 07:15:30"),
    ],
    "simplified": [
        event("email", "complaint", "complained", "user@example.com", at="2023-03-15 13:20:00"),
    ],
    "stored": [
        event("email", "other", "stored"),
    ],
    "time_from_the_signature": [
        event("email", "unsubscribe", "unsubscribed", "mia@example.org", at="2026-05-02 07:15:31"),
    ],
    "unsubscribed": [
        event(
            "email", "unsubscribe", "unsubscribed", "mia@example.org", at="2026-05-02 07:15:30.118"
        ),
    ],
}

QUARANTINED: dict[str, list[str]] = {
    "event_data_without_event": ["wrong shape"],
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
    assert bodies(SOURCE) == EVENTS.keys() | QUARANTINED.keys() | {"same_id_and_day_again"}


def test_a_retry_adds_nothing(landed: Landed) -> None:
    assert landed.bodies_with_new_events_on_retry(SOURCE) == []


def test_the_same_id_on_one_day_is_one_event_whatever_signs_it(landed: Landed) -> None:
    assert landed.events(SOURCE, "same_id_and_day_again") == []


def test_every_legacy_body_is_an_event_of_its_own(landed: Landed) -> None:
    legacy = [name for name in EVENTS if name.startswith("legacy_")]
    assert len({landed.column("event_id", SOURCE, name)[0] for name in legacy}) == len(legacy)


def test_variables_of_the_customer_are_no_reason(landed: Landed) -> None:
    assert landed.column("reason", SOURCE, "legacy_opened_with_variables") == [None]


def test_the_reason_of_a_bounce_is_the_answer_of_the_server(landed: Landed) -> None:
    assert landed.column("reason", SOURCE, "failed_permanent") == ["5.1.1 no such user"]
