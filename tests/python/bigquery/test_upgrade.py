"""The tables of `raw` of an earlier version: a first run gives them their new names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tests.python.bigquery.warehouse import BigQueryWarehouse

AS_BEFORE = (
    "drop table raw.landing_loaded",
    "drop table raw.landing_files",
    "create table raw.landing_files"
    " (invocation_id string, landing_part string, landing_print string, noted_at timestamp)",
    "create table raw.landing_taken"
    " (relation string, landing_part string, landing_print string, taken_at timestamp)",
    "insert into raw.landing_taken values"
    " ('relation', 'webhook_deliveries/20260502', '1@2', timestamp '2026-05-02 08:00:00')",
)


def test_what_was_loaded_stays_on_record(new_bigquery: Callable[[], BigQueryWarehouse]) -> None:
    warehouse = new_bigquery()
    warehouse.prepare()
    for statement in AS_BEFORE:
        warehouse.client.query_and_wait(statement)
    run = warehouse.dbt("run-operation", "prepare_raw")
    assert run.success, run.exception
    assert warehouse.rows("select * from raw.landing_loaded") == [
        {
            "relation": "relation",
            "landing_part": "webhook_deliveries/20260502",
            "fingerprint": "1@2",
            "loaded_at": datetime(2026, 5, 2, 8),
        }
    ]
    tables = {table.table_id for table in warehouse.client.list_tables("raw")}
    assert ("landing_files" in tables, "landing_taken" in tables) == (True, False)
