"""Braze: what each body becomes, and the traps of its fact sheet."""

from __future__ import annotations

import pytest

from tests.python.staging.bodies import Landed, bodies, event

SOURCE = "braze"

EVENTS = {
    "anonymous_profile": [
        event("email", "unsubscribe", "messages.email.unsubscribe", "mia@example.org"),
    ],
    "bounce": [
        event("email", "bounce", "messages.email.bounce", "noa@example.org", external_id="c-901"),
    ],
    "bounce_that_is_a_drop": [
        event(
            "email",
            "bounce",
            "messages.email.bounce/drop",
            "noa@example.org",
            external_id="c-901",
            is_echo=True,
        ),
    ],
    "email_events": [
        event("email", "sent", "messages.email.send", "mia@example.org", external_id="c-901"),
        event(
            "email", "delivered", "messages.email.delivery", "mia@example.org", external_id="c-901"
        ),
        event("email", "open", "messages.email.open", "mia@example.org", external_id="c-901"),
        event("email", "click", "messages.email.click", "mia@example.org", external_id="c-901"),
        event(
            "email",
            "soft_bounce",
            "messages.email.softbounce",
            "mia@example.org",
            external_id="c-901",
        ),
        event(
            "email",
            "soft_bounce",
            "messages.email.deferral",
            "mia@example.org",
            external_id="c-901",
        ),
        event("email", "other", "messages.email.retry", "mia@example.org", external_id="c-901"),
        event(
            "email",
            "complaint",
            "messages.email.markasspam",
            "mia@example.org",
            external_id="c-901",
        ),
        event(
            "email",
            "unsubscribe",
            "messages.email.unsubscribe",
            "mia@example.org",
            external_id="c-901",
        ),
    ],
    "event_without_id": [
        event(
            "email",
            "complaint",
            "messages.email.markasspam",
            "mia@example.org",
            external_id="c-901",
        ),
    ],
    "flat_row_of_an_export": [
        event(
            "email",
            "unsubscribe",
            "messages.email.unsubscribe",
            "mia@example.org",
            external_id="c-901",
        ),
    ],
    "global_state_by_the_api": [
        event(
            "email",
            "block",
            "behaviors.subscription.globalstatechange/unsubscribed/rest_api",
            "mia@example.org",
            external_id="c-901",
        ),
        event(
            "email",
            "reactivate",
            "behaviors.subscription.globalstatechange/subscribed/dashboard",
            "mia@example.org",
            external_id="c-901",
        ),
        event(
            "email",
            "reactivate",
            "behaviors.subscription.globalstatechange/opted_in/csv_import",
            "mia@example.org",
            external_id="c-901",
        ),
    ],
    "global_state_by_the_person": [
        event(
            "email",
            "unsubscribe",
            "behaviors.subscription.globalstatechange/unsubscribed/preference_center",
            "mia@example.org",
            external_id="c-901",
        ),
        event(
            "email",
            "subscribe",
            "behaviors.subscription.globalstatechange/subscribed/preference_center",
            "mia@example.org",
            external_id="c-901",
        ),
        event(
            "email",
            "subscribe",
            "behaviors.subscription.globalstatechange/opted_in/double_opt_in",
            "mia@example.org",
            external_id="c-901",
        ),
    ],
    "global_state_of_push": [
        event(
            "push",
            "unsubscribe",
            "behaviors.subscription.globalstatechange/unsubscribed/prompt of the device",
            external_id="c-901",
        ),
        event(
            "push",
            "subscribe",
            "behaviors.subscription.globalstatechange/opted_in/prompt of the device",
            external_id="c-901",
        ),
    ],
    "group_state_of_whatsapp": [
        event(
            None,
            "other",
            "behaviors.subscriptiongroup.statechange/another channel",
            external_id="c-901",
            topic="0c1e",
        ),
    ],
    "group_states": [
        event(
            "sms",
            "topic_unsubscribe",
            "behaviors.subscriptiongroup.statechange/unsubscribed/inbound_message",
            "+4915700000001",
            external_id="c-901",
            topic="0c1d",
        ),
        event(
            "sms",
            "topic_subscribe",
            "behaviors.subscriptiongroup.statechange/subscribed/inbound_message",
            "+4915700000001",
            external_id="c-901",
            topic="0c1d",
        ),
        event(
            "sms",
            "topic_unsubscribe",
            "behaviors.subscriptiongroup.statechange/unsubscribed/rest_api",
            "+4915700000001",
            external_id="c-901",
            topic="0c1d",
        ),
        event(
            "sms",
            "other",
            "behaviors.subscriptiongroup.statechange/subscribed/rest_api",
            "+4915700000001",
            external_id="c-901",
            topic="0c1d",
        ),
    ],
    "one_bad_element": [
        event("email", "click", "messages.email.click", "mia@example.org", external_id="c-901"),
    ],
    "open_by_a_machine": [
        event(
            "email",
            "open",
            "messages.email.open",
            "mia@example.org",
            external_id="c-901",
            is_machine=True,
        ),
    ],
    "other_channels": [
        event(None, "other", "messages.contentcard.send", external_id="c-901"),
        event(None, "other", "messages.inappmessage.click", external_id="c-901"),
        event(None, "other", "campaigns.conversion", external_id="c-901"),
    ],
    "push_events": [
        event(
            "push",
            "bounce",
            "messages.pushnotification.bounce",
            "eT0k:APA91bSample",
            external_id="c-901",
        ),
        event("push", "sent", "messages.pushnotification.send", external_id="c-901"),
        event("push", "open", "messages.pushnotification.open", external_id="c-901"),
    ],
    "sms_events": [
        event("sms", "sent", "messages.sms.send", "+4915700000001", external_id="c-901"),
        event("sms", "other", "messages.sms.carriersend", "+4915700000001", external_id="c-901"),
        event("sms", "delivered", "messages.sms.delivery", "+4915700000001", external_id="c-901"),
        event(
            "sms",
            "click",
            "messages.sms.shortlinkclick",
            "+4915700000001",
            external_id="c-901",
            is_machine=True,
        ),
    ],
    "sms_failures": [
        event(
            "sms",
            "bounce",
            "messages.sms.deliveryfailure/30005",
            "+4915700000001",
            external_id="c-901",
        ),
        event(
            "sms",
            "bounce",
            "messages.sms.deliveryfailure/30006",
            "+4915700000001",
            external_id="c-901",
        ),
        event(
            "sms",
            "unsubscribe",
            "messages.sms.deliveryfailure/21610",
            "+4915700000001",
            external_id="c-901",
            is_echo=True,
        ),
        event(
            "sms",
            "soft_bounce",
            "messages.sms.deliveryfailure/30003",
            "+4915700000001",
            external_id="c-901",
        ),
        event(
            "sms",
            "soft_bounce",
            "messages.sms.rejection/30007",
            "+4915700000001",
            external_id="c-901",
        ),
    ],
    "sms_replies": [
        event(
            "sms",
            "unsubscribe",
            "messages.sms.inboundreceive/unsubscribed",
            "+4915700000001",
            external_id="c-901",
            topic="0c1d",
        ),
        event(
            "sms",
            "subscribe",
            "messages.sms.inboundreceive/subscribed",
            "+4915700000001",
            external_id="c-901",
            topic="0c1d",
        ),
        event(
            "sms",
            "unsubscribe",
            "messages.sms.inboundreceive/text/unsubscribe",
            "+4915700000001",
            external_id="c-901",
            topic="0c1d",
        ),
    ],
    "tokens_and_uninstalls": [
        event(
            "push",
            "other",
            "behaviors.pushnotification.tokenstatechange",
            "ab12",
            external_id="c-901",
        ),
        event(None, "other", "behaviors.uninstall", external_id="c-901"),
    ],
    "global_state_in_doubt": [
        event(
            "email",
            "reactivate",
            "behaviors.subscription.globalstatechange/subscribed/r",
            "mia@example.org",
            external_id="c-901",
        ),
        event(
            "email",
            "reactivate",
            "behaviors.subscription.globalstatechange/subscribed/rest",
            "mia@example.org",
            external_id="c-901",
        ),
        event(
            "email",
            "reactivate",
            "behaviors.subscription.globalstatechange/subscribed/nobody named",
            "mia@example.org",
            external_id="c-901",
        ),
        event(
            "email",
            "reactivate",
            "behaviors.subscription.globalstatechange/opted_in/nobody named",
            "mia@example.org",
            external_id="c-901",
        ),
        event(
            "email",
            "reactivate",
            "behaviors.subscription.globalstatechange/subscribed/shopify",
            "mia@example.org",
            external_id="c-901",
        ),
        event(
            "email",
            "reactivate",
            "behaviors.subscription.globalstatechange/opted_in/cloud_data_ingestion",
            "mia@example.org",
            external_id="c-901",
        ),
        event(
            "email",
            "unsubscribe",
            "behaviors.subscription.globalstatechange/unsubscribed/nobody named",
            "mia@example.org",
            external_id="c-901",
        ),
        event(
            "email",
            "unsubscribe",
            "behaviors.subscription.globalstatechange/unsubscribed/shopify",
            "mia@example.org",
            external_id="c-901",
        ),
        event(
            "email",
            "block",
            "behaviors.subscription.globalstatechange/unsubscribed/r",
            "mia@example.org",
            external_id="c-901",
        ),
        event(
            "email",
            "reactivate",
            "behaviors.subscription.globalstatechange/opted_in/sdk",
            "mia@example.org",
            external_id="c-901",
        ),
    ],
    "rcs_and_mms_replies": [
        event(
            "sms",
            "unsubscribe",
            "messages.sms.inboundreceive/unsubscribed",
            "+4915700000001",
            external_id="c-901",
            topic="0c1d",
        ),
        event(
            "sms",
            "unsubscribe",
            "messages.sms.inboundreceive/text/unsubscribe",
            "+4915700000001",
            external_id="c-901",
            topic="0c1d",
        ),
        event(
            "sms",
            "unsubscribe",
            "messages.sms.inboundreceive/text/unsubscribe",
            "+4915700000001",
            external_id="c-901",
            topic="0c1d",
        ),
        event(
            "sms",
            "other",
            "messages.sms.inboundreceive/text/subscribe",
            "+4915700000001",
            external_id="c-901",
            topic="0c1d",
        ),
        event(
            "sms",
            "topic_unsubscribe",
            "behaviors.subscriptiongroup.statechange/unsubscribed/inbound_message",
            "+4915700000001",
            external_id="c-901",
            topic="0c1d",
        ),
        event(
            "sms",
            "delivered",
            "messages.sms.delivery",
            "+4915700000001",
            external_id="c-901",
        ),
    ],
    "sms_replies_in_own_words": [
        event(
            "sms",
            "unsubscribe",
            "messages.sms.inboundreceive/text/unsubscribe",
            "+4915700000001",
            external_id="c-901",
            topic="0c1d",
        ),
        event(
            "sms",
            "unsubscribe",
            "messages.sms.inboundreceive/text/unsubscribe",
            "+4915700000001",
            external_id="c-901",
            topic="0c1d",
        ),
        event(
            "sms",
            "other",
            "messages.sms.inboundreceive/text/possible_opt_out",
            "+4915700000001",
            external_id="c-901",
            topic="0c1d",
        ),
        event(
            "sms",
            "other",
            "messages.sms.inboundreceive/text/subscribe",
            "+4915700000001",
            external_id="c-901",
            topic="0c1d",
        ),
    ],
}

QUARANTINED: dict[str, list[str]] = {
    "complaint_of_nobody": ["no recipient"],
    "no_events": ["empty"],
    "one_bad_element": ["wrong shape"],
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


def test_on_a_reply_the_number_is_the_persons(landed: Landed) -> None:
    addresses = {row["address"] for row in landed.events(SOURCE, "sms_replies")}
    assert addresses == {"+4915700000001"}


def test_an_opt_in_counts_only_where_the_person_is_named(landed: Landed) -> None:
    types = [row["event_type"] for row in landed.events(SOURCE, "global_state_in_doubt")]
    assert "subscribe" not in types
    assert types.count("unsubscribe") == 2


def test_what_staff_did_is_no_persons_act(landed: Landed) -> None:
    types = [row["event_type"] for row in landed.events(SOURCE, "global_state_by_the_api")]
    assert types == ["block", "reactivate", "reactivate"]
