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


def open_to_read(target: Target, *, wait: timedelta = WAIT, may_be_older: bool) -> Warehouse:
    """The warehouse for a command that only looks: of DuckDB the current copy, if any.

    may_be_older: where a build has the file open, the copy of the build before, and a warning says
    so; else it waits. Raises as `open_warehouse`.
    """
    warehouse = open_warehouse(target, read_only=True, wait=wait)
    if target.engine == "duckdb":
        from sync.warehouse.duckdb import DuckDbWarehouse
        from sync.warehouse.published import for_readers

        assert isinstance(warehouse, DuckDbWarehouse)
        return for_readers(warehouse, may_be_older=may_be_older)
    return warehouse
