"""Why an address may or may not be contacted, by which event and rule, and where that is known.

The rules stay in the models: this reads what they decided, and the events that they name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sync.addresses import CHANNELS, Country, readings
from sync.progress import QUIET, Steps
from sync.reports.explain_words import Route, ends_by, event_types, route
from sync.warehouse.base import Warehouse

Row = dict[str, Any]
Answer = Literal["yes", "no", "unknown"]

_FOUND_AS_ADDRESS: Final = """
    select channel, address from {marts}.explain_addresses
    where
        (channel = 'email' and address = @email)
        or (channel = 'sms' and address = @sms)
        or (channel = 'push' and address = @push)
    group by channel, address order by channel, address
"""
_FOUND_AS_ID: Final = """
    select external_id from {marts}.explain_addresses
    where external_id = @external_id group by external_id
"""
# The contacts that the question is about, and all their addresses: found once, for all queries.
_CONTACTS_BY_ADDRESS: Final = """
    select distinct contact_id, external_id from {marts}.explain_addresses
    where channel = @channel and address = @address
"""
_CONTACTS_BY_ID: Final = """
    select distinct contact_id, external_id from {marts}.explain_addresses
    where external_id = @external_id
"""
_ADDRESSES: Final = """
    select distinct channel, address from {marts}.explain_addresses
    where contact_id in unnest(@contact_ids) and address is not null
"""
# A platform's own ids that stand for one of them.
_PLATFORM_IDS: Final = """
    select distinct platform_id from {marts}.int_platform_ids
    where
        (channel = 'email' and address in unnest(@emails))
        or (channel = 'sms' and address in unnest(@phones))
        or (channel = 'push' and address in unnest(@push_tokens))
"""
_OF_ADDRESSES: Final = """(
        (channel = 'email' and address in unnest(@emails))
        or (channel = 'sms' and address in unnest(@phones))
        or (channel = 'push' and address in unnest(@push_tokens))
    )"""
OF_PERSON: Final = f"({_OF_ADDRESSES} or contact_id in unnest(@contact_ids))"

_BUILD: Final = """
    select ended_at, as_of, ok from {raw}.builds order by ended_at desc, started_at desc limit 1
"""
_DESTINATIONS: Final = """
    select destination, channel, coalesce(scope, '') as scope, mode
    from {marts}.destinations where enabled order by destination, channel, scope
"""
_STATES: Final = f"""
    select * from {{marts}}.explain_states where {OF_PERSON}
    order by channel, address, external_id, contact_state_id
"""
_REASONS: Final = f"""
    select * from {{marts}}.explain_reasons where {OF_PERSON}
    order by channel, address, precedence, external_id, suppression_reason_id
"""
_LINKS: Final = f"""
    select * from {{marts}}.int_contact_identifiers
    where last_at is not null and {OF_PERSON}
    order by external_id, channel, address
"""
_LISTED: Final = f"""
    select * from {{marts}}.suppression_list where {_OF_ADDRESSES} order by channel, address
"""
# An event that names a person without being of a channel has the address in a column of its kind.
_EVENTS: Final = """
    select * from {marts}.events
    where
        external_id in unnest(@external_ids)
        or address in unnest(@addresses)
        or email in unnest(@emails)
        or phone in unnest(@phones)
        or push_token in unnest(@push_tokens)
        or platform_id in unnest(@platform_ids)
        or event_id in unnest(@event_ids)
    order by effective_at, received_at, event_id
"""
_LEDGER: Final = """
    select * from {raw}.sync_ledger
    where address in unnest(@addresses) or contact_id in unnest(@contact_ids)
    order by pushed_at, run_id, destination, channel, scope, delta_id, outcome
"""
_KNOWN: Final = """
    select * from {marts}.int_synced_state
    where subject in unnest(@addresses) or subject in unnest(@contact_ids)
    order by destination, channel, scope, subject, list_name
"""
_PENDING: Final = """
    select * from {marts}.sync_deltas
    where address in unnest(@addresses) or contact_id in unnest(@contact_ids)
    order by priority, destination, channel, scope, delta_id
"""
# Lists that somebody left and did not come back to.
_TOPICS: Final = """
    select * from {marts}.explain_topics
    where
        address in unnest(@addresses)
        or external_id in unnest(@external_ids)
        or platform_id in unnest(@platform_ids)
    order by channel, source, topic, external_id, address, platform_id
"""
_UNENGAGED: Final = """
    select event_id, address, base_at, last_sent_at, observed_at
    from {marts}.unengaged where event_id in unnest(@event_ids) order by address
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom the question is about: an address of a channel, or a contact of the directory.

    is_known: whether the directory or any event but `other` names it.
    """

    asked: str
    channel: str | None
    address: str | None
    external_id: str | None
    is_known: bool


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an address is, or was, suppressed. One per address, reason and deciding event.

    event: the row of `events` behind it (None of what is derived here, as `unengaged` is).
    suppresses: the cell of the policy. ended: the event that ended it. contacts: for whose rows
    it holds (None: nobody is linked). routes: how the refusal reaches them. ends_by: what would
    end it, in words. derived: what `unengaged` was derived from.
    """

    reason: str
    attribute: str
    precedence: int
    suppresses: str
    holds: bool
    is_suppressing: bool
    since: Any
    received_at: Any
    source: str
    source_of_change: str | None
    event_id: str
    event: Row | None
    contacts: list[str | None]
    routes: list[Route]
    released_by: list[str]
    ends_by: str
    ended_at: Any = None
    ended_event_id: str | None = None
    ended: Row | None = None
    derived: Row | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """May this address be contacted. address None: a channel on which none is known.

    is_subscribed: None where consent was never said. is_listed: whether suppression_list has it.
    topics: the lists that were left, whether they count for the channel or not.
    """

    channel: str
    address: str | None
    answer: Answer
    is_asked: bool
    is_listed: bool
    is_subscribed: bool | None
    subscribed_at: Any
    contacts: list[str | None]
    reasons: list[Reason]
    released: list[Reason]
    topics: list[Row]


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What one list of a platform has of one address (mode `profile`: of one contact).

    subject: the address, or the contact_id. shown: the same for a person: a contact by its
    external_id, or by its address where nobody is linked. known: what each platform has as far as
    we know. latest: the newest row of the ledger. pending: the deltas that a push would send.
    """

    destination: str
    channel: str
    scope: str
    mode: str
    subject: str
    shown: str
    known: list[Row]
    latest: Row | None
    pending: list[Row]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that `explain` shows, and the rows that it rests on."""

    subject: Subject
    build: Row | None
    verdicts: list[Verdict]
    timeline: list[Row]
    confirmations: list[Confirmation]
    rows: Mapping[str, list[Row]] = field(repr=False)


def read_explanation(
    warehouse: Warehouse,
    asked: str,
    *,
    channel: str | None,
    country: Country | None = None,
    steps: Steps = QUIET,
) -> Explanation:
    """What is known of an address or an external_id; of an unknown one, that nothing is.

    channel: only what concerns it. Raises WarehouseMissing before the first build.
    """
    with warehouse.session():
        steps.begin("whom it names")
        subject = find_subject(warehouse, asked, country)
        rows = _read(warehouse, subject, steps)
    if channel is not None:
        rows = {name: _of_channel(found, channel) for name, found in rows.items()}
    return Explanation(
        subject=subject,
        build=next(iter(rows["build"]), None),
        verdicts=_verdicts(subject, rows, [channel] if channel else CHANNELS),
        timeline=rows["events"],
        confirmations=_confirmations(subject, rows),
        rows=rows,
    )


def find_subject(warehouse: Warehouse, asked: str, country: Country | None = None) -> Subject:
    """Whom the text names: an address that is known, a known external_id, else what it reads as."""
    text = asked.strip()
    read = readings(text, country)
    values = {name: read.get(name, "") for name in CHANNELS}
    found = warehouse.rows(_FOUND_AS_ADDRESS, values)
    # Whose country is only assumed comes after an id, as in `forget`.
    is_assumed = "sms" in read and "sms" not in readings(text)
    if found and not is_assumed:
        return Subject(text, found[0]["channel"], found[0]["address"], None, is_known=True)
    if warehouse.rows(_FOUND_AS_ID, {"external_id": text}):
        return Subject(text, None, None, text, is_known=True)
    for row in found:
        return Subject(text, row["channel"], row["address"], None, is_known=True)
    for name in ("email", "sms"):
        if name in read:
            return Subject(text, name, read[name], None, is_known=False)
    return Subject(text, None, None, text, is_known=False)


def _read(warehouse: Warehouse, subject: Subject, steps: Steps) -> dict[str, list[Row]]:
    """The rows of every query, by its name."""
    person = person_of(warehouse, subject)
    queries = {
        "build": _BUILD,
        "destinations": _DESTINATIONS,
        "states": _STATES,
        "reasons": _REASONS,
        "links": _LINKS,
        "listed": _LISTED,
        "topics": _TOPICS,
        "ledger": _LEDGER,
        "known": _KNOWN,
        "pending": _PENDING,
    }
    steps.begin("state, reasons and ledger")
    found = warehouse.rows_of_each(list(queries.values()), person)
    rows = dict(zip(queries, found, strict=True))
    named = {"event_ids": _named_events(rows["reasons"])}
    steps.begin("events")
    (rows["events"],) = warehouse.rows_of_each([_EVENTS], {**person, **named})
    rows["unengaged"] = _unengaged(warehouse, rows)
    return rows


def person_of(warehouse: Warehouse, subject: Subject) -> dict[str, list[str]]:
    """The contacts that the question is about, and all their addresses: the parameters of queries
    about them.
    """
    if subject.address is None:
        contacts = warehouse.rows(_CONTACTS_BY_ID, {"external_id": subject.external_id})
    else:
        asked = {"channel": subject.channel, "address": subject.address}
        contacts = warehouse.rows(_CONTACTS_BY_ADDRESS, asked)
    contact_ids = _values(row["contact_id"] for row in contacts)
    addresses = warehouse.rows(_ADDRESSES, {"contact_ids": contact_ids})
    if subject.address is not None:
        addresses.append({"channel": subject.channel, "address": subject.address})
    of_channels = {
        name: _values(row["address"] for row in addresses if row["channel"] == channel)
        for name, channel in (("emails", "email"), ("phones", "sms"), ("push_tokens", "push"))
    }
    platform_ids = warehouse.rows(_PLATFORM_IDS, of_channels)
    return {
        "contact_ids": contact_ids,
        "external_ids": _values(row["external_id"] for row in contacts),
        "platform_ids": _values(row["platform_id"] for row in platform_ids),
        "addresses": _values(row["address"] for row in addresses),
        **of_channels,
    }


def _named_events(reasons: Iterable[Row]) -> list[str]:
    named = {row[name] for row in reasons for name in ("reason_event_id", "ended_event_id")}
    return _values(named)


def _values(found: Iterable[str | None]) -> list[str]:
    # Never empty: an engine cannot tell the type of an empty list.
    return sorted({value for value in found if value is not None}) or [""]


def _unengaged(warehouse: Warehouse, rows: Mapping[str, list[Row]]) -> list[Row]:
    named = {row["reason_event_id"] for row in rows["reasons"] if row["attribute"] == "engagement"}
    # A schedule may never have built the model; a reason of it says that it is there.
    return warehouse.rows(_UNENGAGED, {"event_ids": sorted(named)}) if named else []


def _of_channel(rows: list[Row], channel: str) -> list[Row]:
    return [row for row in rows if row.get("channel") in (None, channel)]


def _verdicts(
    subject: Subject, rows: Mapping[str, list[Row]], channels: Sequence[str]
) -> list[Verdict]:
    """One per address, the one that was asked for first; one for each channel without any."""
    reasons = _reasons(rows)
    verdicts = []
    for channel in channels:
        states = [row for row in rows["states"] if row["channel"] == channel]
        addresses = dict.fromkeys(row["address"] for row in states)
        for address in addresses or {_asked_on(subject, channel): None}:
            of_it = [row for row in states if row["address"] == address]
            why = [found for key, found in reasons if key == (channel, address)]
            left = _topics(rows["topics"], channel, address, of_it)
            verdicts.append(_verdict(subject, channel, address, of_it, why, left))
    return sorted(verdicts, key=lambda one: (not one.is_asked, one.channel != subject.channel))


def _topics(
    topics: Iterable[Row], channel: str, address: str | None, states: Iterable[Row]
) -> list[Row]:
    """The lists that the address left, or one of its contacts."""
    contacts = {row["external_id"] for row in states} - {None}
    return [
        row
        for row in topics
        if row["channel"] == channel
        and (
            row["external_id"] in contacts
            or (address is not None and row["address"] == address)
            # An id of theirs, for no other was asked for.
            or (row["external_id"] is None and row["address"] is None)
        )
    ]


def _asked_on(subject: Subject, channel: str) -> str | None:
    return subject.address if subject.channel == channel else None


def _verdict(
    subject: Subject,
    channel: str,
    address: str | None,
    states: Sequence[Row],
    reasons: Sequence[Reason],
    topics: list[Row],
) -> Verdict:
    is_listed = any(row["is_listed"] for row in states)
    is_suppressed = is_listed or any(row["is_suppressed"] for row in states)
    answer: Answer = "no" if is_suppressed else "yes" if states else "unknown"
    said = [row["is_subscribed"] for row in states if row["is_subscribed"] is not None]
    since = [row["subscribed_at"] for row in states if row["subscribed_at"] is not None]
    is_asked = address is not None and (channel, address) == (subject.channel, subject.address)
    return Verdict(
        channel=channel,
        address=address,
        answer=answer,
        is_asked=is_asked,
        is_listed=is_listed,
        # A mailbox that two share is refused where one of them refuses.
        is_subscribed=all(said) if said else None,
        subscribed_at=max(since, default=None),
        contacts=list(dict.fromkeys(row["external_id"] for row in states)),
        reasons=[reason for reason in reasons if reason.holds],
        released=[reason for reason in reasons if not reason.holds],
        topics=topics,
    )


def _reasons(rows: Mapping[str, list[Row]]) -> list[tuple[tuple[str, str | None], Reason]]:
    """The reasons with the (channel, address) that each is of, by precedence.

    What holds for several contacts of an address by one event is one reason.
    """
    events = {row["event_id"]: row for row in rows["events"]}
    derived = {row["event_id"]: row for row in rows["unengaged"]}
    found: dict[tuple[Any, ...], tuple[tuple[str, str | None], Reason]] = {}
    for row in rows["reasons"]:
        place = (row["channel"], row["address"])
        event = events.get(row["reason_event_id"])
        way = route(row, event)
        key = (*place, row["reason"], row["reason_event_id"], row["ended_event_id"])
        if key in found:
            same = found[key][1]
            same.contacts.append(row["external_id"])
            if way not in same.routes:
                same.routes.append(way)
            continue
        found[key] = (
            place,
            Reason(
                reason=row["reason"],
                attribute=row["attribute"],
                precedence=row["precedence"],
                suppresses=row["suppresses"],
                holds=row["holds"],
                is_suppressing=row["is_suppressing"],
                since=row["reason_at"],
                received_at=row["reason_received_at"],
                source=row["source"],
                source_of_change=row["source_of_change"],
                event_id=row["reason_event_id"],
                event=event,
                contacts=[row["external_id"]],
                routes=[way],
                released_by=event_types(row),
                ends_by=ends_by(row),
                ended_at=row["ended_at"],
                ended_event_id=row["ended_event_id"],
                ended=events.get(row["ended_event_id"]),
                derived=derived.get(row["reason_event_id"]),
            ),
        )
    return sorted(found.values(), key=lambda pair: pair[1].precedence)


def _confirmations(subject: Subject, rows: Mapping[str, list[Row]]) -> list[Confirmation]:
    """One per enabled list of a platform and address on its channel (of a profile: contact)."""
    found = []
    for place in rows["destinations"]:
        for name, shown in _subjects(subject, place, rows).items():
            key = ("destination", "channel", "scope")
            here = {column: place[column] for column in key}
            column = "contact_id" if place["mode"] == "profile" else "address"
            ledger = [row for row in rows["ledger"] if _is_of(row, here, column, name)]
            found.append(
                Confirmation(
                    **here,
                    mode=place["mode"],
                    subject=name,
                    shown=shown,
                    known=[row for row in rows["known"] if _is_of(row, here, "subject", name)],
                    latest=ledger[-1] if ledger else None,
                    pending=[row for row in rows["pending"] if _is_of(row, here, column, name)],
                )
            )
    return found


def _subjects(subject: Subject, place: Row, rows: Mapping[str, list[Row]]) -> dict[str, str]:
    """Whom a list can be about, with the name that a person is shown."""
    states = [row for row in rows["states"] if row["channel"] == place["channel"]]
    if place["mode"] == "profile":
        return {
            row["contact_id"]: f"contact {row['external_id']}"
            if row["external_id"]
            else str(row["address"])
            for row in states
        }
    asked = _asked_on(subject, place["channel"])
    named = [row["address"] for row in states if row["address"] is not None]
    return {name: name for name in [*([asked] if asked else []), *named]}


def _is_of(row: Row, place: Mapping[str, Any], column: str, subject: str) -> bool:
    return row[column] == subject and all((row[name] or "") == place[name] for name in place)
