"""Histories and news that comes later: nothing of it a grant, a sign of life, or an exception.

The exceptions are late news from before a grant (a link, an act that explains an echo, an echo
before the first, an earlier negative trait), a token that moves to another namer, and crowding.
They are not drawn at all, rather than left out of the verdict.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime, timedelta

from hypothesis import strategies as st

from . import history as names
from .history import Delivery, Element, Entry, History, Mail
from .oracle import State, standing_events
from .payloads import MAILGUN, SAID_PERMANENT, SENDGRID, TWILIO, copies
from .strategies import (
    AS_OF,
    KINDS,
    LAST_REACTION,
    PLATFORMS,
    SCENES,
    Cast,
    Dice,
    any_dice,
    any_history,
    cast,
    instant,
)
from .world import CHANNELS, Rules

ADDED_STEP = 1
FIRST_UID = 100  # of what is added

ECHOES = {
    "sendgrid": {kind for kind, (_, _, is_echo) in SENDGRID.items() if is_echo},
    "mailgun": {kind for kind, (_, _, is_echo) in MAILGUN.items() if is_echo},
    "twilio": {kind for kind, (_, _, _, is_echo) in TWILIO.items() if is_echo},
}
WITHOUT_ECHOES = {
    source: tuple(kind for kind in kinds if kind not in ECHOES.get(source, ()))
    for source, kinds in KINDS.items()
}
# What changes nothing that is known; may come from any time.
QUIET = {
    "sendgrid": ("processed", "blocked", "deferred", "dropped_other", "full", "bounce_full"),
    "postmark": ("soft_bounce",),
    "mailgun": ("accepted", "failed_old", "failed_temporary"),
    "twilio": ("sent", "unreachable"),
    "segment": ("track_other", "identify"),
}
REFUSING = {
    "sendgrid": (
        *("bounce", "bounce_untyped", "spamreport", "unsubscribe", "group_unsubscribe"),
        *sorted(ECHOES["sendgrid"]),
    ),
    "postmark": (
        *("hard_bounce", "bounce_unsubscribe", "spam", "unsubscribed", "suppressed_by_staff"),
        *("suppressed_by_admin", "suppressed_bounce", "suppressed_spam"),
    ),
    "mailgun": (
        "failed",
        "failed_generic",
        "complained",
        "unsubscribed",
        *sorted(ECHOES["mailgun"]),
    ),
    "twilio": ("stop", "stop_word", "unknown_number", *sorted(ECHOES["twilio"])),
    "segment": (
        "preference_off",
        "permission_off",
        "spec_bounced",
        "spec_spam",
        "spec_unsubscribed",
    ),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Grown:
    """A history, and the news that comes after it was built (all of it at step ADDED_STEP)."""

    before: History
    added: History

    @classmethod
    def of(cls, whole: History) -> Grown:
        """A whole taken apart again."""
        parts = [
            History(
                tuple(each for each in whole.deliveries if (each.step == ADDED_STEP) is is_added),
                tuple(each for each in whole.mails if (each.step == ADDED_STEP) is is_added),
                tuple(each for each in whole.entries if (each.step == ADDED_STEP) is is_added),
            )
            for is_added in (False, True)
        ]
        return cls(*parts)

    @property
    def whole(self) -> History:
        """Both."""
        return History(
            self.before.deliveries + self.added.deliveries,
            self.before.mails + self.added.mails,
            self.before.entries + self.added.entries,
        )


def grown_histories(rules: Rules) -> st.SearchStrategy[Grown]:
    """Histories and later news."""
    return any_dice().map(lambda dice: _grown(dice, rules))


def _grown(dice: Dice, rules: Rules) -> Grown:
    scene = dice.of(SCENES)
    who = cast(dice, scene)
    kinds: Mapping[str, tuple[str, ...]] = KINDS if dice.chance(50) else WITHOUT_ECHOES
    before = _landed_at_once(any_history(dice, scene, who, kinds))
    known = State(standing_events(copies(before, 1), rules, AS_OF), rules, LAST_REACTION)
    writer = _Writer(dice, who, known)
    for number in range(dice.of((1, 1, 2, 3, 5))):
        writer.add(dice.of(("sendgrid", "segment", "segment", *PLATFORMS)), FIRST_UID + number)
    return Grown(
        before, History(tuple(writer.deliveries), tuple(writer.mails), tuple(writer.entries))
    )


def _landed_at_once(history: History) -> History:
    return History(
        tuple(dataclasses.replace(delivery, step=0) for delivery in history.deliveries),
        tuple(dataclasses.replace(mail, step=0) for mail in history.mails),
        tuple(dataclasses.replace(entry, step=0) for entry in history.entries),
    )


class _Writer:
    """Writes news that fits what is known."""

    def __init__(self, dice: Dice, who: Cast, known: State) -> None:
        self._dice = dice
        self._who = who
        self._known = known
        echoes = [e.at for e in known.events if e.event.is_echo]
        # No act may explain an echo that is on record, nor an echo come before it.
        self._after_echoes = max(echoes) + timedelta(seconds=1) if echoes else datetime.min
        self.deliveries: list[Delivery] = []
        self.mails: list[Mail] = []
        self.entries: list[Entry] = []

    def add(self, source: str, uid: int) -> None:
        """Add one thing that `source` tells."""
        dice = self._dice
        at = instant(dice, self._who)
        if source == "email_log":
            email = dice.below(self._who.emails)
            self.mails.append(
                Mail("email_sends", uid, email, at.replace(microsecond=0), ADDED_STEP)
            )
            return
        contact = dice.below(self._who.contacts)
        if source == "directory":
            email_, phone, token = self._known_addresses(contact, at)
            self.entries.append(Entry(contact, email_, phone, token, at, ADDED_STEP))
            return
        is_refusing = dice.chance(75)
        kind = dice.of((REFUSING if is_refusing else QUIET)[source])
        if is_refusing or kind in SAID_PERMANENT:
            at = max(at, self._after_echoes)
        element = self._element(source, kind, uid, contact, at)
        received = (element.at or at) + timedelta(seconds=dice.of((0, 0, 0.3, 600, 432_000)))
        if source == "twilio" or dice.chance(10):
            element, received = dataclasses.replace(element, at=None), element.at or at
        self.deliveries.append(Delivery(uid, source, received, (element,), ADDED_STEP))

    def _element(self, source: str, kind: str, uid: int, contact: int, at: datetime) -> Element:
        dice, who = self._dice, self._who
        style = dice.below(3)
        if source == "twilio":
            return Element(
                source, kind, uid, phone=dice.below(who.phones), topic=dice.below(2), at=at
            )
        if source == "segment":
            return self._segment_element(kind, uid, contact, at, style)
        topic = dice.below(2) if source == "postmark" or kind.startswith("group") else None
        email, _, _ = self._known_addresses(contact, at)
        if email is not None and dice.chance(50):
            return Element(source, kind, uid, contact, email, at=at, topic=topic, style=style)
        return Element(
            source, kind, uid, None, dice.below(who.emails), at=at, topic=topic, style=style
        )

    def _segment_element(
        self, kind: str, uid: int, contact: int, at: datetime, style: int
    ) -> Element:
        """Names a contact with addresses that were linked by then, or no contact."""
        dice, who = self._dice, self._who
        is_named = dice.chance(60)
        numbers: tuple[int | None, int | None, int | None]
        if is_named:
            numbers = self._known_addresses(contact, at)
        else:
            numbers = (dice.below(who.emails), dice.below(who.phones), dice.below(who.tokens))
        named = contact if is_named else None
        channel: str | None = None
        traits: tuple[tuple[str, bool], ...] = ()
        if kind == "identify":
            traits = tuple(
                (ch, dice.of((False, False, True))) for ch in CHANNELS if dice.chance(50)
            )
            at = max(
                [at, *(self._after_traits(named, ch, numbers) for ch, value in traits if not value)]
            )
        elif kind.startswith("preference"):
            channel = dice.of(("email", "email", "sms", "push", "all"))
        elif kind.startswith("permission"):
            channel = "push"
        email, phone, token = numbers
        return Element(
            "segment",
            kind,
            uid,
            named,
            email,
            phone,
            token,
            at,
            channel,
            traits=traits,
            style=style,
        )

    def _after_traits(
        self, contact: int | None, channel: str, numbers: tuple[int | None, int | None, int | None]
    ) -> datetime:
        """No negative trait may come before one of the same history that is on record, or explain
        an echo.
        """
        email, phone, token = numbers
        own = names.external_id(1, contact)
        address = {
            "email": names.email(1, email),
            "sms": names.phone(1, phone),
            "push": names.push_token(1, token),
        }[channel]
        earlier = [
            e.at
            for e in self._known.events
            if e.event.trait_value is False
            and e.event.channel == channel
            and (e.event.external_id, None if own else e.address) == (own, None if own else address)
        ]
        return max([self._after_echoes, *earlier])

    def _known_addresses(
        self, contact: int, at: datetime
    ) -> tuple[int | None, int | None, int | None]:
        """Addresses that this contact was named with by then; of tokens only those that are still
        its own.
        """
        dice, who = self._dice, self._who
        emails = [
            i for i in range(who.emails) if self._is_known(contact, "email", names.email(1, i), at)
        ]
        phones = [
            i for i in range(who.phones) if self._is_known(contact, "sms", names.phone(1, i), at)
        ]
        tokens = [
            i
            for i in range(who.tokens)
            if self._is_known(contact, "push", names.push_token(1, i), at)
        ]
        email, phone, token = (
            dice.of(known) if known and dice.chance(60) else None
            for known in (emails, phones, tokens)
        )
        return email, phone, token

    def _is_known(self, contact: int, channel: str, address: str | None, at: datetime) -> bool:
        own, address = names.external_id(1, contact) or "", address or ""
        link = self._known.links.get((own, channel, address))
        is_own = channel != "push" or self._known.last_namer(channel, address) == own
        return link is not None and link.first_at <= at.replace(microsecond=0) and is_own
