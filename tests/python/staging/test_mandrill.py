"""Mandrill: what each body becomes, and the traps of its fact sheet."""

from __future__ import annotations

import pytest

from tests.python.staging.bodies import AT, Landed, bodies, event

SOURCE = "mandrill"
FEBRUARY = "2026-02-03 07:15:30"

EVENTS = {
    "allow_list": [
        event("email", "other", "whitelist/add", "mia@example.org"),
        event("email", "other", "whitelist/remove", "mia@example.org"),
    ],
    "batch_with_bad_elements": [
        event("email", "open", "open", "mia@example.org"),
    ],
    "decoded_array": [
        event("email", "unsubscribe", "unsub", "noa@example.org", topic="shop"),
    ],
    "decoded_array_inside_the_form": [
        event("email", "unsubscribe", "unsub", "leo@example.net"),
    ],
    "deferral": [
        event("email", "soft_bounce", "deferral", "leo@example.net"),
    ],
    "hard_bounce": [
        event("email", "bounce", "hard_bounce", "noa@example.org"),
    ],
    "hard_bounce_without_authentication_and_its_entry": [
        event("email", "soft_bounce", "hard_bounce", "b2@example.org"),
        event(
            "email",
            "bounce",
            "blacklist/add/hard-bounce",
            "b2@example.org",
            at="2026-05-02 07:15:31",
        ),
    ],
    "inbound_names_our_own_address": [
        event("email", "other", "inbound"),
    ],
    "journey": [
        event("email", "sent", "send", "mia@example.org", external_id="901"),
        event(
            "email",
            "delivered",
            "delivered",
            "mia@example.org",
            external_id="c-901",
            at="2026-05-02 07:15:31",
        ),
        event("email", "open", "open", "mia@example.org", at="2026-05-02 07:15:35"),
        event("email", "click", "click", "mia@example.org", at="2026-05-02 07:15:36"),
        event("email", "click", "click", "mia@example.org", at="2026-05-02 07:15:36"),
        event("email", "complaint", "spam", "mia@example.org", at="2026-05-02 07:15:37"),
        event("email", "unsubscribe", "unsub", "mia@example.org", at="2026-05-02 07:15:38"),
    ],
    "list_add_by_staff": [
        event("email", "block", "blacklist/add/custom", "ivy@example.net"),
        event("email", "block", "blacklist/add/manual", "ivy@example.net"),
        event("email", "block", "blacklist/add/rule", "ivy@example.net"),
    ],
    "list_add_for_an_unknown_reason": [
        event("email", "other", "blacklist/add/other-thing", "ivy@example.net"),
    ],
    "list_add_hard_bounce": [
        event(
            "email",
            "bounce",
            "blacklist/add/hard-bounce",
            "noa@example.org",
            at="2026-05-02 07:15:40",
        ),
    ],
    "list_add_soft_bounce": [
        event("email", "soft_bounce", "blacklist/add/soft-bounce", "leo@example.net"),
    ],
    "list_add_spam": [
        event("email", "complaint", "blacklist/add/spam", "leo@example.net"),
    ],
    "list_add_unsub": [
        event("email", "unsubscribe", "blacklist/add/unsub", "ivy@example.net", topic="shop"),
    ],
    "list_add_without_ts": [
        event("email", "unsubscribe", "blacklist/add/unsub", "ana@example.org"),
    ],
    "list_change_renews_an_entry": [
        event("email", "bounce", "blacklist/change/hard-bounce", "noa@example.org"),
        event("email", "unsubscribe", "blacklist/change/unsub", "ivy@example.net"),
        event("email", "block", "blacklist/change/custom", "ivy@example.net"),
        event("email", "complaint", "blacklist/change/spam", "ivy@example.net"),
        event("email", "soft_bounce", "blacklist/change/soft-bounce", "ivy@example.net"),
    ],
    "list_change_of_a_detail": [
        event("email", "unsubscribe", "blacklist/change/unsub", "ivy@example.net", at=FEBRUARY),
        event("email", "block", "blacklist/change/custom", "ivy@example.net"),
    ],
    "list_change_twice_without_ts": [
        event(
            *("email", "unsubscribe", "blacklist/change/unsub", "ivy@example.net"),
            at="2026-02-02 07:15:30",
        ),
        event(
            *("email", "unsubscribe", "blacklist/change/unsub", "ivy@example.net"),
            at="2026-04-02 07:15:30",
        ),
    ],
    "list_change_without_ts": [
        event("email", "unsubscribe", "blacklist/change/unsub", "ivy@example.net"),
    ],
    "list_entry_ran_out": [
        event("email", "other", "blacklist/expired/hard-bounce", "noa@example.org"),
        event("email", "other", "blacklist/expired/hard-bounce", "leo@example.net"),
    ],
    "list_remove_by_staff": [
        event("email", "reactivate", "blacklist/remove/custom", "ivy@example.net"),
        event("email", "reactivate", "blacklist/remove/unsub", "ivy@example.net"),
        event("email", "reactivate", "blacklist/remove/hard-bounce", "ivy@example.net"),
    ],
    "list_remove_without_ts": [
        event("email", "reactivate", "blacklist/remove/custom", "ana@example.org", at=None),
    ],
    "lists_by_their_newer_names": [
        event("email", "unsubscribe", "blacklist/add/unsub", "ivy@example.net"),
        event("email", "bounce", "blacklist/add/hard-bounce", "noa@example.org"),
        event(
            "email",
            "reactivate",
            "blacklist/remove/hard-bounce",
            "noa@example.org",
            at="2026-05-02 07:15:31",
        ),
        event("email", "other", "whitelist/add", "mia@example.org", at="2026-05-02 07:15:31"),
    ],
    "no_time": [
        event("email", "unsubscribe", "unsub", "mia@example.org", at=None),
    ],
    "reject_is_no_bounce": [
        event("email", "other", "reject", "ivy@example.net", is_echo=True),
    ],
    "same_event_in_another_batch": [
        event("email", "open", "open", "noa@example.org", at="2026-05-02 07:15:31"),
    ],
    "soft_bounce_then_hard_bounce_of_one_message": [
        event("email", "soft_bounce", "soft_bounce", "leo@example.net"),
        event("email", "bounce", "hard_bounce", "leo@example.net", at="2026-05-02 07:16:30"),
    ],
    "time_as_text": [
        event("email", "unsubscribe", "unsub", "mia@example.org"),
    ],
}

QUARANTINED: dict[str, list[str]] = {
    "array_that_is_cut_off": ["malformed JSON"],
    "batch_with_bad_elements": ["wrong shape", "wrong shape", "invalid address"],
    "empty_array_is_control_traffic": ["empty"],
    "list_add_without_email": ["no recipient"],
    "no_events_in_the_form": ["wrong shape"],
    "unsub_without_email": ["no recipient"],
    "wrong_types": ["wrong shape", "invalid address", "invalid address"],
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
    # Without a time a retry cannot be told from a second opt-out: both count.
    assert landed.bodies_with_new_events_on_retry(SOURCE) == ["no_time"]


def test_a_batch_that_is_cut_anew_adds_only_what_is_new(landed: Landed) -> None:
    assert landed.column("position", SOURCE, "same_event_in_another_batch") == [1]


def test_two_clicks_in_one_second_are_two(landed: Landed) -> None:
    assert len(set(landed.column("event_id", SOURCE, "journey"))) == 7


def test_a_removal_without_a_time_happened_when_it_arrived(landed: Landed) -> None:
    body = "list_remove_without_ts"
    assert landed.column("effective_at", SOURCE, body) == landed.column("received_at", SOURCE, body)


def test_two_renewals_of_one_entry_are_two_acts_each_at_its_own_time(landed: Landed) -> None:
    body = "list_change_twice_without_ts"
    assert len(set(landed.column("event_id", SOURCE, body))) == 2


def test_an_edited_detail_is_no_newer_than_what_happened_last(landed: Landed) -> None:
    assert landed.column("at", SOURCE, "list_change_of_a_detail") == [FEBRUARY, AT]


def test_the_reason_of_a_bounce_is_the_description(landed: Landed) -> None:
    assert landed.column("reason", SOURCE, "hard_bounce") == ["bad_mailbox"]
    assert landed.column("reason", SOURCE, "list_add_spam") == ["spam"]


def test_of_a_batch_only_the_bad_element_is_kept(landed: Landed) -> None:
    kept = landed.quarantined("payload", SOURCE, "batch_with_bad_elements")
    assert kept[:2] == ["5", "{}"]
    assert "Mia <mia@example.org>" in kept[2]
