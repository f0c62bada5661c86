"""Tells each channel what it does not know yet, and records what it took.

A row of raw.alerts is written when the channel took the message: a run that dies in between has
told it, and the next one tells it again; nothing is lost. One run tells at a time (a lock in
raw.sync_runs), and reads what was told after it has the lock: runs side by side repeat nothing.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from sync.alerts.channels import Channel
from sync.alerts.incidents import Condition, News, Told, news_for
from sync.alerts.words import Message, message_of
from sync.clock import utc_now
from sync.delivery.lock import Lease, Tally, new_run_id
from sync.errors import LockHeld
from sync.place import Place
from sync.run.parts import has_died, read
from sync.warehouse.base import Warehouse

#: The lock's name among the destinations of raw.sync_runs.
LOCK: Final = "alert"
#: It is not renewed: a build may keep DuckDB's file between a message and its row. What is not told
#: in time is left to the next run.
_LEASE: Final = timedelta(minutes=20)
_LAST_MOMENT: Final = timedelta(minutes=15)

_CONDITIONS: Final = """
    select rule, subject, value, threshold, since from {marts}.alert_conditions
    order by rule, subject
"""
_TOLD: Final = """
    select
        incident_id, rule, subject, channel, state, value, told_at,
        min(told_at) over (partition by channel, incident_id) as began_at
    from {raw}.alerts
    where true
    qualify row_number() over (partition by channel, rule, subject order by told_at desc) = 1
"""
_RUN_RULE: Final = "select threshold from {marts}.alert_rules where rule = 'run_died' and enabled"
_COLUMNS: Final = ("incident_id", "rule", "subject", "state", "value", "told_at")
_RECORD: Final = (
    f"insert into {{raw}}.alerts ({', '.join(_COLUMNS)}, channel)"
    f" values ({', '.join(f'@{name}' for name in _COLUMNS)}, @channel)"
)


@dataclass(slots=True)
class Done:
    """What a run told, by channel; who did not take a message; whether another run is telling."""

    told: list[tuple[str, Message]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    lasting: int = 0
    is_another_at_work: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """`contact-sync run` as this machine knows it. subject: of its incidents."""

    subject: str
    has_died: bool


def local_run(place: Place) -> Run:
    """The run of a warehouse, by the file that it wrote. One of BigQuery is told by its machine:
    others, which cannot see the file, end no incident of it.
    """
    run = read(place.state)
    subject = "" if place.database is not None else platform.node()
    return Run(subject, run is not None and has_died(run))


def look(
    warehouse: Warehouse, channels: Sequence[str], run: Run
) -> tuple[dict[str, list[News]], int]:
    """What each channel is to be told now, by its name, and how many conditions hold.

    Raises WarehouseMissing where the newest build made no alert_conditions yet.
    """
    holding, before, rules = warehouse.rows_of_each([_CONDITIONS, _TOLD, _RUN_RULE])
    conditions = [Condition(**row) for row in holding]
    if run.has_died:
        conditions += [
            Condition("run_died", run.subject, 1, rule["threshold"], None) for rule in rules
        ]
    # What others were told, who are no channels any more, counts for nobody.
    told = [
        one
        for one in (Told(**row) for row in before if row["channel"] in channels)
        if one.rule != "run_died" or one.subject == run.subject
    ]
    now = utc_now()
    return {name: news_for(name, conditions, told, now) for name in channels}, len(conditions)


def tell(warehouse: Warehouse, channels: Sequence[Channel], target: str, run: Run) -> Done:
    """Tells all channels; one that takes no message is left alone until the next run.

    target: of the dbt profile. run: as local_run says. Raises what the warehouse raises.
    """
    names = [channel.name for channel in channels]
    news, lasting = look(warehouse, names, run)
    if not any(news.values()):
        return Done(lasting=lasting)
    lease = Lease(warehouse, new_run_id(), LOCK, None, span=_LEASE)
    try:
        lease.take()
    except LockHeld:
        return Done(is_another_at_work=True)
    try:
        # Another run may have told it meanwhile.
        news, lasting = look(warehouse, names, run)
        done = Done(lasting=lasting)
        for channel in channels:
            _tell(warehouse, lease, channel, news[channel.name], target, done)
        return done
    finally:
        lease.release("finished", Tally())


def _tell(
    warehouse: Warehouse,
    lease: Lease,
    channel: Channel,
    news: Sequence[News],
    target: str,
    done: Done,
) -> None:
    for one in news:
        if lease.ends_within(_LAST_MOMENT):
            return
        message = message_of(one, target)
        if not channel.tell(message):
            done.failed.append(channel.name)
            return
        row = {name: getattr(one, name) for name in _COLUMNS}
        warehouse.execute(_RECORD, {**row, "channel": channel.name})
        done.told.append((channel.name, message))
