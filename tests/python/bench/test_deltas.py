"""The bench's two ways to the same deltas: the view over the compact ledger, and a bare query."""

from __future__ import annotations

import duckdb

from bench.deltas import count_different
from bench.stock import fill
from tests.python.conftest import Warehouse

ROWS, NEW = 4_000, 30
PEOPLE = ROWS // 20
SELECTED = ("--select", "int_ledger_latest", "int_deltas_changed", "int_deltas", "sync_deltas")


def differences(warehouse: Warehouse) -> tuple[int, int]:
    with duckdb.connect(str(warehouse.database)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        return count_different(connection)


def test_the_view_finds_what_a_query_of_the_whole_ledger_finds(warehouse: Warehouse) -> None:
    warehouse.build()
    with duckdb.connect(str(warehouse.database)) as connection:
        counts = fill(connection, ROWS, NEW)
    released = PEOPLE // 100
    assert counts == {"raw.sync_ledger": ROWS, "main.suppression_list": PEOPLE + NEW - released}
    warehouse.build(*SELECTED)
    assert differences(warehouse) == (NEW + released, 0)
    warehouse.rows(
        """
        insert into raw.sync_ledger by name
        select
            'run' as run_id, delta_id, destination, channel, scope, address, action, reason,
            event_id, 'confirmed' as outcome, 1 as attempts, now() at time zone 'UTC' as pushed_at
        from sync_deltas where destination = 'sendgrid' limit 10
        """
    )
    assert differences(warehouse) == (NEW + released - 10, 0)
    warehouse.build(*SELECTED)
    assert differences(warehouse) == (NEW + released - 10, 0)
