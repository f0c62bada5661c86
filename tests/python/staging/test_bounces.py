"""Why the bounces of each platform happened: seeds/bounce_classes.csv over real bodies."""

from __future__ import annotations

import csv
import re

import pytest

from tests.python.conftest import ROOT
from tests.python.staging.bodies import Landed

CLASSES: dict[str, dict[str, list[str | None]]] = {
    "sendgrid": {
        "bounce": ["invalid_address"],
        "bounce_asynchronous": ["invalid_address"],
        "bounce_blocked": ["reputation"],
        "bounce_without_type": ["invalid_address"],
        "bounces_of_many_classes": [
            "authentication",
            "mailbox_full",
            "invalid_address",
            "invalid_address",
            "unknown",
            "reputation",
            "rate",
            "mailbox_disabled",
            "rate",
            "authentication",
            "mailbox_disabled",
            "invalid_address",
        ],
        "deferred": ["unknown"],
        "journey": [None] * 5,
    },
    "postmark": {
        "hard_bounce": ["invalid_address"],
        "hard_bounce_of_a_full_mailbox": ["mailbox_full"],
        "hard_bounce_without_authentication": ["authentication"],
        "soft_blocked": ["reputation"],
        "soft_bounce": ["mailbox_full"],
        "soft_dmarcpolicy": ["authentication"],
        "soft_dnserror": ["routing"],
        "soft_transient": ["routing"],
        "soft_unknown": ["unknown"],
        "soft_virusnotification": ["content"],
        "spam_complaint": [None],
        "spam_notification": ["spam"],
        "suppression_hard_bounce": ["invalid_address"],
    },
    "ses": {
        "bounce_of_two_of_three": ["invalid_address", "invalid_address"],
        "bounce_transient": ["mailbox_full"],
        "bounces_of_many_classes": [
            "authentication",
            "invalid_address",
            "mailbox_full",
            "unknown",
            "invalid_address",
        ],
        "complaint": [None],
        "delivery_delay": ["mailbox_full"],
    },
    "sparkpost": {
        "bounce_of_every_class": [
            "unknown",
            "invalid_address",
            "unknown",
            "routing",
            "mailbox_full",
            "content",
            "expired",
            "policy",
            "invalid_address",
            "unknown",
            "policy",
            "reputation",
            "spam",
            "content",
            "routing",
            None,
            "unknown",
            None,
            None,
            None,
        ],
        "bounces_of_many_classes": [
            "authentication",
            "invalid_address",
            "invalid_address",
            "unknown",
            "routing",
        ],
    },
    "mailgun": {
        "failed_delayed_bounce": ["invalid_address"],
        "failed_espblock": ["reputation"],
        "failed_old": ["expired"],
        "failed_permanent": ["invalid_address"],
        "failed_permanent_full": ["mailbox_full"],
        "failed_permanent_unauthenticated": ["authentication"],
        "failed_temporary": ["reputation"],
        "legacy_dropped_hardfail": ["invalid_address"],
        "legacy_dropped_old": ["expired"],
        "complained": [None],
    },
    "mandrill": {
        "hard_bounce": ["invalid_address"],
        "soft_bounce_then_hard_bounce_of_one_message": ["mailbox_full", "invalid_address"],
    },
    "braze": {"bounce": ["invalid_address"]},
    "brevo": {"hard_bounce": ["invalid_address"], "soft_bounce": ["unknown"]},
    "onesignal": {"email_failed": ["mailbox_full"], "email_bounced": ["unknown"]},
}


@pytest.mark.parametrize(
    ("source", "body"), [(source, body) for source, told in CLASSES.items() for body in told]
)
def test_a_bounce_has_its_class(landed: Landed, source: str, body: str) -> None:
    assert landed.column("bounce_class", source, body) == CLASSES[source][body]


@pytest.mark.parametrize(
    ("source", "body", "softened", "entries"),
    [
        ("postmark", "hard_bounce", [False], [False]),
        ("postmark", "hard_bounce_without_authentication", [True], [False]),
        ("postmark", "soft_dmarcpolicy", [False], [False]),
        ("postmark", "suppression_hard_bounce", [False], [True]),
        ("postmark", "suppression_after_a_bounce_without_authentication", [False], [True]),
        ("postmark", "suppression_by_admin", [False], [False]),
        (
            *("mandrill", "hard_bounce_without_authentication_and_its_entry"),
            *([True, False], [False, True]),
        ),
        ("mandrill", "list_change_renews_an_entry", [False] * 5, [True, *[False] * 4]),
        ("mailgun", "failed_permanent_unauthenticated", [True], [False]),
    ],
)
def test_an_entry_of_a_list_is_told_from_the_bounce_that_it_was_made_with(
    landed: Landed, source: str, body: str, softened: list[bool], entries: list[bool]
) -> None:
    assert landed.column("is_softened", source, body) == softened
    assert landed.column("is_list_entry", source, body) == entries


def test_an_entry_that_was_made_with_a_softened_bounce_is_none_of_the_bounces(
    landed: Landed,
) -> None:
    """The two reports of one bounce that Postmark and Mandrill send are at most a second apart."""
    apart = landed.warehouse.rows(
        "select entries.source from main.events as entries inner join main.events as bounces"
        " using (source, channel, address)"
        " where entries.is_list_entry and bounces.is_softened and address = 'b2@example.org'"
        " and entries.effective_at - bounces.effective_at = interval 1 second order by 1"
    )
    assert [row["source"] for row in apart] == ["mandrill", "postmark"]


def test_whatever_bounced_has_a_class_and_nothing_else_has(landed: Landed) -> None:
    wrong = landed.warehouse.rows(
        "select source, provider_event, event_type, bounce_class from main.events"
        " where (event_type in ('bounce', 'soft_bounce')) <> (bounce_class is not null)"
    )
    assert wrong == []


def test_a_pattern_is_lower_case_and_a_code_is_a_code() -> None:
    with (ROOT / "seeds" / "bounce_classes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row for row in rows if row["pattern"] != row["pattern"].lower()] == []
    codes = [row["pattern"] for row in rows if row["field"] == "code"]
    wrong = [code for code in codes if not re.fullmatch(r"[45_]\.[0-9_]+\.[0-9_%]+|[45]\d\d", code)]
    assert wrong == []
