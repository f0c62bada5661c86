"""Where the models and the ledger are."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sync.errors import ProfileError
from sync.extras import needs
from sync.profile import Target
from sync.warehouse.base import Warehouse

#: How long a command waits for a program that has DuckDB's file open.
WAIT: Final = timedelta(seconds=30)


def open_warehouse(target: Target, *, read_only: bool, wait: timedelta = WAIT) -> Warehouse:
    """The warehouse of a dbt target; engines are imported only when used.

    read_only: nothing will be written, so other readers may have the database open too.
    wait: for another process that has it open.
    """
    if target.engine == "duckdb":
        from sync.warehouse.duckdb import DuckDbWarehouse

        return DuckDbWarehouse.from_target(target, read_only=read_only, wait=wait)
    if target.engine == "bigquery":
        with needs(f"Target {target.name!r} is on BigQuery, which", "bigquery"):
            from sync.warehouse.bigquery import BigQueryWarehouse

        return BigQueryWarehouse.from_target(target)
    raise ProfileError(
        f"Target {target.name!r} is of type {target.engine!r}; contact-sync works on duckdb and "
        "bigquery. Choose one with --target."
    )
