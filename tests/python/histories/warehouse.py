"""A database of its own, built by the real models: landing files, and dbt in this process."""

from __future__ import annotations

import copy
import itertools
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import chdir, contextmanager, redirect_stdout
from datetime import datetime
from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from tests.python.conftest import ROOT, new_built_warehouse, opened, parsed_once, seeds_of
from tests.python.dbt_once import silence
from tests.python.spent import spending

from .oracle import Table
from .payloads import Line

Marts = tuple[Table, Table]
# When a build wrote the row: no part of the state.
BUILD_TIMES = ("computed_at",)
# Exit code of a build that was killed.
KILLED = 137
MARTS = {"suppression_list": ("channel", "address"), "contact_profiles": ("contact_id",)}


class Warehouse:
    """A DuckDB file and landing directory under `home`, built by the dbt project at `project`.

    Nothing has landed; without vars its tables and views are there, and empty.
    """

    def __init__(self, home: Path, project: Path = ROOT, **dbt_vars: Any) -> None:
        self.home = home
        self.landing = home / "landing"
        self.landing.mkdir(parents=True)
        self._database = home / "warehouse.duckdb"
        self._project = project
        self._vars = dbt_vars
        self._landed = 0
        self.builds = 0
        #: Views depend on the code and the vars alone: without vars they are there from the start.
        self._has_views = not dbt_vars
        if self._has_views:
            new_built_warehouse(home)
        shutil.copy(project / "profiles.example.yml", home / "profiles.yml")

    def copied(self, home: Path) -> Warehouse:
        """Another one with all that landed here and was built of it."""
        shutil.copytree(self.home, home)
        other = copy.copy(self)
        other.home, other.landing = home, home / "landing"
        other._database = home / self._database.name
        return other

    def land(self, lines: Iterable[Line]) -> None:
        """Write lines: half into new files, half into files that grow; their folder's day says
        nothing.
        """
        self._landed += 1
        files: dict[Path, list[str]] = {}
        for number, line in enumerate(lines):
            name, day = (f"{self._landed:02d}.ndjson", 1) if number % 2 else ("growing.ndjson", 2)
            folder = self.landing / line.table
            if line.source:
                folder = folder / f"source={line.source}" / f"date=2026-03-0{day}"
            files.setdefault(folder / name, []).append(json.dumps(line.row))
        for path, rows in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.writelines(row + "\n" for row in rows)

    def build(self, as_of: datetime, *selection: str) -> None:
        """Build everything, or a selection (as dbt takes it); tests left out.

        Raises AssertionError with dbt's message if that fails.
        """
        parsed = parsed_once(self.home)
        with (
            self._environment(),
            chdir(self.home),
            spending("dbt"),
            silence(is_silent=True),
            seeds_of(self._project, parsed) as manifest,
        ):
            runner = dbtRunner(manifest=manifest)
            if not self.builds:
                self._invoke(runner, ["seed"], as_of)
            if self._has_views:
                selection += ("--exclude", "config.materialized:view")
            # run, not build: everything but tests, which `make test` runs elsewhere.
            self._invoke(runner, ["run", *selection], as_of)
        self.builds += 1
        self._has_views = True

    def build_killed(self, as_of: datetime, statement: int, *selection: str) -> bool:
        """The same in a process that dies before its n-th statement; whether it did.

        As after `kill -9`: nothing is rolled back, and nothing that would run at the end runs.
        """
        child = os.fork()
        if child == 0:
            _die_before(statement)
            with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
                self.build(as_of, *selection)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED

    def _invoke(self, runner: dbtRunner, command: list[str], as_of: datetime) -> Any:
        variables = {"as_of": as_of.isoformat(sep=" "), **self._vars}
        result = runner.invoke(
            [
                *("--quiet", "--no-write-json", "--log-level", "none", "--log-level-file", "none"),
                *command,
                *(
                    "--project-dir",
                    str(self._project),
                    "--profiles-dir",
                    str(self.home),
                    "--target",
                    "duckdb",
                ),
                *(
                    "--target-path",
                    str(self.home / "target"),
                    "--log-path",
                    str(self.home / "logs"),
                ),
                *("--vars", json.dumps(variables)),
            ]
        )
        if not result.success:
            raise AssertionError(
                f"dbt {command[0]} failed: {result.exception or _failures(result.result)}"
            )
        return result.result

    @contextmanager
    def _environment(self) -> Iterator[None]:
        """dbt reads these from the environment; another warehouse of this process has its own."""
        ours = {
            # Relative, as in the database that all warehouses of tests begin with.
            "CONTACT_SYNC_LANDING": self.landing.name,
            "CONTACT_SYNC_DUCKDB": self._database.name,
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
        }
        before = {name: os.environ.get(name) for name in ours}
        os.environ.update(ours)
        try:
            yield
        finally:
            # What dbt opened stays open otherwise, and locks the file against us.
            DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows of a query, as dicts."""
        with chdir(self.home), opened(self._database) as connection:
            cursor = connection.execute(sql)
            columns = [column[0] for column in cursor.description or ()]
            return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]

    def marts(self) -> Marts:
        """suppression_list and contact_profiles."""
        return self.mart("suppression_list"), self.mart("contact_profiles")

    def mart(self, name: str) -> Table:
        """All rows of a mart, by the oracle's key; what each build stamps is left out."""
        rows = self.query(f"select * from main.{name}")
        return {
            "|".join(str(row[column]) for column in MARTS[name]): {
                column: value for column, value in row.items() if column not in BUILD_TIMES
            }
            for row in rows
        }


def _die_before(statement: int) -> None:
    ask = DuckDBConnectionManager.add_query
    count = itertools.count(1)

    def add_query(*arguments: Any, **options: Any) -> Any:
        if next(count) >= statement:
            os._exit(KILLED)
        return ask(*arguments, **options)

    DuckDBConnectionManager.add_query = add_query  # type: ignore[method-assign]


def _failures(result: Any) -> str:
    failed = [each for each in result.results if each.status not in ("success", "pass")]
    return "\n".join(f"{each.node.name}: {each.message}" for each in failed)
