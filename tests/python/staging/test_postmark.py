"""Postmark: what each body becomes, and the traps of its fact sheet."""

from __future__ import annotations

import pytest

from tests.python.staging.bodies import Landed, bodies, event

SOURCE = "postmark"

EVENTS = {
    "autoresponder": [
        event("email", "other", "bounce/autoresponder", "noa@example.org", topic="outbound"),
    ],
    "bad_email_address": [
        event("email", "bounce", "bounce/bademailaddress", "noa@example.org", topic="outbound"),
    ],
    "bounce_spam_complaint": [
        event("email", "complaint", "bounce/spamcomplaint", "mia@example.org", topic="outbound"),
    ],
    "bounce_subscribe": [
        event("email", "subscribe", "bounce/subscribe", "mia@example.org", topic="outbound"),
    ],
    "bounce_unsubscribe": [
        event("email", "unsubscribe", "bounce/unsubscribe", "mia@example.org", topic="outbound"),
    ],
    "click": [
        event("email", "click", "click", "mia@example.org", topic="outbound"),
    ],
    "delivery": [
        event(
            "email",
            "delivered",
            "delivery",
            "mia@example.org",
            external_id="c-901",
            topic="outbound",
        ),
    ],
    "hard_bounce": [
        event(
            "email",
            "bounce",
            "bounce/hardbounce",
            "noa@example.org",
            external_id="c-901",
            topic="broadcast",
            at="2026-05-02 07:15:30.123456",
        ),
    ],
    "lift_by_customer": [
        event(
            "email",
            "reactivate",
            "subscriptionchange/reactivated/customer",
            "mia@example.org",
            topic="broadcast",
            at="2026-05-02 07:15:30.416071",
        ),
    ],
    "lift_by_recipient": [
        event(
            "email",
            "subscribe",
            "subscriptionchange/reactivated/recipient",
            "mia@example.org",
            topic="broadcast",
            at="2026-05-02 07:15:30.416071",
        ),
    ],
    "open": [
        event(
            "email",
            "open",
            "open",
            "mia@example.org",
            topic="outbound",
            at="2026-05-02 07:15:30.907025",
        ),
    ],
    "hard_bounce_of_a_full_mailbox": [
        event("email", "soft_bounce", "bounce/hardbounce", "b1@example.org", topic="broadcast"),
    ],
    "hard_bounce_without_authentication": [
        event("email", "soft_bounce", "bounce/hardbounce", "b2@example.org", topic="broadcast"),
    ],
    "soft_blocked": [
        event("email", "soft_bounce", "bounce/blocked", "leo@example.net", topic="outbound"),
    ],
    "soft_bounce": [
        event("email", "soft_bounce", "bounce/softbounce", "leo@example.net", topic="outbound"),
    ],
    "soft_dmarcpolicy": [
        event("email", "soft_bounce", "bounce/dmarcpolicy", "leo@example.net", topic="outbound"),
    ],
    "soft_dnserror": [
        event("email", "soft_bounce", "bounce/dnserror", "leo@example.net", topic="outbound"),
    ],
    "soft_transient": [
        event("email", "soft_bounce", "bounce/transient", "leo@example.net", topic="outbound"),
    ],
    "soft_unknown": [
        event("email", "soft_bounce", "bounce/unknown", "leo@example.net", topic="outbound"),
    ],
    "soft_virusnotification": [
        event(
            "email", "soft_bounce", "bounce/virusnotification", "leo@example.net", topic="outbound"
        ),
    ],
    "spam_complaint": [
        event("email", "complaint", "spamcomplaint", "mia@example.org", topic="broadcast"),
    ],
    "spam_notification": [
        event(
            "email", "soft_bounce", "bounce/spamnotification", "leo@example.net", topic="outbound"
        ),
    ],
    "suppression_and_lift_at_one_instant_lift": [
        event(
            "email",
            "reactivate",
            "subscriptionchange/reactivated/customer",
            "zoe@example.org",
            topic="broadcast",
        ),
    ],
    "suppression_and_lift_at_one_instant_suppression": [
        event(
            "email",
            "block",
            "subscriptionchange/manualsuppression/customer",
            "zoe@example.org",
            topic="broadcast",
        ),
    ],
    "suppression_after_a_bounce_without_authentication": [
        event(
            "email",
            "bounce",
            "subscriptionchange/hardbounce/recipient",
            "b2@example.org",
            topic="broadcast",
            at="2026-05-02 07:15:31",
        ),
    ],
    "suppression_by_admin": [
        event(
            "email",
            "block",
            "subscriptionchange/manualsuppression/admin",
            "mia@example.org",
            topic="broadcast",
            at="2026-05-02 07:15:31",
        ),
    ],
    "suppression_by_customer": [
        event(
            "email",
            "block",
            "subscriptionchange/manualsuppression/customer",
            "mia@example.org",
            topic="broadcast",
        ),
    ],
    "suppression_by_recipient": [
        event(
            "email",
            "unsubscribe",
            "subscriptionchange/manualsuppression/recipient",
            "mia@example.org",
            external_id="c-901",
            topic="broadcast",
        ),
    ],
    "suppression_hard_bounce": [
        event(
            "email",
            "bounce",
            "subscriptionchange/hardbounce/recipient",
            "noa@example.org",
            topic="broadcast",
        ),
    ],
    "suppression_hard_bounce_by_customer": [
        event(
            "email",
            "bounce",
            "subscriptionchange/hardbounce/customer",
            "noa@example.org",
            topic="broadcast",
        ),
    ],
    "suppression_spam_complaint": [
        event(
            "email",
            "complaint",
            "subscriptionchange/spamcomplaint/recipient",
            "mia@example.org",
            topic="broadcast",
        ),
    ],
    "type_code_disagrees": [
        event("email", "soft_bounce", "bounce/blocked", "leo@example.net", topic="outbound"),
    ],
}

QUARANTINED: dict[str, list[str]] = {
    "bounce_unsubscribe_without_email": ["no recipient"],
    "inbound_mail": ["wrong shape"],
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


def test_the_origin_is_the_source_of_the_change(landed: Landed) -> None:
    assert landed.column("source_of_change", SOURCE, "suppression_by_recipient") == ["Recipient"]


def test_ids_beyond_a_float_tell_bounces_apart(landed: Landed) -> None:
    names = ["soft_transient", "soft_dnserror", "soft_blocked", "hard_bounce"]
    assert len({landed.column("event_id", SOURCE, name)[0] for name in names}) == len(names)
