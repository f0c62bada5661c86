"""Why an address may or may not be contacted, by which event and rule, and where that is known.

The rules stay in the models: this reads what they decided, and the events that they name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sync.addresses import CHANNELS, readings
from sync.explain_words import Route, ends_by, route
from sync.warehouse.base import Warehouse

Row = dict[str, Any]
Answer = Literal["yes", "no", "unknown"]

_FOUND_AS_ADDRESS: Final = """
    select channel, address from {marts}.int_contact_addresses
    where
        (channel = 'email' and address = @email)
        or (channel = 'sms' and address = @sms)
        or (channel = 'push' and address = @push)
    group by channel, address order by channel, address
"""
_FOUND_AS_ID: Final = """
    select external_id from {marts}.int_contact_addresses
    where external_id = @external_id group by external_id
"""
# asked: the contacts that the question is about. person: all their addresses.
_BY_ADDRESS: Final = "channel = @channel and address = @address"
_BY_ID: Final = "external_id = @external_id"
_THE_ADDRESS: Final = """
        union distinct
        select @channel as channel, @address as address
"""
_PERSON: Final = """
    with asked as (
        select distinct contact_id, external_id from {marts}.int_contact_addresses
        where <asked>
    ),
    person as (
        select addresses.channel, addresses.address
        from {marts}.int_contact_addresses as addresses
        inner join asked on addresses.contact_id = asked.contact_id
        where addresses.address is not null
        <the address>
    )
"""

_BUILD: Final = """
    select ended_at, as_of, ok from {raw}.builds order by ended_at desc, started_at desc limit 1
"""
_POLICY: Final = """
    select reason, attribute, precedence, suppresses from {marts}.suppression_policy
    order by precedence
"""
_RELEASES: Final = """
    select reason, event_type from {marts}.suppression_releases order by reason, event_type
"""
_DESTINATIONS: Final = """
    select destination, channel, coalesce(scope, '') as scope, mode
    from {marts}.destinations where enabled order by destination, channel, scope
"""
_STATES: Final = """
    select distinct
        states.*,
        addresses.exceeds_address_limit,
        listed.address is not null as is_listed
    from {marts}.int_contact_state as states
    inner join {marts}.int_contact_addresses as addresses
        on states.contact_state_id = addresses.contact_state_id
    left join person
        on states.channel = person.channel and states.address = person.address
    left join asked
        on states.contact_id = asked.contact_id
    left join {marts}.suppression_list as listed
        on states.channel = listed.channel and states.address = listed.address
    where person.address is not null or asked.contact_id is not null
    order by channel, address, external_id, contact_state_id
"""
_REASONS: Final = """
    select distinct reasons.*
    from {marts}.int_suppression_reasons as reasons
    left join person
        on reasons.channel = person.channel and reasons.address = person.address
    left join asked
        on reasons.contact_id = asked.contact_id
    where person.address is not null or asked.contact_id is not null
    order by channel, address, precedence, external_id, suppression_reason_id
"""
_LINKS: Final = """
    select distinct links.*
    from {marts}.int_contact_identifiers as links
    left join person
        on links.channel = person.channel and links.address = person.address
    left join asked
        on links.contact_id = asked.contact_id
    where
        links.last_at is not null
        and (person.address is not null or asked.contact_id is not null)
    order by external_id, channel, address
"""
_LISTED: Final = """
    select listed.*
    from {marts}.suppression_list as listed
    inner join person
        on listed.channel = person.channel and listed.address = person.address
    order by listed.channel, listed.address
"""
# An event that names a person without being of a channel has the address in a column of its kind.
_EVENTS: Final = """
    select happened.*
    from {marts}.events as happened
    where
        happened.external_id in (select asked.external_id from asked where asked.external_id is not null)
        or happened.address in (select person.address from person)
        or happened.email in (select person.address from person where person.channel = 'email')
        or happened.phone in (select person.address from person where person.channel = 'sms')
        or happened.push_token in (select person.address from person where person.channel = 'push')
        or happened.event_id in unnest(@event_ids)
    order by effective_at, received_at, event_id
"""  # noqa: E501
_LEDGER: Final = """
    select ledger.*
    from {raw}.sync_ledger as ledger
    where
        ledger.address in (select person.address from person)
        or ledger.contact_id in (select asked.contact_id from asked)
    order by pushed_at, run_id, destination, channel, scope, delta_id, outcome
"""
_KNOWN: Final = """
    select known.*
    from {marts}.int_synced_state as known
    where
        known.subject in (select person.address from person)
        or known.subject in (select asked.contact_id from asked)
    order by destination, channel, scope, subject, list_name
"""
_PENDING: Final = """
    select deltas.*
    from {marts}.sync_deltas as deltas
    where
        deltas.address in (select person.address from person)
        or deltas.contact_id in (select asked.contact_id from asked)
    order by priority, destination, channel, scope, delta_id
"""
# Lists that somebody left and did not come back to: no reason, unless seeds/topics.csv says so.
_TOPICS: Final = """
    , latest as (
        select
            happened.*,
            row_number() over (
                partition by
                    happened.channel,
                    happened.source,
                    happened.topic,
                    happened.external_id,
                    happened.address
                order by
                    happened.last_at desc,
                    case when happened.event_type = 'topic_unsubscribe' then 0 else 1 end
            ) as place
        from {marts}.int_events_latest as happened
        where
            happened.event_type in ('topic_unsubscribe', 'topic_subscribe')
            and happened.last_at is not null
            and not happened.is_own
            and (
                happened.address in (select person.address from person)
                or happened.external_id in (
                    select asked.external_id from asked where asked.external_id is not null
                )
            )
    )
    select channel, source, topic, external_id, address, last_at, last_event_id
    from latest
    where place = 1 and event_type = 'topic_unsubscribe'
    order by channel, source, topic, external_id, address
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

    known: what each platform has as far as we know. latest: the newest row of the ledger.
    pending: the deltas that a push would send.
    """

    destination: str
    channel: str
    scope: str
    mode: str
    subject: str
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
    warehouse: Warehouse, asked: str, *, channel: str | None, country_code: str | None = None
) -> Explanation:
    """What is known of an address or an external_id; of an unknown one, that nothing is.

    channel: only what concerns it. Raises WarehouseMissing before the first build.
    """
    with warehouse.session():
        subject = find_subject(warehouse, asked, country_code)
        rows = _read(warehouse, subject)
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


def find_subject(warehouse: Warehouse, asked: str, country_code: str | None = None) -> Subject:
    """Whom the text names: an address that is known, a known external_id, else what it reads as."""
    text = asked.strip()
    read = readings(text, country_code)
    values = {name: read.get(name, "") for name in CHANNELS}
    for row in warehouse.rows(_FOUND_AS_ADDRESS, values):
        return Subject(text, row["channel"], row["address"], None, is_known=True)
    if warehouse.rows(_FOUND_AS_ID, {"external_id": text}):
        return Subject(text, None, None, text, is_known=True)
    for name in ("email", "sms"):
        if name in read:
            return Subject(text, name, read[name], None, is_known=False)
    return Subject(text, None, None, text, is_known=False)


def _read(warehouse: Warehouse, subject: Subject) -> dict[str, list[Row]]:
    """The rows of every query, by its name."""
    person = person_query(subject)
    parameters: dict[str, Any] = parameters_of_subject(subject)
    queries = {
        "build": _BUILD,
        "policy": _POLICY,
        "releases": _RELEASES,
        "destinations": _DESTINATIONS,
        "states": person + _STATES,
        "reasons": person + _REASONS,
        "links": person + _LINKS,
        "listed": person + _LISTED,
        "topics": person + _TOPICS,
        "ledger": person + _LEDGER,
        "known": person + _KNOWN,
        "pending": person + _PENDING,
    }
    found = warehouse.rows_of_each(list(queries.values()), parameters)
    rows = dict(zip(queries, found, strict=True))
    parameters["event_ids"] = _named_events(rows["reasons"])
    rows["events"] = warehouse.rows(person + _EVENTS, parameters)
    rows["unengaged"] = _unengaged(warehouse, rows)
    return rows


def person_query(subject: Subject) -> str:
    """The head of a query about the subject: the CTEs asked and person."""
    if subject.address is None:
        return _PERSON.replace("<asked>", _BY_ID).replace("<the address>", "")
    return _PERSON.replace("<asked>", _BY_ADDRESS).replace("<the address>", _THE_ADDRESS)


def parameters_of_subject(subject: Subject) -> dict[str, Any]:
    """What the head of such a query names."""
    if subject.address is None:
        return {"external_id": subject.external_id}
    return {"channel": subject.channel, "address": subject.address}


def _named_events(reasons: Iterable[Row]) -> list[str]:
    named = {row[name] for row in reasons for name in ("reason_event_id", "ended_event_id")}
    # Never empty: an engine cannot tell the type of an empty list.
    return sorted(named - {None}) or [""]


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
        and (row["external_id"] in contacts or (address is not None and row["address"] == address))
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
    policy = {row["reason"]: row for row in rows["policy"]}
    over_limit = {row["contact_state_id"] for row in rows["states"] if row["exceeds_address_limit"]}
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
        released_by = [
            one["event_type"] for one in rows["releases"] if one["reason"] == row["reason"]
        ]
        found[key] = (
            place,
            Reason(
                reason=row["reason"],
                attribute=row["attribute"],
                precedence=row["precedence"],
                suppresses=policy[row["reason"]]["suppresses"],
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
                released_by=released_by,
                ends_by=ends_by(
                    row,
                    event,
                    released_by,
                    is_over_limit=row["contact_state_id"] in over_limit,
                ),
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
        for name in _subjects(subject, place, rows):
            key = ("destination", "channel", "scope")
            here = {column: place[column] for column in key}
            column = "contact_id" if place["mode"] == "profile" else "address"
            ledger = [row for row in rows["ledger"] if _is_of(row, here, column, name)]
            found.append(
                Confirmation(
                    **here,
                    mode=place["mode"],
                    subject=name,
                    known=[row for row in rows["known"] if _is_of(row, here, "subject", name)],
                    latest=ledger[-1] if ledger else None,
                    pending=[row for row in rows["pending"] if _is_of(row, here, column, name)],
                )
            )
    return found


def _subjects(subject: Subject, place: Row, rows: Mapping[str, list[Row]]) -> list[str]:
    states = [row for row in rows["states"] if row["channel"] == place["channel"]]
    if place["mode"] == "profile":
        return list(dict.fromkeys(row["contact_id"] for row in states))
    named = [row["address"] for row in states if row["address"] is not None]
    asked = _asked_on(subject, place["channel"])
    return list(dict.fromkeys([*([asked] if asked else []), *named]))


def _is_of(row: Row, place: Mapping[str, Any], column: str, subject: str) -> bool:
    return row[column] == subject and all((row[name] or "") == place[name] for name in place)
