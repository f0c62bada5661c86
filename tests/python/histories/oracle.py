"""What must come out: a slow and obvious restatement of design sections 4 to 6 in plain Python.

Written from the design and its settled semantics only, without a look at the models, so that both
are unlikely to be wrong in the
same way. It knows nothing of payloads, files, builds or increments: it is given every copy of every
event at once.

Words used throughout
    row       one contact x channel x address: the grain of state. A contact is an external_id, or
    an address on its own
    act       something that makes a reason: a refusal, a bounce, a block, or an echo that stands in
    for one
    grant     a subscribe
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .world import CHANNELS, Copy, Event, Rules

Table = dict[str, dict[str, Any]]

CONSENT = ("complaint", "unsubscribe")
#: Why a mailbox took nothing; every other class is the sender's fault or passing trouble.
OF_MAILBOX = ("mailbox_full", "mailbox_disabled", "invalid_address")
#: How long after a bounce its entry is made, or arrives without a time; how far clocks differ.
WITH_A_BOUNCE, BY_ARRIVAL = timedelta(hours=1), timedelta(hours=24)
AT_ONCE = timedelta(minutes=1)
#: What begins the count of soft bounces anew.
SIGNS = ("delivered", "open", "click", "subscribe", "reactivate")


@dataclass(frozen=True, slots=True)
class Standing:
    """An event that stands: the earliest received of its copies."""

    event: Event
    event_id: str
    at: datetime  # effective_at, to the second
    received_at: datetime

    @property
    def address(self) -> str | None:
        """The address of the event's own channel."""
        return self.event.address_on(self.event.channel)

    @property
    def names_token_only(self) -> bool:
        """A push permission that names a token is that token's alone, as if it named no contact."""
        consent = ("subscribe", "unsubscribe", "complaint")
        return (
            self.event.channel == "push"
            and self.event.event_type in consent
            and self.address is not None
        )

    @property
    def named_contact(self) -> str | None:
        """The external_id that counts for state."""
        return None if self.names_token_only else self.event.external_id


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """A contact x channel x address. `contact` is None for an address that is its own contact."""

    contact: str | None
    channel: str
    address: str | None

    @property
    def contact_id(self) -> str:
        """The contact's id, as the marts write it."""
        if self.contact is not None:
            return _md5("external_id", self.contact)
        return _md5(self.channel, self.address)


@dataclass(frozen=True, slots=True)
class Link:
    """When a contact was first and last named with an address."""

    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Act:
    """Something that makes a reason hold for what it names."""

    reason: str
    channel: str
    contact: str | None
    address: str | None
    at: datetime
    event_id: str
    received_at: datetime
    source: str
    source_of_change: str | None
    topic: str | None = None
    is_topic_opt_out: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """An event that may end a reason."""

    at: datetime
    event_id: str


# An act, and what ended it on some row.
Judged = tuple[Act, list[Ending]]


@dataclass(frozen=True, slots=True)
class ReasonState:
    """A row's state for one reason: the latest act that holds, or the latest act and what ended it
    last.
    """

    act: Act
    ended_by: Ending | None

    @property
    def holds(self) -> bool:
        """Whether the reason holds."""
        return self.ended_by is None


@dataclass(frozen=True, slots=True)
class RowState:
    """A row of int_contact_state: what is known of it."""

    row: Row
    reasons: Mapping[str, ReasonState]  # in order of precedence
    suppressing: tuple[str, ...]  # those that hold and suppress, in order of precedence
    is_subscribed: bool | None
    opt_in_at: datetime | None

    @property
    def is_suppressed(self) -> bool:
        """Whether the row is suppressed."""
        return bool(self.suppressing)

    @property
    def reason(self) -> str | None:
        """The first reason by precedence that suppresses."""
        return self.suppressing[0] if self.suppressing else None


# --- events -------------------------------------------------------------------------------------


#: What only happened to a message or an application: told apart by its key within its own day.
NO_ACTS = frozenset({"sent", "delivered", "open", "click", "soft_bounce", "identify", "other"})


def event_id(event: Event) -> str:
    """The identity of an event: source, channel, the platform's own key and word, and whom it
    names; of no act also its day.
    """
    whom = event.address_on(event.channel) or event.external_id
    names = (event.source, event.channel, event.key, event.word, whom)
    is_act = (event.said_type or event.event_type) not in NO_ACTS
    return _md5(*names) if is_act else _md5(*names, _copy_day(event.timestamp))


def _copy_day(stamped: datetime | None) -> str:
    is_usable = stamped is not None and 2020 <= stamped.year < 2040
    return stamped.date().isoformat() if stamped and is_usable else "1970-01-02"


def _md5(*parts: str | None) -> str:
    return hashlib.md5(
        "|".join("_null_" if part is None else part for part in parts).encode()
    ).hexdigest()


def standing_events(copies: Iterable[Copy], rules: Rules, as_of: datetime) -> list[Standing]:
    """One event of all its copies: the earliest received stands. What was received after `as_of` is
    not there yet.
    """
    best: dict[str, Copy] = {}
    for copy in copies:
        if copy.received_at > as_of:
            continue
        known = best.get(event_id(copy.event))
        if known is None or _arrival(copy) < _arrival(known):
            best[event_id(copy.event)] = copy
    return [
        Standing(copy.event, event_id(copy.event), _effective_at(copy, rules), copy.received_at)
        for copy in best.values()
    ]


def _arrival(copy: Copy) -> tuple[datetime, str, int]:
    return copy.received_at, copy.delivery_id, copy.position


def _effective_at(copy: Copy, rules: Rules) -> datetime:
    """Nothing happens after it was received; what is older than any platform has no usable time."""
    stamped = copy.event.timestamp
    if stamped is None or stamped < rules.earliest_event:
        stamped = copy.received_at
    return min(stamped, copy.received_at).replace(microsecond=0)


# --- observed_at: the one thing that is everybody's ---------------------------------------------


def observed_at(events: Iterable[Standing], rules: Rules) -> dict[str, datetime]:
    """Per source, the latest open or click by anybody: how far its silence can be judged."""
    seen: dict[str, datetime] = {}
    for standing in events:
        if standing.event.channel == "email" and _is_reaction(standing.event, rules):
            source = standing.event.source
            seen[source] = max(seen.get(source, standing.at), standing.at)
    return seen


def _is_reaction(event: Event, rules: Rules) -> bool:
    return event.event_type in ("open", "click") and (
        rules.count_machine_opens or not event.is_machine
    )


# --- one person's world -------------------------------------------------------------------------


class State:
    """The state of everybody named by some events, as of one instant."""

    def __init__(
        self, events: list[Standing], rules: Rules, observed: Mapping[str, datetime] | None = None
    ) -> None:
        """`observed`: observed_at over a larger world that these events are part of; computed from
        them where absent.
        """
        self.events = events
        self.rules = rules
        self.observed = observed_at(events, rules) if observed is None else observed
        self.links = self._links()
        self.crowded = self._crowded()
        self.rows = self._rows()
        self.grants = [e for e in events if e.event.channel and self._is_grant(e)]
        self.acts = self._acts()
        self.silences = dict(self._silences())
        self.home = {row: self._at_home(row) for row in self.rows}
        self.states = {row: self._state(row) for row in self.rows}

    # --- identity -------------------------------------------------------------------------------

    def _links(self) -> dict[tuple[str, str, str], Link]:
        """(external_id, channel, address) that an event ever named together; no later claim takes
        one away.
        """
        named: dict[tuple[str, str, str], list[datetime]] = defaultdict(list)
        for standing in self.events:
            contact = standing.event.external_id
            if contact is None or standing.event.event_type == "other":
                continue
            for channel in CHANNELS:
                address = standing.event.address_on(channel)
                if address is not None:
                    named[contact, channel, address].append(standing.at)
        return {key: Link(min(times), max(times)) for key, times in named.items()}

    def _crowded(self) -> set[tuple[str, str]]:
        """(external_id, channel) with more addresses than a person has."""
        count: dict[tuple[str, str], int] = defaultdict(int)
        for contact, channel, _ in self.links:
            count[contact, channel] += 1
        return {
            key
            for key, addresses in count.items()
            if addresses > self.rules.max_addresses_per_contact
        }

    def _is_crowded(self, contact: str, channel: str) -> bool:
        return (contact, channel) in self.crowded

    def _rows(self) -> list[Row]:
        rows = set()
        for contact, channel, address in self.links:
            if channel != "push" or self.last_namer(channel, address) == contact:
                rows.add(Row(contact, channel, address))
        linked = {(channel, address) for _, channel, address in self.links}
        spoken = [e for e in self.events if e.event.channel and e.event.event_type != "other"]
        for standing in spoken:
            own = Row(None, standing.event.channel or "", standing.address)
            if own.address is not None and (own.channel, own.address) not in linked:
                rows.add(own)
        with_address = {(row.contact, row.channel) for row in rows}
        for standing in spoken:
            nowhere = Row(standing.event.external_id, standing.event.channel or "", None)
            if nowhere.contact and (nowhere.contact, nowhere.channel) not in with_address:
                rows.add(nowhere)
        return sorted(rows, key=repr)

    def _namers(self, channel: str, address: str) -> list[tuple[datetime, str]]:
        return [
            (link.last_at, k)
            for (k, ch, a), link in self.links.items()
            if (ch, a) == (channel, address)
        ]

    def last_namer(self, channel: str, address: str) -> str | None:
        """The contact that named an address last; the greatest external_id of several in one
        second.
        """
        namers = self._namers(channel, address)
        return max(namers)[1] if namers else None

    # --- acts -----------------------------------------------------------------------------------

    def _acts(self) -> list[Act]:
        """All acts, echoes that stand in for a missed one included."""
        acts = [
            *self._plain_acts(),
            *self._trait_refusals(),
            *self._repeated_soft_bounces(),
        ]
        return [*acts, *self._echoes_that_count(acts)]

    def _plain_acts(self) -> Iterator[Act]:
        for standing in self.events:
            reason = self._reason_of(standing.event)
            is_act = not standing.event.is_echo and not self.repeats_a_softened_bounce(standing)
            if reason is not None and is_act:
                yield self._act(standing, reason)

    def _softened_bounces(self, like: Standing) -> list[datetime]:
        """When the same platform called a failure of the same address permanent, and it was not."""
        return [
            e.at
            for e in self.events
            if e.event.event_type == "soft_bounce"
            and e.event.said_type == "bounce"
            and (e.event.source, e.event.channel) == (like.event.source, like.event.channel)
            and e.address == like.address
        ]

    def repeats_a_softened_bounce(self, standing: Standing) -> bool:
        """An entry of a platform's list that was made with such a bounce, or a refusal for one; not
        where the platform had let the address go in between.
        """
        event = standing.event
        if not event.is_list_entry or event.event_type != "bounce" or standing.address is None:
            return False
        counts_at_arrival = standing.at == standing.received_at.replace(microsecond=0)
        after = BY_ARRIVAL if counts_at_arrival else WITH_A_BOUNCE
        for bounced in self._softened_bounces(standing):
            if event.is_echo:
                fits = bounced <= standing.at
            else:
                fits = bounced - AT_ONCE <= standing.at <= bounced + after
            if fits and not any(bounced < at < standing.at for at in self._let_go(standing)):
                return True
        return False

    def _let_go(self, like: Standing) -> list[datetime]:
        """When the same platform reached the same address, or took it off its list."""
        return [
            e.at
            for e in self.events
            if e.event.event_type in ("delivered", "open", "click", "reactivate")
            and self._is_sign(e.event)
            and (e.event.source, e.event.channel) == (like.event.source, like.event.channel)
            and e.address == like.address
        ]

    def _repeated_soft_bounces(self) -> Iterator[Act]:
        """Soft bounces of a mailbox, each with those before it since the last sign of life."""
        at_address: dict[tuple[str | None, str], list[Standing]] = defaultdict(list)
        for standing in self.events:
            if standing.address is not None:
                at_address[standing.event.channel, standing.address].append(standing)
        for told in at_address.values():
            bounces = [e for e in told if self._is_of_mailbox(e.event)]
            signs = [e.at for e in told if self._is_sign(e.event)]
            for bounce in bounces:
                since = max((at for at in signs if at <= bounce.at), default=datetime.min)
                run = [e.at for e in bounces if since <= e.at <= bounce.at]
                days = {at.date() for at in run}
                spans = bounce.at - min(run) >= self.rules.soft_bounce_span
                if spans and len(days) >= self.rules.soft_bounce_days:
                    yield self._act(bounce, "soft_bounces")

    @staticmethod
    def _is_of_mailbox(event: Event) -> bool:
        is_soft = event.event_type == "soft_bounce" and not event.is_echo
        return is_soft and event.bounce_class in OF_MAILBOX

    def _is_sign(self, event: Event) -> bool:
        if event.event_type in ("open", "click"):
            return _is_reaction(event, self.rules)
        return event.event_type in SIGNS

    def _reason_of(self, event: Event) -> str | None:
        if event.channel is None:
            return None
        if event.event_type == "topic_unsubscribe":
            return (
                "unsubscribe" if (event.source, event.topic) in self.rules.counting_topics else None
            )
        return (
            event.event_type
            if event.event_type in ("complaint", "unsubscribe", "bounce", "block")
            else None
        )

    @staticmethod
    def _act(standing: Standing, reason: str) -> Act:
        assert standing.event.channel is not None
        return Act(
            reason=reason,
            channel=standing.event.channel,
            contact=standing.named_contact,
            address=standing.address,
            at=standing.at,
            event_id=standing.event_id,
            received_at=standing.received_at,
            source=standing.event.source,
            source_of_change=standing.event.source_of_change,
            topic=standing.event.topic,
            is_topic_opt_out=standing.event.event_type == "topic_unsubscribe",
        )

    def _trait_refusals(self) -> Iterator[Act]:
        """Negative traits that follow none or a positive one. Resent ones say nothing new."""
        per_contact: dict[tuple[str, str | None, str | None], list[Standing]] = defaultdict(list)
        for standing in self.events:
            event = standing.event
            if (
                event.event_type == "identify"
                and event.channel is not None
                and event.trait_value is not None
            ):
                address = standing.address if event.external_id is None else None
                per_contact[event.channel, event.external_id, address].append(standing)
        for (channel, contact, _), traits in per_contact.items():
            was_negative = False
            for at in sorted({trait.at for trait in traits}):
                negative = [
                    trait for trait in traits if trait.at == at and trait.event.trait_value is False
                ]
                if len(negative) < sum(trait.at == at for trait in traits):
                    was_negative = False  # the positive one of this second comes first
                if negative and not was_negative:
                    spoken = max(negative, key=lambda trait: trait.event_id)
                    yield Act(
                        reason="unsubscribe",
                        channel=channel,
                        contact=contact,
                        address=None
                        if channel == "push" and contact is not None
                        else spoken.address,
                        at=at,
                        event_id=spoken.event_id,
                        received_at=spoken.received_at,
                        source=spoken.event.source,
                        source_of_change=spoken.event.source_of_change,
                    )
                was_negative = was_negative or bool(negative)

    def _echoes_that_count(self, acts: list[Act]) -> Iterator[Act]:
        """The first echo about something, unless an act of its reason that reaches it is on record
        by then.
        """
        about: dict[tuple[str, str, str | None, str | None], list[Act]] = defaultdict(list)
        for standing in self.events:
            reason = self._reason_of(standing.event)
            if self.repeats_a_softened_bounce(standing):
                continue
            if reason is not None and standing.event.is_echo:
                echo = self._act(standing, reason)
                about[
                    reason,
                    echo.channel,
                    echo.address,
                    echo.contact if echo.address is None else None,
                ].append(echo)
        for (reason, channel, address, contact), echoes in about.items():
            first = min(echoes, key=lambda echo: (echo.at, echo.event_id))
            concerned = [
                row
                for row in self.rows
                if row.channel == channel
                and (row.address == address if address is not None else row.contact == contact)
            ]
            explained = any(
                act.reason == reason and act.at <= first.at and self._reaches(act, row)
                for act in acts
                for row in concerned
            )
            if not explained:
                yield first

    def _reaches(self, act: Act, row: Row) -> bool:
        """A refusal reaches far; bounces and blocks are about the address itself."""
        if act.channel != row.channel:
            return False
        if act.reason not in CONSENT:
            return act.address is not None and act.address == row.address
        if act.contact is not None:
            return row.contact == act.contact
        if act.address is None:
            return False
        if row.address == act.address:
            return True
        if act.channel == "push" or row.contact is None:
            return False
        is_linked = (row.contact, act.channel, act.address) in self.links
        return is_linked and not self._is_crowded(row.contact, act.channel)

    # --- endings --------------------------------------------------------------------------------

    def _is_grant(self, standing: Standing) -> bool:
        event = standing.event
        if event.event_type == "topic_subscribe":
            return (event.source, event.topic) in self.rules.counting_topics
        return event.event_type == "subscribe"

    def _endings(self, act: Act, row: Row) -> list[Ending]:
        """What ended an act on a row, strictly later than it."""
        if act.reason in CONSENT:
            enders = [grant for grant in self.grants if self._grant_ends(grant, act, row)]
        else:
            enders = [
                e
                for e in self.events
                if self._names_and_may_end(e, act.reason, row.channel, act.address)
            ]
        return _later(enders, act)

    def _names_and_may_end(
        self, standing: Standing, reason: str, channel: str, address: str | None
    ) -> bool:
        event = standing.event
        is_of_type = event.event_type in self.rules.releases.get(reason, ())
        return (
            is_of_type
            and event.channel == channel
            and address is not None
            and standing.address == address
        )

    def _grant_ends(self, grant: Standing, act: Act, row: Row) -> bool:
        """A grant reaches near: the address it names, and by name what its contact could know of
        when it was given.
        """
        if grant.event.channel != row.channel or not self._fits_topic(grant, act):
            return False
        by, contact = grant.named_contact, row.contact
        names_address = grant.address is not None and grant.address == row.address
        if names_address and (by is None or act.contact is None or by == act.contact):
            return True
        if by is None or by != contact or not self._passes_by_name(by, row):
            return False
        if act.contact is not None:
            return True
        if act.channel == row.channel == "push":
            # The owner's preference switches no device on.
            return False
        link = self.links.get((by, act.channel, act.address or ""))
        return link is not None and link.first_at <= grant.at

    def _passes_by_name(self, contact: str, row: Row) -> bool:
        return row.address is None or not self._is_crowded(contact, row.channel)

    def _fits_topic(self, grant: Standing, act: Act) -> bool:
        same_list = (grant.event.source, grant.event.topic) == (act.source, act.topic)
        if grant.event.event_type == "topic_subscribe":
            return act.is_topic_opt_out and same_list
        if grant.event.event_type not in self.rules.releases.get(act.reason, ()):
            return False
        return grant.event.topic is None or act.topic is None or same_list

    # --- unengaged ------------------------------------------------------------------------------

    def _silences(self) -> Iterator[tuple[str, Act]]:
        """Email addresses that were mailed after a sign of life and let the window pass."""
        for address in sorted(
            {row.address for row in self.rows if row.channel == "email" and row.address is not None}
        ):
            sends = [e for e in self.events if self._is_send(e.event) and e.address == address]
            signs = [e for e in self.events if self._is_sign_of_life(e, address)]
            if not sends:
                continue
            engaged = max(signs, key=lambda e: (e.at, e.event_id), default=None)
            base_at = max([min(e.at for e in sends), *([engaged.at] if engaged else [])])
            silent_at = base_at + self.rules.unengaged_window
            observed = [
                self.observed[e.event.source] for e in sends if e.event.source in self.observed
            ]
            if max(e.at for e in sends) > base_at and any(silent_at <= seen for seen in observed):
                engaged_id = engaged.event_id if engaged else None
                yield address, _silence(address, silent_at, engaged_id)

    def _is_send(self, event: Event) -> bool:
        if event.channel != "email":
            return False
        is_delivery = (
            event.event_type == "delivered" and event.source in self.rules.sources_without_sent
        )
        return event.event_type == "sent" or is_delivery

    def _is_sign_of_life(self, standing: Standing, address: str) -> bool:
        event = standing.event
        if event.channel != "email":
            return False
        if _is_reaction(event, self.rules):
            return standing.address == address
        if event.event_type != "subscribe":
            return False
        if standing.address is not None:
            return standing.address == address
        contact = event.external_id
        is_linked = contact is not None and (contact, "email", address) in self.links
        return is_linked and not self._is_crowded(contact or "", "email")

    # --- reasons --------------------------------------------------------------------------------

    def _at_home(self, row: Row) -> dict[str, list[Judged]]:
        """Per reason, the acts of a row's own channel that reach it, with what ended them."""
        found: dict[str, list[Judged]] = defaultdict(list)
        for act in self.acts:
            if self._reaches(act, row):
                found[act.reason].append((act, self._endings(act, row)))
        if row.channel == "email" and row.address in self.silences:
            found["unengaged"].append((self.silences[row.address], []))
        return found

    def _state(self, row: Row) -> RowState:
        reasons: dict[str, ReasonState] = {}
        for reason, _, suppresses in self.rules.policy:
            judged = list(self.home[row].get(reason, ()))
            if suppresses == "all":
                judged.extend(self._from_other_channels(row, reason))
            if judged:
                reasons[reason] = _latest(judged)
        return RowState(
            row=row,
            reasons=reasons,
            suppressing=tuple(
                reason
                for reason, _, suppresses in self.rules.policy
                if suppresses != "none" and reason in reasons and reasons[reason].holds
            ),
            is_subscribed=self._is_subscribed(row, reasons),
            opt_in_at=max((grant.at for grant in self._grants_of(row)), default=None),
        )

    def _from_other_channels(self, row: Row, reason: str) -> Iterator[Judged]:
        """Universal opt-outs: acts on other channels of this contact.

        One that ended at home (on all rows there) ended here with it; one that holds there ends
        here by an ending event of this channel.
        """
        at_home: dict[Act, list[list[Ending]]] = defaultdict(list)
        for other in self.rows:
            if row.contact is None or other.contact != row.contact or other.channel == row.channel:
                continue
            for act, endings in self.home[other].get(reason, ()):
                names_contact = act.contact is not None and reason in CONSENT
                if names_contact or not self._is_crowded(row.contact, other.channel):
                    at_home[act].append(endings)
        for act, on_rows in at_home.items():
            if all(on_rows):
                yield act, [ending for endings in on_rows for ending in endings]
            elif reason in CONSENT:
                enders = [grant for grant in self.grants if self._grant_ends(grant, act, row)]
                yield act, _later(enders, act)
            else:
                enders = [
                    e
                    for e in self.events
                    if self._names_and_may_end(e, reason, row.channel, row.address)
                ]
                yield act, _later(enders, act)

    def _grants_of(self, row: Row) -> list[Standing]:
        """The grants that are this row's: of its address, or of its contact by name."""
        own = []
        for grant in self.grants:
            if grant.event.channel != row.channel or grant.event.event_type != "subscribe":
                continue
            by = grant.named_contact
            names_address = (
                grant.address is not None
                and grant.address == row.address
                and by in (None, row.contact)
            )
            names_contact = by is not None and by == row.contact and self._passes_by_name(by, row)
            if names_address or names_contact:
                own.append(grant)
        return own

    def _is_subscribed(self, row: Row, reasons: Mapping[str, ReasonState]) -> bool | None:
        consent = [
            reasons[reason]
            for reason, attribute, _ in self.rules.policy
            if attribute == "consent" and reason in reasons
        ]
        if any(state.holds for state in consent):
            return False
        if self._grants_of(row):
            return True
        return True if not consent and self._has_positive_trait(row) else None

    def _has_positive_trait(self, row: Row) -> bool:
        for standing in self.events:
            event = standing.event
            if (
                event.event_type != "identify"
                or event.channel != row.channel
                or event.trait_value is not True
            ):
                continue
            if (
                event.external_id == row.contact
                if event.external_id is not None
                else standing.address == row.address
            ):
                return True
        return False

    # --- marts ----------------------------------------------------------------------------------

    def suppression_list(self) -> Table:
        """Rows of suppression_list by `channel|address`."""
        listed: Table = {}
        precedence = [reason for reason, _, _ in self.rules.policy]
        for channel, address in sorted(
            {(row.channel, row.address) for row in self.rows if row.address is not None}
        ):
            suppressed = [
                state
                for row, state in self.states.items()
                if (row.channel, row.address) == (channel, address) and state.is_suppressed
            ]
            if not suppressed:
                continue
            first = min(precedence.index(state.suppressing[0]) for state in suppressed)
            acts = [
                state.reasons[precedence[first]].act
                for state in suppressed
                if state.suppressing[0] == precedence[first]
            ]
            act = max(acts, key=lambda act: (act.at, act.event_id))
            label = Row(self.last_namer(channel, address), channel, address)
            listed[f"{channel}|{address}"] = {
                "suppression_id": _md5(channel, address),
                "channel": channel,
                "address": address,
                "event_type": precedence[first],
                "event_timestamp": act.at,
                "inserted_at": act.received_at,
                "contact_id": label.contact_id,
                "external_id": label.contact,
                "source": act.source,
                "source_of_change": act.source_of_change,
                "event_id": act.event_id,
            }
        return listed

    def contact_profiles(self) -> Table:
        """Rows of contact_profiles by contact_id."""
        listed = self.suppression_list()
        profiles: Table = {}
        for contact_id in sorted({row.contact_id for row in self.rows}):
            own = [state for row, state in self.states.items() if row.contact_id == contact_id]
            profile: dict[str, Any] = {"contact_id": contact_id, "external_id": own[0].row.contact}
            for channel in CHANNELS:
                states = [state for state in own if state.row.channel == channel]
                profile.update(self._channel_of_profile(channel, states, listed))
            profiles[contact_id] = profile
        return profiles

    def _channel_of_profile(
        self, channel: str, states: list[RowState], listed: Table
    ) -> dict[str, Any]:
        status = {
            "email": "email_subscribed_status",
            "sms": "sms_subscribed_status",
            "push": "push_notification_enabled",
        }
        address = {"email": "email", "sms": "phone", "push": "push_token"}
        columns = dict.fromkeys(
            [
                address[channel],
                status[channel],
                *(
                    f"{channel}_{name}"
                    for name in ("opt_in_date", "changed_at", "suppressed", "reason")
                ),
            ]
        )
        columns[f"{channel}_suppressed"] = False
        if not states:
            return columns
        latest = max(states, key=lambda state: self._latest_address(state.row))
        row = latest.row
        columns[address[channel]] = row.address
        columns[status[channel]] = latest.is_subscribed
        if channel == "push":
            said = [state.is_subscribed for state in states if state.is_subscribed is not None]
            columns[status[channel]] = any(said) if said else None
        columns[f"{channel}_opt_in_date"] = latest.opt_in_at
        entry = listed.get(f"{channel}|{row.address}")
        columns[f"{channel}_suppressed"] = (
            latest.is_suppressed if row.address is None else entry is not None
        )
        columns[f"{channel}_reason"] = (
            latest.reason if row.address is None else entry["event_type"] if entry else None
        )
        columns[f"{channel}_changed_at"] = _changed_at(latest)
        return columns

    def _latest_address(self, row: Row) -> tuple[datetime, str]:
        link = self.links.get((row.contact or "", row.channel, row.address or ""))
        return (link.last_at if link else datetime.min), row.address or ""


def _later(enders: Iterable[Standing], act: Act) -> list[Ending]:
    return [Ending(e.at, e.event_id) for e in enders if e.at > act.at]


def _latest(judged: list[Judged]) -> ReasonState:
    """The latest act that holds; where none does, the latest act and the latest event that ended
    it.
    """
    holding = [(act, endings) for act, endings in judged if not endings]
    act, endings = max(holding or judged, key=lambda pair: (pair[0].at, pair[0].event_id))
    return ReasonState(
        act, max(endings, key=lambda ending: (ending.at, ending.event_id), default=None)
    )


def _silence(address: str, at: datetime, engaged_id: str | None) -> Act:
    return Act(
        reason="unengaged",
        channel="email",
        contact=None,
        address=address,
        at=at,
        event_id=_md5("unengaged", address, engaged_id),
        received_at=at,
        source="contact_sync",
        source_of_change=None,
    )


def _changed_at(state: RowState) -> datetime | None:
    """The latest instant at which this row's state changed as far as it shows."""
    times = [state.opt_in_at] if state.opt_in_at else []
    if state.reason is not None:
        times.append(state.reasons[state.reason].act.at)
    times.extend(reason.ended_by.at for reason in state.reasons.values() if reason.ended_by)
    return max(times, default=None)


# --- the whole world ----------------------------------------------------------------------------


def marts(
    copies: Iterable[Copy],
    rules: Rules,
    as_of: datetime,
    observed: Mapping[str, datetime] | None = None,
) -> tuple[Table, Table]:
    """suppression_list (by `channel|address`) and contact_profiles (by contact_id) of everything
    that landed.

    `observed` gives observed_at per source where the copies are part of a larger world.
    """
    state = State(standing_events(copies, rules, as_of), rules, observed)
    return state.suppression_list(), state.contact_profiles()
