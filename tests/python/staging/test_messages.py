"""What each platform calls a message, and whom it names as its sender: docs/messages.md."""

from __future__ import annotations

import re

import pytest

from tests.python.conftest import ROOT
from tests.python.staging.bodies import SOURCES, Landed

DISPATCH = "65f2a0c1d2e3f40516270001"

#: A body, and of each of its events the id of the message and the domain of its sender.
NAMED: dict[tuple[str, str], list[tuple[str | None, str | None]]] = {
    ("sendgrid", "journey"): [("q7Lr.recvd-1-0", None)] * 5,
    ("sendgrid", "account_status_change"): [(None, None)],
    # By its envelope, by the domain that newer bodies have, and by that of the older form.
    ("mailgun", "delivered"): [("m1@mg.shop.example", "mg.shop.example")],
    ("mailgun", "opened"): [("m1@mg.shop.example", "mg.shop.example")],
    ("mailgun", "legacy_bounced"): [("m2@mg.shop.example", "mg.shop.example")],
    ("postmark", "hard_bounce"): [("7c9e6679-7425-40de-944b-e07fc1f90a01", "shop.example")],
    ("postmark", "delivery"): [("7c9e6679-7425-40de-944b-e07fc1f90aeb", None)],
    ("postmark", "lift_by_customer"): [(None, None)],
    ("mailchimp", "unsubscribe"): [(None, None)],
    ("mandrill", "hard_bounce"): [("2b01", "shop.example")],
    ("mandrill", "list_add_spam"): [(None, None)],
    # Not of what was sent, nor of the opt-out at the end.
    ("braze", "email_events"): [
        (DISPATCH, None),
        *[(DISPATCH, "news.shop.example")] * 7,
        (DISPATCH, None),
    ],
    ("twilio", "status_older_callback"): [("SM-older", None)],
    ("twilio", "advanced_stop"): [("SM-advanced-stop", None)],
    ("attentive", "email_sent"): [(None, None)],
    ("fcm", "accepted"): [("projects/shop/messages/0:1777706130%1", None)],
    ("fcm", "unregistered"): [(None, None)],
    ("onesignal", "email_bounced"): [("m-1", None)],
    ("onesignal", "flat_and_numbers_without_quotes"): [("m-1", None)],
    # What they name is the call.
    ("segment", "email_spec_bounced"): [(None, None)],
    ("twilio_engage", "email_machine_opened"): [(None, None)],
    # Whom the tag names, the header, and at last the envelope.
    ("ses", "open"): [("0102-17", "shop.example")],
    ("ses", "click"): [("0102-18", "shop.example")],
    ("ses", "bounce_permanent"): [("0102-1", "shop.example")],
    ("ses", "raw_delivery"): [("0102-12", "shop.example")],
    ("sparkpost", "click"): [("000443ee14578172be22", "shop.example")],
    # Its header is the one id that Brevo names; without the brackets.
    ("brevo", "delivered"): [("m2@relay.example", None)],
    ("brevo", "unsubscribe_of_a_list"): [(None, None)],
}


@pytest.mark.parametrize(("source", "body"), NAMED)
def test_an_event_names_its_message_and_who_sent_it(landed: Landed, source: str, body: str) -> None:
    ids, senders = (landed.column(name, source, body) for name in ("message_id", "sender_domain"))
    assert list(zip(ids, senders, strict=True)) == NAMED[source, body]


def test_a_line_of_the_log_names_its_message(landed: Landed) -> None:
    rows = landed.of_source("email_log")
    named = {(row["address"], row["message_id"]) for row in rows if row["event_type"] == "sent"}
    assert named == {
        ("mia@example.org", "m1"), ("noa@example.org", "m1"), ("leo@example.net", None),
    }  # fmt: skip


def test_the_page_says_it_of_every_platform() -> None:
    page = (ROOT / "docs" / "messages.md").read_text()
    told = set(re.findall(r"^\| `([a-z_]+)`", page, re.MULTILINE))
    assert told >= set(SOURCES) - {"backfill", "adopt", "operator"} | {"email_log"}
