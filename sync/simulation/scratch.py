"""A warehouse for a simulation: nothing that is built there touches the real one."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import yaml

from sync.errors import WarehouseMissing
from sync.profile import Target, profile_with
from sync.warehouse import open_warehouse
from sync.warehouse.base import Warehouse


@dataclass(frozen=True, slots=True)
class Scratch:
    """Where the simulation builds. profiles: the folder of its profiles.yml."""

    warehouse: Warehouse
    target: Target
    profiles: Path
    #: dbt's variables there.
    variables: dict[str, bool]


@contextmanager
def scratch(
    target: Target, folder: Path, *, profiles_dir: Path | None, project: Path, wait: timedelta
) -> Iterator[Scratch]:
    """A copy of DuckDB's file, or a new dataset of BigQuery; both are gone afterwards.

    wait: for a program that has DuckDB's file open. Raises WarehouseMissing where nothing was built
    yet, and what the warehouse raises.
    """
    if target.engine == "duckdb":
        place = {"path": str(_copied(target, folder, wait))}
        with _profile(target, place, folder, profiles_dir, project) as made:
            yield made
        return
    place = {"dataset": f"{target.schema}_simulated_{secrets.token_hex(4)}"}
    from sync.warehouse.bigquery import short_lived_dataset

    with (
        _profile(target, place, folder, profiles_dir, project) as made,
        short_lived_dataset(made.target),
    ):
        # Beside the models, which have a dataset of their own, it keeps its own records.
        yield replace(made, variables={"is_simulation": True})


def _copied(target: Target, folder: Path, wait: timedelta) -> Path:
    from sync.warehouse.published import copy_database

    (database, *_) = open_warehouse(target, read_only=True).local_files()
    if not database.is_file():
        raise WarehouseMissing(f"There is no DuckDB file at {database}. Run `dbt build` first.")
    # Of the same name: views name their database by that.
    copy = folder / database.name
    copy_database(database, copy, (wait.total_seconds(), wait.total_seconds()))
    return copy


@contextmanager
def _profile(
    target: Target,
    place: dict[str, str],
    folder: Path,
    profiles_dir: Path | None,
    project: Path,
) -> Iterator[Scratch]:
    """place: settings in place of the target's own; all others stay as profiles.yml has them."""
    path = folder / "profiles.yml"
    changed = profile_with(place, target=target.name, profiles_dir=profiles_dir, project=project)
    path.write_text(yaml.safe_dump(changed, sort_keys=False), encoding="utf-8")
    settings = {**target.settings, **place}
    there = replace(target, schema=place.get("dataset", target.schema), settings=settings)
    yield Scratch(open_warehouse(there, read_only=False), there, folder, {})
