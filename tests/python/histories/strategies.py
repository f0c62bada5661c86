"""Hypothesis strategies for histories: few people, few instants, everything that can happen to
them, landing in any order.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from .history import Delivery, Element, Entry, History, Mail

AS_OF = datetime(2026, 6, 1)
STEPS = 5

# The last open or click that anybody made, per source that tracks them: `watchers()` makes one at
# exactly these instants.
LAST_REACTION = {
    "sendgrid": AS_OF - timedelta(days=10),
    "postmark": AS_OF - timedelta(days=40),
    "segment": AS_OF - timedelta(days=70),
    "mailgun": AS_OF - timedelta(days=120),
    "email_log": AS_OF - timedelta(days=5),
}
# Instants that much happens around, so that ties do; some are exactly the unengaged window before a
# last reaction.
MOMENTS = tuple(
    AS_OF - timedelta(days=days) for days in (330, 250, 210, 160, 130, 100, 95, 60, 41, 20, 4)
)
OFFSETS = tuple(
    timedelta(milliseconds=milliseconds)
    for milliseconds in (0, 0, 0, 0, 400, 1_000, 1_000, 1_900, 2_000, 3_600_000)
)
LAGS = tuple(
    timedelta(seconds=seconds)
    for seconds in (
        0,
        0,
        0,
        1,
        1,
        2,
        2.3,
        600,
        600,
        86_400,
        2 * 86_400,
        9 * 86_400,
        35 * 86_400,
        80 * 86_400,
        -1,
        -86_400,
    )
)
ANCIENT = datetime(1999, 12, 31, 23, 59, 59)
FUTURE = datetime(2093, 1, 1)

PLATFORMS = ("segment", "sendgrid", "postmark", "mailgun", "twilio", "email_log", "directory")


@dataclasses.dataclass(frozen=True, slots=True)
class Scene:
    """What a history is about: platforms, the kinds of things they tell, and how many take part."""

    platforms: tuple[str, ...] = PLATFORMS
    kinds: Mapping[str, tuple[str, ...]] | None = None  # None: all
    crowd: int = 4  # at most so many of everything
    moments: int = 4
    copies: int = 20  # percent of what is told that is told again

    def kinds_of(self, platform: str, allowed: Mapping[str, Sequence[str]]) -> list[str]:
        """The kinds of things that a platform tells here, of those that are allowed."""
        own = KINDS[platform] if self.kinds is None else self.kinds[platform]
        return [kind for kind in own if kind in allowed[platform]] or list(allowed[platform])


# source -> kinds, more often where repeated
KINDS: dict[str, tuple[str, ...]] = {
    "sendgrid": (
        *("processed", "processed", "processed", "delivered", "delivered", "open", "open", "click"),
        *("bounce", "bounce", "bounce_untyped", "blocked", "deferred", "dropped_other", "junk"),
        *("full", "bounce_full", "bounce_unauthenticated"),
        *(
            "dropped_bounced",
            "dropped_invalid",
            "dropped_unsubscribed",
            "dropped_unsubscribed",
            "dropped_spam",
            "dropped_spam",
        ),
        *("spamreport", "unsubscribe", "unsubscribe", "group_unsubscribe", "group_unsubscribe"),
        *("group_resubscribe", "group_resubscribe", "delivered", "delivered"),
    ),
    "postmark": (
        *(
            "hard_bounce",
            "hard_bounce_unauthenticated",
            "soft_bounce",
            "bounce_unsubscribe",
            "bounce_subscribe",
            "spam",
            "unsubscribed",
            "unsubscribed",
        ),
        *("suppressed_by_staff", "suppressed_by_admin", "suppressed_bounce", "suppressed_spam"),
        *("resubscribed",) * 4,
        *("reactivated",) * 3,
        *("delivered", "delivered", "opened", "clicked"),
    ),
    "mailgun": (
        *(
            "accepted",
            "accepted",
            "delivered",
            "opened",
            "clicked",
            "failed",
            "failed_generic",
            "failed_old",
        ),
        *(
            "failed_temporary",
            "suppress_bounce",
            "suppress_unsubscribe",
            "suppress_complaint",
            "complained",
        ),
        *("unsubscribed", "unsubscribed"),
    ),
    "twilio": (
        *(
            "stop",
            "stop",
            "stop_word",
            "start",
            "start",
            "start",
            "start_word",
            "help",
            "sent",
            "delivered",
        ),
        *("unknown_number", "unreachable", "opted_out", "opted_out"),
    ),
    "segment": (
        *("identify",) * 7,
        *("preference_on",) * 7,
        *("preference_off",) * 4,
        *("permission_on",) * 4,
        *("permission_off",) * 3,
        *(
            "spec_delivered",
            "spec_opened",
            "spec_clicked",
            "spec_bounced",
            "spec_spam",
            "spec_unsubscribed",
            "track_other",
        ),
    ),
}
EMAIL_SEQUELS = (
    *((("segment", "preference_on"),) * 4),
    *((("postmark", "resubscribed"),) * 2),
    *(("postmark", "reactivated"), ("sendgrid", "delivered"), ("postmark", "unsubscribed")),
    *(
        ("sendgrid", "dropped_unsubscribed"),
        ("mailgun", "suppress_unsubscribe"),
        ("sendgrid", "dropped_spam"),
    ),
    *(("mailgun", "suppress_bounce"), ("sendgrid", "group_resubscribe"), ("segment", "identify")),
    *(("postmark", "suppressed_bounce"), ("postmark", "hard_bounce_unauthenticated")),
)
SMS_SEQUELS = (
    *(
        ("twilio", "start"),
        ("twilio", "start"),
        ("twilio", "delivered"),
        ("twilio", "opted_out"),
        ("twilio", "stop"),
    ),
    *(("segment", "preference_on"), ("segment", "identify")),
)
DELAYS = tuple(
    timedelta(seconds=seconds)
    for seconds in (0, 0.5, 1, 1, 2, 3_600, 86_400, 86_400 * 90, -1, -86_400)
)
REACTIONS = frozenset({"open", "click", "opened", "clicked", "spec_opened", "spec_clicked"})
EVERY_KIND = Scene()
# What happens within one history: few platforms make theirs meet more often, few kinds the more so.
SCENES = (
    *(EVERY_KIND,) * 6,
    *(
        Scene(platforms=platforms)
        for platforms in (
            ("segment",),
            ("segment", "sendgrid"),
            ("segment", "twilio"),
            ("segment", "postmark"),
            ("sendgrid", "postmark"),
            ("sendgrid", "email_log"),
            ("postmark", "mailgun", "email_log"),
            ("segment", "mailgun", "directory"),
            ("segment", "sendgrid", "directory", "email_log"),
        )
    ),
    # Traits resent from caches, and acts and echoes between them.
    Scene(
        platforms=("segment", "segment", "segment", "sendgrid"),
        kinds={
            "segment": ("identify", "identify", "identify", "preference_on"),
            "sendgrid": ("dropped_unsubscribed",),
        },
        crowd=1,
        moments=1,
        copies=60,
    ),
    # Copies that say something else: what was built from the later one is taken back.
    Scene(
        platforms=("segment", "segment", "sendgrid"),
        kinds={
            "segment": ("identify", "identify", "preference_on", "permission_off"),
            "sendgrid": ("unsubscribe", "processed"),
        },
        crowd=2,
        copies=70,
    ),
    # Bounces that are the sender's fault, and what platforms do about them.
    Scene(
        platforms=("postmark", "postmark", "sendgrid"),
        kinds={
            "postmark": (
                *("hard_bounce_unauthenticated", "suppressed_bounce", "suppressed_bounce"),
                *("hard_bounce", "suppressed_by_staff", "reactivated", "reactivated"),
            ),
            "sendgrid": ("bounce_unauthenticated", "dropped_bounced", "bounce"),
        },
        crowd=1,
        moments=2,
    ),
    # Who was mailed, and who reacted.
    Scene(
        platforms=("sendgrid", "email_log", "email_log", "segment"),
        kinds={
            "sendgrid": ("processed", "processed", "open", "delivered"),
            "segment": ("identify", "preference_on"),
        },
        crowd=2,
    ),
    # Shared mailboxes: whose refusal, whose grant?
    Scene(
        platforms=("segment", "segment", "sendgrid", "directory"),
        kinds={
            "segment": ("identify", "preference_on", "preference_on", "preference_off"),
            "sendgrid": ("unsubscribe", "spamreport", "dropped_spam"),
        },
        crowd=3,
    ),
    # Mailboxes that are full for weeks, and hear of something in between, or not.
    *(
        Scene(
            platforms=("sendgrid", "sendgrid", "postmark"),
            kinds={
                "sendgrid": (
                    *("full", "full", "full", "bounce_full", "bounce_full"),
                    *("bounce_unauthenticated", "delivered", "open", "dropped_bounced"),
                ),
                "postmark": ("soft_bounce", "soft_bounce", "reactivated", "resubscribed"),
            },
            crowd=1,
            copies=40,
        ),
    )
    * 4,
    # Devices that move.
    Scene(
        platforms=("segment",),
        kinds={"segment": ("permission_on", "permission_off", "identify", "preference_off")},
        crowd=2,
    ),
)

T = TypeVar("T")


class Dice:
    """Draws, in words.

    All of a history comes from one random source that hypothesis seeds. Drawn piece by piece,
    hypothesis would vary what it drew before, and most histories would be near copies.
    """

    def __init__(self, source: Random) -> None:
        self._source = source

    def of(self, options: Sequence[T]) -> T:
        """One of them."""
        return options[self.below(len(options))]

    def below(self, limit: int) -> int:
        """A number from 0 to limit - 1."""
        return self._source.randrange(limit)

    def chance(self, percent: int) -> bool:
        """True that often."""
        return self.below(100) < percent


def any_dice() -> st.SearchStrategy[Dice]:
    """Dice of their own for each example."""
    return st.randoms(use_true_random=True).map(Dice)


@dataclasses.dataclass(frozen=True, slots=True)
class Cast:
    """How many of everything there are in one history, and when."""

    contacts: int
    emails: int
    phones: int
    tokens: int
    moments: tuple[datetime, ...]


def cast(dice: Dice, scene: Scene) -> Cast:
    """Mostly one or two of everything: the same ones must meet again to make a case."""
    return Cast(
        contacts=min(dice.of((1, 1, 1, 2, 2, 2, 3, 4)), scene.crowd),
        emails=min(dice.of((1, 1, 1, 2, 2, 2, 3, 4)), scene.crowd),
        phones=min(dice.of((1, 1, 2, 3)), scene.crowd),
        tokens=min(dice.of((1, 1, 2, 3)), scene.crowd),
        moments=tuple(dice.of(MOMENTS) for _ in range(min(dice.of((2, 3, 4)), scene.moments))),
    )


def histories() -> st.SearchStrategy[History]:
    """Any history."""
    return any_dice().map(_history)


def _history(dice: Dice) -> History:
    scene = dice.of(SCENES)
    return any_history(dice, scene, cast(dice, scene), KINDS)


def any_history(dice: Dice, scene: Scene, who: Cast, kinds: Mapping[str, Sequence[str]]) -> History:
    """A history of these people, in which only these kinds of things happen."""
    told: list[Element] = []
    mails: list[Mail] = []
    entries: list[Entry] = []
    for uid in range(dice.of((3, 5, 7, 9, 11, 13, 15, 18))):
        source = dice.of(scene.platforms)
        if source == "email_log":
            mails.append(mail(dice, who, uid, mails))
        elif source == "directory":
            entries.append(entry(dice, who))
        elif told and scene.kinds is None and dice.chance(35):
            told.append(sequel(dice, who, dice.of(told), kinds, uid))
        else:
            kind = dice.of(scene.kinds_of(source, kinds))
            told.append(element(dice, who, source, kind, uid))
    return History(tuple(deliver(dice, who, told, scene.copies)), tuple(mails), tuple(entries))


def mail(dice: Dice, who: Cast, uid: int, before: Sequence[Mail]) -> Mail:
    """A row of the sender's log. A log may hold a message twice, with another date."""
    table = dice.of(("email_sends", "email_sends", "email_sends", "email_opens"))
    at = instant(dice, who)
    if table == "email_opens":
        at = reaction_time(at, "email_log")
    one = Mail(table, uid, dice.below(who.emails), at.replace(microsecond=0), dice.below(STEPS))
    if before and before[-1].table == table and dice.chance(15):
        one = dataclasses.replace(one, uid=before[-1].uid, email=before[-1].email)
    return one


def instant(dice: Dice, who: Cast) -> datetime:
    """When something happened: mostly around one of the history's moments, sometimes any time of
    the year.
    """
    if dice.chance(15):
        return AS_OF - timedelta(days=dice.below(365), seconds=dice.below(3))
    return dice.of(who.moments) + dice.of(OFFSETS)


def reaction_time(at: datetime, source: str) -> datetime:
    """Nobody opens or clicks after the last reaction at a source."""
    return min(at, LAST_REACTION[source])


def stamp(dice: Dice, who: Cast, source: str, kind: str) -> datetime | None:
    """What the platform writes as the time: usually right, at times missing, unreadable, ancient or
    far ahead.
    """
    if source == "twilio":
        return None
    at = instant(dice, who)
    if kind in REACTIONS:
        return reaction_time(at, source)
    return dice.of((at, at, at, at, at, at, at, at, at, at, None, dice.of((None, ANCIENT, FUTURE))))


def element(dice: Dice, who: Cast, source: str, kind: str, uid: int) -> Element:
    """One thing that a platform reports."""
    at = stamp(dice, who, source, kind)
    style = dice.below(3)
    if source == "segment":
        return segment_element(dice, who, kind, uid, at, style)
    if source == "twilio":
        return Element(
            source,
            kind,
            uid,
            phone=dice.below(who.phones),
            topic=dice.of((0, 0, 0, 1)),
            style=style,
        )
    contact = dice.below(who.contacts) if dice.chance(40) else None
    email: int | None = dice.below(who.emails)
    if (
        kind.startswith("dropped")
        and kind != "dropped_other"
        and contact is not None
        and dice.chance(30)
    ):
        email = None
    topic = None
    if source == "postmark" or kind.startswith("group"):
        topic = dice.of((0, 0, 1))
    is_machine = source != "postmark" and kind in ("open", "opened", "clicked") and dice.chance(30)
    return Element(
        source, kind, uid, contact, email, at=at, topic=topic, is_machine=is_machine, style=style
    )


def sequel(
    dice: Dice, who: Cast, first: Element, kinds: Mapping[str, Sequence[str]], uid: int
) -> Element:
    """What often follows: an end, an echo or a repetition, soon after and about much the same."""
    at = (first.at or instant(dice, who)) + dice.of(DELAYS)
    if not ANCIENT < at < FUTURE:
        at = instant(dice, who)
    names_contact, names_address = dice.of(
        ((True, True), (True, False), (False, True), (False, True))
    )
    if first.phone is not None and first.email is None:
        source, kind = dice.of(SMS_SEQUELS)
    else:
        source, kind = dice.of(EMAIL_SEQUELS)
    if kind not in kinds[source]:
        source, kind = "segment", "preference_on"
    one = element(dice, who, source, kind, uid)
    if source == "twilio":
        return dataclasses.replace(one, phone=first.phone)
    contact = first.contact if names_contact else None
    email = first.email if first.email is not None else one.email
    phone = first.phone if first.phone is not None else one.phone
    if source == "segment" and contact is not None and not names_address:
        email = phone = None
    elif source == "segment" and contact is None and one.contact is not None:
        return one  # it names somebody else
    return dataclasses.replace(one, contact=contact, email=email, phone=phone, at=at)


def segment_element(
    dice: Dice, who: Cast, kind: str, uid: int, at: datetime | None, style: int
) -> Element:
    """One call to Segment. Names a contact, addresses, or both; never nobody."""
    contact = dice.below(who.contacts) if dice.chance(75) else None
    email = dice.below(who.emails) if dice.chance(50) else None
    phone = dice.below(who.phones) if dice.chance(30) else None
    token = dice.below(who.tokens) if dice.chance(30) else None
    traits: tuple[tuple[str, bool], ...] = ()
    channel: str | None = None
    if kind == "identify":
        named = [
            ch
            for ch, address in (("email", email), ("sms", phone), ("push", token))
            if contact is not None or address is not None
        ]
        traits = tuple((ch, dice.of((True, False))) for ch in named if dice.chance(45))
        if contact is None and not named:
            email = 0
    elif kind.startswith("preference"):
        channel = dice.of(("email", "email", "email", "sms", "sms", "push", "all"))
        if contact is None:
            channel, email, phone, token = _made_nameable(dice, who, channel, email, phone, token)
    elif kind.startswith("permission"):
        channel = "push"
        token = dice.below(who.tokens) if contact is None or dice.chance(60) else None
    elif contact is None:
        email = dice.below(who.emails)
    return Element(
        "segment", kind, uid, contact, email, phone, token, at, channel, traits=traits, style=style
    )


def _made_nameable(
    dice: Dice, who: Cast, channel: str, email: int | None, phone: int | None, token: int | None
) -> tuple[str, int | None, int | None, int | None]:
    """Without a contact, an act must name the address of its channel, and can hardly be about all
    channels.
    """
    channel = "email" if channel == "all" else channel
    return (
        channel,
        dice.below(who.emails) if channel == "email" else email,
        dice.below(who.phones) if channel == "sms" else phone,
        dice.below(who.tokens) if channel == "push" else token,
    )


def entry(dice: Dice, who: Cast) -> Entry:
    """A row of the directory."""
    return Entry(
        contact=dice.below(who.contacts),
        email=dice.below(who.emails) if dice.chance(80) else None,
        phone=dice.below(who.phones) if dice.chance(50) else None,
        token=dice.below(who.tokens) if dice.chance(30) else None,
        at=None if dice.chance(15) else instant(dice, who),
        step=dice.below(STEPS),
    )


def deliver(dice: Dice, who: Cast, told: Sequence[Element], copies: int) -> list[Delivery]:
    """Pack what is told into deliveries, some of it more than once, each landing at any step."""
    packs: list[tuple[str, list[Element]]] = []
    for one in told:
        if (
            packs
            and packs[-1][0] == one.source
            and one.source in ("sendgrid", "segment")
            and dice.chance(40)
        ):
            packs[-1][1].append(one)
        else:
            packs.append((one.source, [one]))
    for one in told:
        if not dice.chance(copies):
            continue
        again = (
            mutated(dice, who, one)
            if one.source in ("sendgrid", "segment") and dice.chance(50)
            else one
        )
        same_source = [
            pack
            for source, pack in packs
            if source == one.source and source in ("sendgrid", "segment")
        ]
        if same_source and dice.chance(40):
            dice.of(same_source).append(again)
        else:
            packs.append((one.source, [again]))
    ranks = list(range(len(packs)))
    deliveries = []
    for source, pack in packs:
        rank = ranks.pop(dice.below(len(ranks)))
        times = [one.at for one in pack if one.at is not None and ANCIENT < one.at < FUTURE]
        received = (dice.of(times) if times else instant(dice, who)) + dice.of(LAGS)
        one_delivery = Delivery(
            rank, source, received, tuple(pack), dice.below(STEPS), dice.below(3)
        )
        deliveries.append(one_delivery)
        if dice.chance(5):  # the collector landed the same delivery twice
            deliveries.append(dataclasses.replace(one_delivery, step=dice.below(STEPS)))
    return deliveries


def mutated(dice: Dice, who: Cast, one: Element) -> Element:
    """A copy that says something else under the same identity: whichever was received first must
    stand.
    """
    change = dice.below(4)
    if one.kind == "junk":
        return one
    if change == 0 and one.kind not in REACTIONS:
        return dataclasses.replace(one, at=instant(dice, who))
    if change == 1 and one.email is not None:
        return dataclasses.replace(one, email=dice.below(who.emails))
    if change == 2 and one.contact is not None:
        return dataclasses.replace(one, contact=dice.below(who.contacts))
    if one.traits:
        return dataclasses.replace(
            one, traits=tuple((channel, not value) for channel, value in one.traits)
        )
    return one


def watchers() -> History:
    """People whose last reactions say how far each source has been observed."""
    deliveries = [
        Delivery(
            rank,
            source,
            at + timedelta(seconds=1),
            (Element(source, kind, rank, email=rank, at=at, contact=None),),
            rank % STEPS,
        )
        for rank, (source, kind, at) in enumerate(
            (
                ("sendgrid", "open", LAST_REACTION["sendgrid"]),
                ("postmark", "clicked", LAST_REACTION["postmark"]),
                ("segment", "spec_opened", LAST_REACTION["segment"]),
                ("mailgun", "opened", LAST_REACTION["mailgun"]),
            )
        )
    ]
    return History(tuple(deliveries), (Mail("email_opens", 9, 9, LAST_REACTION["email_log"], 3),))


def collect(strategy: st.SearchStrategy[T], count: int, seed: int) -> list[T]:
    """That many different examples of a strategy, the same for the same seed on every machine.

    dbt cannot run once per example; the examples are drawn beforehand and go through it together.
    """
    found: dict[T, None] = {}
    while len(found) < count:
        for example in _drawn(strategy, count, seed):
            found.setdefault(example)
        seed += 1
    return list(found)[:count]


def _drawn(strategy: st.SearchStrategy[T], count: int, seed: int) -> list[T]:
    examples: list[T] = []

    @hypothesis.seed(seed)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(strategy)
    def keep(example: T) -> None:
        examples.append(example)

    keep()
    return examples
