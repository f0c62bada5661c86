"""Twilio: what each body becomes, and the traps of its fact sheet."""

from __future__ import annotations

import pytest

from tests.python.staging.bodies import Landed, bodies, event

SOURCE = "twilio"

EVENTS = {
    "advanced_help_beside_stop": [
        event("sms", "other", "incoming/help", "+12025550141", topic="+12025550100", at=None),
    ],
    "advanced_start": [
        event(
            "sms",
            "subscribe",
            "incoming/start",
            "+12025550141",
            topic="MG00000000000000000000000000000001",
            at=None,
        ),
    ],
    "advanced_stop": [
        event(
            "sms",
            "unsubscribe",
            "incoming/stop",
            "+12025550141",
            topic="MG00000000000000000000000000000001",
            at=None,
        ),
    ],
    "empty_body_with_media": [
        event("sms", "other", "incoming/message", "+12025550141", topic="+12025550100", at=None),
    ],
    "failed_21610": [
        event(
            "sms",
            "unsubscribe",
            "failed/21610",
            "+12025550141",
            topic="+12025550100",
            is_echo=True,
            at=None,
        ),
    ],
    "failed_30034": [
        event("sms", "other", "failed/30034", "+12025550141", topic="+12025550100", at=None),
    ],
    "failed_63014": [
        event(
            "sms",
            "unsubscribe",
            "failed_whatsapp/63014",
            "+12025550177",
            topic="whatsapp:+12025550100",
            at=None,
        ),
    ],
    "failed_unknown_code": [
        event("sms", "other", "failed/39999", "+12025550141", topic="+12025550100", at=None),
    ],
    "failed_without_code": [
        event("sms", "soft_bounce", "failed/none", "+12025550141", topic="+12025550100", at=None),
    ],
    "keyword_full_width": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "keyword_info": [
        event("sms", "other", "incoming/help", "+12025550141", topic="+12025550100", at=None),
    ],
    "keyword_unstop": [
        event(
            "sms", "subscribe", "incoming/subscribe", "+12025550141", topic="+12025550100", at=None
        ),
    ],
    "keyword_unsubscribe": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "keyword_with_blanks": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "keyword_with_punctuation": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "keyword_yes": [
        event(
            "sms", "subscribe", "incoming/subscribe", "+12025550141", topic="+12025550100", at=None
        ),
    ],
    "lost_plus": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "rcs_stop": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550178",
            topic="+12025550100",
            at=None,
        ),
    ],
    "sentence_cancel_my_order": [
        event(
            "sms",
            "other",
            "incoming/possible_opt_out",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "sentence_dont_stop": [
        event(
            "sms",
            "other",
            "incoming/possible_opt_out",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "sentence_with_stop": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "send_refused_21211": [
        event("sms", "bounce", "failed/21211", "+12025550149"),
    ],
    "send_refused_21610": [
        event("sms", "unsubscribe", "failed/21610", "+12025550149", is_echo=True),
    ],
    "short_code_help": [
        event("sms", "other", "incoming/help", topic="+12025550100", at=None),
    ],
    "status_delivered": [
        event(
            "sms",
            "delivered",
            "delivered",
            "+12025550141",
            topic="MG00000000000000000000000000000001",
            at=None,
        ),
    ],
    "status_older_callback": [
        event("sms", "delivered", "delivered", "+12025550141", topic="+12025550100", at=None),
    ],
    "status_read": [
        event("sms", "other", "read", "+12025550141", topic="+12025550100", at=None),
    ],
    "status_sent": [
        event("sms", "sent", "sent", "+12025550141", topic="+12025550100", at=None),
    ],
    "undelivered_30003": [
        event(
            "sms", "soft_bounce", "undelivered/30003", "+12025550142", topic="+12025550100", at=None
        ),
    ],
    "undelivered_30005": [
        event("sms", "bounce", "undelivered/30005", "+12025550143", topic="+12025550100", at=None),
    ],
    "undelivered_30006": [
        event("sms", "bounce", "undelivered/30006", "+12025550144", topic="+12025550100", at=None),
    ],
    "undelivered_30007": [
        event(
            "sms", "soft_bounce", "undelivered/30007", "+12025550142", topic="+12025550100", at=None
        ),
    ],
    "whatsapp_delivered": [
        event(
            "sms",
            "other",
            "delivered_whatsapp",
            "+12025550177",
            topic="whatsapp:+12025550100",
            at=None,
        ),
    ],
    "whatsapp_undelivered_63003": [
        event(
            "sms",
            "other",
            "undelivered_whatsapp/63003",
            "+12025550177",
            topic="whatsapp:+12025550100",
            at=None,
        ),
    ],
    "whatsapp_start": [
        event(
            "sms",
            "other",
            "incoming_whatsapp/subscribe",
            "+12025550177",
            topic="+12025550100",
            at=None,
        ),
    ],
    "whatsapp_stop": [
        event(
            "sms",
            "unsubscribe",
            "incoming_whatsapp/unsubscribe",
            "+12025550177",
            topic="+12025550100",
            at=None,
        ),
    ],
    "words_opt_out": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "words_opt_out_with_a_hyphen": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "words_spaced_letters": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "words_in_a_sentence": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "words_with_a_curly_apostrophe": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "words_french": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "words_chinese": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "words_russian": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "words_that_keep_it_going": [
        event(
            "sms",
            "other",
            "incoming/possible_opt_out",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "words_of_an_order": [
        event(
            "sms",
            "other",
            "incoming/possible_opt_out",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "words_of_no_refusal": [
        event("sms", "other", "incoming/message", "+12025550141", topic="+12025550100", at=None),
    ],
    "words_yes_in_a_sentence": [
        event("sms", "other", "incoming/message", "+12025550141", topic="+12025550100", at=None),
    ],
    "words_mms_stop": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "words_with_an_emoji": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "words_with_a_keycap": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "words_twice": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "words_i_want_to": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "words_beyond_a_sentence": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "words_above_a_signature": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "words_decomposed": [
        event(
            "sms",
            "unsubscribe",
            "incoming/unsubscribe",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "words_of_a_question": [
        event(
            "sms",
            "other",
            "incoming/possible_opt_out",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "words_that_want_to_stay": [
        event(
            "sms",
            "other",
            "incoming/possible_opt_out",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
    "words_among_others": [
        event(
            "sms",
            "other",
            "incoming/possible_opt_out",
            "+12025550141",
            topic="+12025550100",
            at=None,
        ),
    ],
}

QUARANTINED: dict[str, list[str]] = {
    "no_status_and_no_body": ["wrong shape"],
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


def test_the_arrival_is_the_time_of_what_has_none(landed: Landed) -> None:
    body = "status_delivered"
    assert landed.column("effective_at", SOURCE, body) == landed.column("received_at", SOURCE, body)


def test_what_people_write_is_in_no_column(landed: Landed) -> None:
    written = landed.warehouse.values(
        "select count(*) from main.events where columns(*)::varchar ilike '%cancel my order%'"
    )
    assert written == [0]


def test_the_error_code_is_the_reason(landed: Landed) -> None:
    assert landed.column("reason", SOURCE, "failed_21610") == ["21610"]
