"""Lists that stop receipts and password resets too, though they are told of opt-outs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sync.errors import WarehouseMissing
from sync.warehouse.base import Warehouse

#: A complaint, a bounce or a block is meant for all mail. All columns, for one may not be there.
ROWS = """
    select destinations.*, reasons.reason
    from {marts}.destinations as destinations
    inner join {marts}.destination_reasons as reasons
        on destinations.destination = reasons.destination
            and destinations.channel = reasons.channel
            and coalesce(destinations.scope, '') = coalesce(reasons.scope, '')
    where destinations.enabled and reasons.reason in ('unsubscribe', 'unengaged')
    order by destinations.destination, destinations.channel,
        coalesce(destinations.scope, ''), reasons.reason desc
"""


def stopped_receipts(warehouse: Warehouse) -> Mapping[str, Sequence[str]]:
    """By destination, a sentence per enabled row that also stops what is no marketing.

    Raises WarehouseMissing where an earlier version seeded the rows, without their `messages`.
    """
    reasons: dict[tuple[str, str, str], list[str]] = {}
    for row in warehouse.rows(ROWS):
        if "messages" not in row:
            raise WarehouseMissing(
                "The table destinations was seeded by an earlier version and has no column "
                "`messages`: run `dbt seed --full-refresh --select destinations`, then retry."
            )
        if row["messages"] == "all":
            key = (row["destination"], row["channel"], row["scope"] or "")
            reasons.setdefault(key, []).append(row["reason"])
    found: dict[str, list[str]] = {}
    for key, taken in reasons.items():
        rows = " and ".join(f"`{','.join((*key, reason))}`" for reason in taken)
        found.setdefault(key[0], []).append(
            f"{' '.join(key).strip()}: {' and '.join(taken)} stop{'s' * (len(taken) == 1)} receipts"
            f" and password resets too; to keep those, use a list for marketing only, or take"
            f" {rows} out of seeds/destination_reasons.csv."
        )
    return found
