"""mParticle: what each body becomes, and the traps of its fact sheet."""

from __future__ import annotations

import pytest

from tests.python.staging.bodies import Landed, bodies, event

SOURCE = "mparticle"

EVENTS = {
    "attributes_of_a_person": [
        event(None, "identify", "identify", external_id="c-905"),
        event(
            "email",
            "identify",
            "identify/email",
            "ivy@example.net",
            external_id="c-905",
            trait_value=False,
        ),
        event("push", "identify", "identify/push", external_id="c-905", trait_value=False),
        event("sms", "identify", "identify/sms", external_id="c-905", trait_value=False),
    ],
    "batch_without_a_list_of_events": [
        event(None, "identify", "identify", external_id="c-901"),
    ],
    "consent_that_is_positive": [
        event(None, "identify", "identify", external_id="c-901"),
        event(
            "sms",
            "identify",
            "consent_state/true",
            "+12025550141",
            external_id="c-901",
            trait_value=True,
        ),
    ],
    "consent_without_events": [
        event(None, "identify", "identify", external_id="c-901"),
        event(
            "email",
            "identify",
            "consent_state/false",
            "mia@example.org",
            external_id="c-901",
            trait_value=False,
        ),
    ],
    "identities_as_a_map": [
        event(None, "identify", "identify", external_id="c-901"),
        event(
            "email",
            "unsubscribe",
            "marketing preference updated/unsubscribed",
            "mia@example.org",
            external_id="c-901",
        ),
    ],
    "opt_out_of_collection": [
        event(None, "identify", "identify", external_id="c-901"),
        event(None, "other", "opt_out", external_id="c-901"),
    ],
    "other_events": [
        event(None, "identify", "identify", external_id="c-901"),
        event(None, "other", "screen_view", external_id="c-901"),
        event(None, "other", "custom_event/added to cart", external_id="c-901"),
    ],
    "preference_all": [
        event(None, "identify", "identify", external_id="c-901"),
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
            "sms",
            "unsubscribe",
            "marketing preference updated/unsubscribed",
            "+12025550141",
            external_id="c-901",
        ),
    ],
    "preference_email": [
        event(None, "identify", "identify", external_id="c-901"),
        event(
            "email",
            "unsubscribe",
            "marketing preference updated/unsubscribed",
            "mia@example.org",
            external_id="c-901",
        ),
    ],
    "preference_pending": [
        event(None, "identify", "identify", external_id="c-901"),
        event(
            "email",
            "other",
            "marketing preference updated/pending",
            "mia@example.org",
            external_id="c-901",
        ),
    ],
    "preference_words_for_a_channel": [
        event(None, "identify", "identify", external_id="c-901"),
        event(
            "email",
            "unsubscribe",
            "marketing preference updated/unsubscribed",
            "mia@example.org",
            external_id="c-901",
        ),
        event(
            "sms",
            "unsubscribe",
            "marketing preference updated/unsubscribed",
            "+12025550141",
            external_id="c-901",
        ),
        event(
            None,
            "other",
            "marketing preference updated/unknown channel",
            external_id="c-901",
        ),
        event(
            "email",
            "unsubscribe",
            "marketing preference updated/unsubscribed",
            "mia@example.org",
            external_id="c-901",
        ),
    ],
    "identities_after_many_others": [
        event(None, "identify", "identify", external_id="c-901"),
        event(
            "email",
            "unsubscribe",
            "marketing preference updated/optout",
            "mia@example.org",
            external_id="c-901",
        ),
    ],
    "preference_sms_as_text": [
        event(None, "identify", "identify", external_id="c-901"),
        event(
            "sms",
            "subscribe",
            "marketing preference updated/true",
            "+12025550141",
            external_id="c-901",
        ),
    ],
    "preference_unknown_channel": [
        event(None, "identify", "identify", external_id="c-901"),
        event(None, "other", "marketing preference updated/unknown channel", external_id="c-901"),
    ],
    "push_registrations": [
        event(None, "identify", "identify", external_id="c-901"),
        event(
            "push",
            "unsubscribe",
            "push_registration/false",
            "eT0k:APA91bSample",
            external_id="c-901",
        ),
        event(
            "push", "subscribe", "push_registration/true", "eT0k:APA91bSample", external_id="c-901"
        ),
    ],
    "sale_of_data_is_no_channel": [
        event(None, "identify", "identify", external_id="c-901"),
    ],
}

QUARANTINED: dict[str, list[str]] = {
    "batch_of_nobody": ["no recipient", "no recipient"],
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


def test_consent_that_is_repeated_is_no_act(landed: Landed) -> None:
    for body in ("consent_without_events", "consent_that_is_positive"):
        assert {row["event_type"] for row in landed.events(SOURCE, body)} == {"identify"}


def test_opting_out_of_collection_or_sale_refuses_no_message(landed: Landed) -> None:
    for body in ("opt_out_of_collection", "sale_of_data_is_no_channel"):
        types = {row["event_type"] for row in landed.events(SOURCE, body)}
        assert types <= {"identify", "other"}
