"""Amazon SES: what each body becomes, and the traps of its fact sheet."""

from __future__ import annotations

import pytest

from tests.python.staging.bodies import Landed, bodies, event

SOURCE = "ses"

EVENTS = {
    "bounce_of_a_message_without_an_address": [
        event("email", "soft_bounce", "bounce/permanent/noemail", "noa@example.org"),
    ],
    "bounce_of_two_of_three": [
        event("email", "bounce", "bounce/permanent/noemail", "leo@example.net"),
        event("email", "bounce", "bounce/permanent/noemail", "noa@example.org"),
    ],
    "bounce_on_account_list_is_an_echo": [
        event(
            "email",
            "bounce",
            "bounce/permanent/onaccountsuppressionlist",
            "noa@example.org",
            is_echo=True,
        ),
    ],
    "bounces_of_many_classes": [
        event("email", kind, "bounce/permanent/general", f"b{number}@example.org")
        for number, kind in enumerate(["soft_bounce", "bounce", "soft_bounce", "bounce", "bounce"])
    ],
    "bounce_by_own_validation": [
        event(
            "email",
            "soft_bounce",
            "bounce/permanent/emailvalidationsuppressed",
            "noa@example.org",
            is_echo=True,
        ),
    ],
    # They left a topic of Amazon's contact list: their addresses are as good as before.
    **{
        f"bounce_of_{name}": [
            event(
                "email",
                "topic_unsubscribe",
                "bounce/permanent/unsubscribedrecipient",
                address,
                is_echo=True,
            )
            for address in addresses
        ]
        for name, addresses in {
            "who_left_a_topic": ["mia@example.org"],
            "two_who_left_a_topic": ["leo@example.net", "noa@example.org"],
            "who_left_a_topic_raw": ["mia@example.org"],
        }.items()
    },
    "bounce_on_tenant_list_is_an_echo": [
        event(
            "email",
            "bounce",
            "bounce/permanent/ontenantsuppressionlist",
            "noa@example.org",
            is_echo=True,
        ),
    ],
    "bounce_permanent": [
        event(
            "email", "bounce", "bounce/permanent/general", "noa@example.org", external_id="c-902"
        ),
    ],
    "bounce_suppressed_is_an_echo": [
        event("email", "bounce", "bounce/permanent/suppressed", "noa@example.org", is_echo=True),
    ],
    "bounce_transient": [
        event("email", "soft_bounce", "bounce/transient/mailboxfull", "leo@example.net"),
    ],
    "bounce_undetermined": [
        event("email", "soft_bounce", "bounce/undetermined/undetermined", "leo@example.net"),
    ],
    "click": [
        event("email", "click", "click", "mia@example.org"),
    ],
    "complaint": [
        event("email", "complaint", "complaint/abuse", "mia@example.org"),
    ],
    "complaint_on_account_list_is_an_echo": [
        event(
            "email",
            "complaint",
            "complaint/onaccountsuppressionlist",
            "mia@example.org",
            is_echo=True,
        ),
    ],
    "complaint_on_tenant_list_is_an_echo": [
        event(
            "email",
            "complaint",
            "complaint/ontenantsuppressionlist",
            "mia@example.org",
            is_echo=True,
        ),
    ],
    "complaint_taken_back": [
        event("email", "other", "complaint/not-spam", "mia@example.org"),
    ],
    "complaint_without_type": [
        event("email", "complaint", "complaint", "mia@example.org"),
    ],
    "delivery_delay": [
        event("email", "soft_bounce", "deliverydelay/mailboxfull", "leo@example.net"),
    ],
    "delivery_of_an_identity": [
        event("email", "delivered", "delivery", "mia@example.org"),
    ],
    "open": [
        event("email", "open", "open", "mia@example.org"),
    ],
    "raw_delivery": [
        event("email", "delivered", "delivery", "mia@example.org"),
    ],
    "reject": [
        event("email", "other", "reject", "mia@example.org", at="2026-05-02 07:15:31"),
    ],
    "rendering_failure": [
        event("email", "other", "rendering failure", "mia@example.org", at="2026-05-02 07:15:31"),
    ],
    "send": [
        event("email", "sent", "send", "mia@example.org", at="2026-05-02 07:15:31"),
    ],
    "sns_speaks": [
        event(None, "other", "notification", at="2026-05-02 07:15:31"),
    ],
    "subscription_back_into_all": [
        event("email", "other", "subscription/resubscribeall", "mia@example.org"),
    ],
    "subscription_confirmation": [
        event(None, "other", "subscriptionconfirmation"),
    ],
    "subscription_out_of_all": [
        event("email", "unsubscribe", "subscription/unsubscribeall", "mia@example.org"),
    ],
    "subscription_topics": [
        event("email", "topic_subscribe", "subscription/optin", "mia@example.org", topic="offers"),
        event("email", "topic_unsubscribe", "subscription/optout", "mia@example.org", topic="news"),
    ],
    "unsubscribe_confirmation": [
        event(None, "other", "unsubscribeconfirmation"),
    ],
}

QUARANTINED: dict[str, list[str]] = {
    "bounce_without_recipients": ["no recipient"],
    "message_cut_off": ["malformed JSON"],
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


def test_only_who_bounced_is_bounced(landed: Landed) -> None:
    named = [row["address"] for row in landed.events(SOURCE, "bounce_of_two_of_three")]
    assert sorted(named) == ["leo@example.net", "noa@example.org"]


def test_confirming_a_subscription_of_sns_subscribes_nobody(landed: Landed) -> None:
    types = [row["event_type"] for row in landed.events(SOURCE, "subscription_confirmation")]
    assert types == ["other"]


def test_the_diagnosis_is_the_reason(landed: Landed) -> None:
    assert landed.column("reason", SOURCE, "bounce_permanent") == ["smtp; 550 5.1.1"]
