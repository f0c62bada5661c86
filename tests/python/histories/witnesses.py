"""Histories that once came out wrong, or are too rare to be drawn: they are in every world."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from .history import Delivery, Element, History, Mail
from .strategies import AS_OF

START = AS_OF - timedelta(days=300)


def _segment(
    day: int, kind: str, *, step: int = 0, style: int = 0, **fields: int | str
) -> Delivery:
    at = START + timedelta(days=day)
    element = Element("segment", kind, day, at=at, style=style, **fields)  # type: ignore[arg-type]
    return Delivery(day, "segment", at, (element,), step)


# The log first holds the later date of a message; the earlier one stands, and takes the other back.
LOG_CORRECTED_LATER = History(
    mails=(
        Mail("email_sends", 0, 0, START + timedelta(days=50), step=0),
        Mail("email_sends", 0, 0, START, step=3),
    )
)

# Universal opt-outs: a stranger's grant on email ends the later, nameless opt-out by SMS there, and
# must not uncover the earlier one that the contact gave by name.
UNIVERSAL_BY_NAME_AND_BY_NUMBER = History(
    deliveries=(
        _segment(0, "identify", contact=0, email=0, phone=0),
        _segment(1, "identify", contact=1, email=0),
        _segment(2, "preference_off", contact=0, channel="sms"),
        Delivery(
            3,
            "twilio",
            START + timedelta(days=3),
            (Element("twilio", "stop", 3, phone=0, topic=0),),
            0,
        ),
        _segment(4, "preference_on", contact=1, email=0, channel="email"),
    )
)

# A subscribe that names a contact and one address is a sign of life behind that address only.
SUBSCRIBED_ELSEWHERE = History(
    deliveries=(
        _segment(2, "identify", contact=0, email=0),
        _segment(150, "preference_on", contact=0, email=1, channel="email"),
    ),
    mails=(
        Mail("email_sends", 0, 0, START, step=0),
        Mail("email_sends", 1, 0, START + timedelta(days=1), step=1),
    ),
)

_TRAIT = Element("segment", "identify", 1, 0, 0, at=START, traits=(("email", False),))

# The copy that stands names another contact: the first one never refused.
REFUSED_BY_ANOTHER = History(
    deliveries=(
        Delivery(1, "segment", START + timedelta(days=2), (_TRAIT,), step=0),
        Delivery(2, "segment", START, (replace(_TRAIT, contact=1, email=1),), step=3),
        _segment(3, "identify", step=0, contact=0, email=0),
    )
)

WITNESSES = (
    LOG_CORRECTED_LATER,
    UNIVERSAL_BY_NAME_AND_BY_NUMBER,
    SUBSCRIBED_ELSEWHERE,
    REFUSED_BY_ANOTHER,
)
