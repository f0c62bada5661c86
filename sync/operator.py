"""An operator's action: an event like any other, with who and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sync.addresses import Country, normalizer
from sync.clock import utc_now
from sync.destinations.identifiers import why_not_addressable
from sync.errors import ConfigError, WarehouseMissing
from sync.landing import Statement, instant_text, land
from sync.profile import Target
from sync.warehouse.base import Warehouse

Verb = Literal["suppress", "release", "dismiss"]
Channel = Literal["email", "sms", "push"]

_MEMBER = {"email": "email", "sms": "phone", "push": "push_token"}
_EVENT_TYPES = {
    ("suppress", False): "block",
    ("release", False): "reactivate",
    ("dismiss", False): "other",
    ("suppress", True): "unsubscribe",
    ("release", True): "subscribe",
}


@dataclass(frozen=True, slots=True)
class Action:
    """What an operator does, or took down of a person.

    because: why. by: who. evidence: of the person's own act, where it can be looked up (a letter,
    a call); None for an action of staff.
    """

    verb: Verb
    channel: Channel
    address: str
    by: str
    because: str | None = None
    evidence: str | None = None
    #: Of a dismissal: when the newest reply that was read was received (naive UTC).
    read_until: datetime | None = None

    @property
    def event_type(self) -> str:
        """What it is in `events`."""
        return _EVENT_TYPES[self.verb, self.evidence is not None]


@dataclass(frozen=True, slots=True)
class Holding:
    """A reason that holds for the address now, and whether the action will end it."""

    reason: str
    since: datetime
    event_id: str
    is_ended: bool
    #: Whether it is the person's own: staff's actions end none of those.
    is_consent: bool


@dataclass(frozen=True, slots=True)
class Done:
    """What was landed. holding: the reasons of the newest build; None where there is none yet."""

    action: Action
    holding: Sequence[Holding] | None

    @property
    def remaining(self) -> list[Holding]:
        """Of a release, what goes on holding all the same."""
        if self.action.verb != "release":
            return []
        return [one for one in self.holding or () if not one.is_ended]


def make_action(
    verb: Verb,
    channel: Channel,
    address: str,
    *,
    by: str,
    because: str | None,
    evidence: str | None,
    country: Country | None = None,
) -> Action:
    """The action, with its address in the form of the models. ConfigError says what is wrong."""
    cleaned = normalizer(channel, country)(address)
    fault = why_not_addressable(channel, cleaned or address.strip())
    if cleaned is None or fault is not None:
        raise ConfigError(f"No address of {channel}: {fault or 'it cannot be read'}.")
    if not by.strip():
        raise ConfigError("--by is empty: name who does this.")
    if not (evidence or because or "").strip():
        raise ConfigError(
            "Say why with --because, or with --person-asked where the person's own act can be "
            "looked up."
        )
    return Action(verb, channel, cleaned, by.strip(), because, evidence)


def perform(action: Action, target: Target, warehouse: Warehouse) -> Done:
    """Lands the action; it counts from the next build. Raises SyncError where it cannot land, and
    ConfigError where there is no reply to dismiss.
    """
    if action.verb == "dismiss":
        action = replace(action, read_until=_newest_reply(action, warehouse))
    holding = _holding(action, warehouse)
    land(target, "operator", [_statement(action)])
    return Done(action, holding)


def _statement(action: Action) -> Statement:
    said = [action.because, f"evidence: {action.evidence}" if action.evidence else None]
    detail = {"suppress": "stop", "release": "resume"}.get(action.verb)
    return {
        "event": action.verb if action.evidence is None else "person_asked",
        "detail": None if action.evidence is None else detail,
        "channel": action.channel,
        _MEMBER[action.channel]: action.address,
        "reason": "; ".join(part for part in said if part),
        "by": action.by,
        # A reply that came after those that could be read waits on.
        "at": instant_text(action.read_until or utc_now()),
    }


def _newest_reply(action: Action, warehouse: Warehouse) -> datetime:
    sql = """
        select max(received_at) as received_at
        from {marts}.possible_opt_outs
        where channel = @channel and address = @address
    """
    (row,) = warehouse.rows(sql, {"channel": action.channel, "address": action.address})
    if row["received_at"] is None:
        raise ConfigError(
            "possible_opt_outs shows no reply of this address: there is nothing to dismiss."
        )
    newest: datetime = row["received_at"]
    return newest


def _holding(action: Action, warehouse: Warehouse) -> list[Holding] | None:
    """The reasons that hold, and what the policy says of the action."""
    sql = """
        select
            reasons.reason,
            max(reasons.reason_at) as since,
            max(reasons.reason_event_id) as event_id,
            max(case when releases.event_type is null then 0 else 1 end) as is_ended,
            max(case when policy.attribute = 'consent' then 1 else 0 end) as is_consent
        from {marts}.int_suppression_reasons as reasons
        inner join {marts}.suppression_policy as policy
            on reasons.reason = policy.reason
        left join {marts}.suppression_releases as releases
            on reasons.reason = releases.reason and releases.event_type = @event_type
        where
            reasons.channel = @channel
            and reasons.address = @address
            and reasons.holds
        group by reasons.reason
        order by reasons.reason
    """
    parameters = {
        "channel": action.channel,
        "address": action.address,
        "event_type": action.event_type,
    }
    try:
        rows = warehouse.rows(sql, parameters)
    except WarehouseMissing:
        return None
    return [
        Holding(
            row["reason"],
            row["since"],
            row["event_id"],
            bool(row["is_ended"]),
            bool(row["is_consent"]),
        )
        for row in rows
    ]
