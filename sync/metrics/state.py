"""What waits, and what needs a person: gauges that are read of the warehouse."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from sync.clock import utc_now
from sync.errors import SyncError
from sync.metrics.measures import (
    OLDEST_OPT_OUT,
    PENDING,
    POSSIBLE_OPT_OUTS,
    QUARANTINED,
    Attributes,
    is_sent,
)
from sync.profile import Target
from sync.warehouse import open_warehouse
from sync.warehouse.base import Warehouse

log = logging.getLogger(__name__)

#: For a program that has DuckDB's file: metrics make nobody wait.
_WAIT: Final = timedelta(seconds=1)
_ACTIONS: Final = ("suppress", "release", "subscribe")
_ENABLED: Final = "select distinct destination from {marts}.destinations where enabled"
_PENDING: Final = """
    select
        pending.destination,
        pending.action,
        sum(pending.items) as items,
        min(
            case when consent.reason is not null and pending.action = 'suppress'
            then pending.oldest end
        ) as oldest_opt_out
    from {marts}.status_pending as pending
    left join (
        select reason from {marts}.suppression_policy where attribute = 'consent'
    ) as consent
        on pending.reason = consent.reason
    group by pending.destination, pending.action
"""
_SOURCES: Final = (
    "select distinct source from {raw}.webhook_requests where source <> 'unknown'",
    "select source, sum(deliveries) as items from {marts}.status_quarantined group by source",
    "select source, sum(replies) as items from {marts}.status_possible_opt_outs group by source",
)


def measure_state(target: Target) -> None:
    """Reads the gauges, where metrics are sent; what keeps it from that is a line in the log."""
    if not is_sent():
        return
    try:
        read_state(open_warehouse(target, read_only=True, wait=_WAIT))
    except SyncError as error:
        log.warning("What is pending was not measured: %s", error)


def read_state(warehouse: Warehouse) -> None:
    """Reads the gauges. Raises what the warehouse raises."""
    enabled, pending, sources, quarantined, possible = warehouse.rows_of_each(
        [_ENABLED, _PENDING, *_SOURCES]
    )
    # What has nothing is told, too: a series that ends says nothing.
    items = {(row["destination"], action): 0 for row in enabled for action in _ACTIONS}
    oldest: dict[str, datetime | None] = {row["destination"]: None for row in enabled}
    for row in pending:
        items[row["destination"], row["action"]] = row["items"]
        if row["action"] == "suppress":
            oldest[row["destination"]] = row["oldest_opt_out"]
    unread = {row["source"]: 0 for row in sources} | _items(quarantined)
    replies = {row["source"]: 0 for row in sources} | _items(possible)

    def ages() -> Iterator[tuple[float, Attributes]]:
        for name, since in oldest.items():
            age = 0.0 if since is None else (utc_now() - since).total_seconds()
            yield max(age, 0.0), {"destination": name}

    PENDING.read = lambda: [
        (number, {"destination": name, "action": action})
        for (name, action), number in items.items()
    ]
    OLDEST_OPT_OUT.read = ages
    QUARANTINED.read = lambda: [(number, {"source": name}) for name, number in unread.items()]
    POSSIBLE_OPT_OUTS.read = lambda: [
        (number, {"source": name}) for name, number in replies.items()
    ]


def _items(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {row["source"]: int(row["items"]) for row in rows}
