"""What is to be told, of what holds now and what was told before.

An incident begins when a condition holds that the channel knows nothing of, and ends when it holds
no more. Each channel has its own: what it did not take is told to it again, and nobody hears of an
end who did not hear of the beginning.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

#: An incident that lasts is told again after so long.
REMIND_AFTER: Final = timedelta(hours=24)
#: Rows of raw.alerts of one channel are told apart by their time, whatever clocks say.
_LATER: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Condition:
    """A row of alert_conditions. since: UTC, None where that is not known."""

    rule: str
    subject: str
    value: int
    threshold: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Told:
    """The latest row of raw.alerts of a channel, rule and subject.

    began_at: when the channel was first told of the incident.
    """

    incident_id: str
    rule: str
    subject: str
    channel: str
    state: str
    value: int
    told_at: datetime
    began_at: datetime

    @property
    def is_open(self) -> bool:
        """Whether the channel has yet to hear that it ended."""
        return self.state != "ended"


@dataclass(frozen=True, slots=True)
class News:
    """What one channel is to be told: `state` as in raw.alerts. condition: None of an end."""

    incident_id: str
    rule: str
    subject: str
    state: str
    value: int
    told_at: datetime
    began_at: datetime
    condition: Condition | None


def news_for(
    channel: str, conditions: Sequence[Condition], told: Sequence[Told], now: datetime
) -> list[News]:
    """What the channel does not know yet; what began before what ended.

    told: the latest rows of all channels that there are; they share the ids of incidents.
    """
    mine = {(one.rule, one.subject): one for one in told if one.channel == channel}
    ids = {(one.rule, one.subject): one.incident_id for one in told if one.is_open}
    return [*_holding(conditions, mine, ids, now), *_over(conditions, mine, now)]


def _holding(
    conditions: Sequence[Condition],
    mine: Mapping[tuple[str, str], Told],
    ids: Mapping[tuple[str, str], str],
    now: datetime,
) -> Iterator[News]:
    for one in conditions:
        key = (one.rule, one.subject)
        before = mine.get(key)
        at = _after(before, now)
        if before is None or not before.is_open:
            incident = ids.get(key) or _new_id(one, at)
            yield News(incident, *key, "began", one.value, at, at, one)
        elif now - before.told_at >= REMIND_AFTER:
            incident = before.incident_id
            yield News(incident, *key, "reminded", one.value, at, before.began_at, one)


def _over(
    conditions: Sequence[Condition], mine: Mapping[tuple[str, str], Told], now: datetime
) -> Iterator[News]:
    holding = {(one.rule, one.subject) for one in conditions}
    for key in sorted(mine.keys() - holding):
        before = mine[key]
        if before.is_open:
            at = _after(before, now)
            incident, value = before.incident_id, before.value
            yield News(incident, *key, "ended", value, at, before.began_at, None)


def _after(before: Told | None, now: datetime) -> datetime:
    return now if before is None else max(now, before.told_at + _LATER)


def _new_id(condition: Condition, began_at: datetime) -> str:
    text = f"{condition.rule}|{condition.subject}|{began_at.isoformat()}"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
