"""Where the models and the ledger are."""

from __future__ import annotations

from sync.errors import ProfileError
from sync.profile import Target
from sync.warehouse.base import Warehouse


def open_warehouse(target: Target, *, read_only: bool) -> Warehouse:
    """The warehouse of a dbt target; engines are imported only when used.

    read_only: nothing will be written, so other readers may have the database open too.
    """
    if target.engine == "duckdb":
        from sync.warehouse.duckdb import DuckDbWarehouse

        return DuckDbWarehouse.from_target(target, read_only=read_only)
    raise ProfileError(
        f"Target {target.name!r} is of type {target.engine!r}; contact-sync reads duckdb targets. "
        "Choose one with --target."
    )
