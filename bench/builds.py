"""Builds the dbt project in processes of their own and reads what each model took."""

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from bench.landing import AS_OF
from bench.process import Run, run
from bench.settings import PROJECT, Settings

_OURS: Final = ("CONTACT_SYNC_", "DBT_")
_DBT: Final = (sys.executable, "-c", "from dbt.cli.main import cli; cli()")

FULL: Final = ("build", "--exclude-resource-type", "test", "unit_test")
"""Everything but the tests."""
FREQUENT: Final = ("build", "--selector", "frequent")
"""What the five-minute schedule runs, data tests included; their time is told apart."""
EVERYTHING: Final = ("build", "--exclude-resource-type", "unit_test")
"""What the weekly schedule runs."""


@dataclass(frozen=True, slots=True)
class Build:
    """What one dbt command took."""

    run: Run
    models: dict[str, float]
    """Seconds of each model, as dbt tells them in run_results.json."""
    snapshot_seconds: float
    test_seconds: float
    tests: int

    @property
    def model_seconds(self) -> float:
        """The sum over all models: the figure that the goals are about."""
        return sum(self.models.values())


class Builder:
    """The project's builds, in the work directory and nowhere else."""

    def __init__(self, settings: Settings, landing: Path, target: str = "target") -> None:
        self._settings = settings
        self._landing = landing
        self._directory = settings.directory
        # dbt parses anew where the place of the database is another than that of the last run.
        self.target = self._directory / target

    def database(self, name: str) -> Path:
        """Where the database of that name lies: all have one file name, as compiled SQL has."""
        return self._directory / "databases" / name / "contact_sync.duckdb"

    def remove(self, name: str) -> None:
        """Deletes that database."""
        shutil.rmtree(self.database(name).parent, ignore_errors=True)

    def copy(self, name: str, to: str) -> None:
        """Makes the database `to` a copy of `name`."""
        self.remove(to)
        self.database(to).parent.mkdir(parents=True)
        shutil.copyfile(self.database(name), self.database(to))

    def build(self, name: str, command: tuple[str, ...], memory_limit: str | None = None) -> Build:
        """Runs a dbt command on the database of that name.

        Raises CommandFailed where a model or a test fails.
        """
        results = self.target / "run_results.json"
        results.unlink(missing_ok=True)
        done = self.command(name, command, memory_limit)
        return _read_results(json.loads(results.read_text(encoding="utf-8")), done)

    def command(self, name: str, command: tuple[str, ...], memory_limit: str | None = None) -> Run:
        """What a dbt command cost. Raises CommandFailed where it fails."""
        self.database(name).parent.mkdir(parents=True, exist_ok=True)
        profiles = self._write_profile(memory_limit)
        arguments = (*_DBT, "--quiet", *command, "--vars", json.dumps({"as_of": AS_OF.isoformat()}))
        log = self._directory / "logs" / f"{name}.log"
        return run(arguments, log, self._environment(name, profiles))

    def compiled(self, model: str) -> str:
        """A model's SQL as the last build ran it; of an incremental one, that build's branch."""
        (path,) = (self.target / "compiled").rglob(f"{model}.sql")
        return path.read_text(encoding="utf-8")

    def environment(self, name: str) -> dict[str, str]:
        """The variables with which dbt and contact-sync work on the database of that name."""
        return self._environment(name, self._write_profile(None))

    def _write_profile(self, memory_limit: str | None) -> Path:
        """profiles.example.yml with the threads of this run and perhaps a memory limit."""
        profile: dict[str, Any] = yaml.safe_load(
            (PROJECT / "profiles.example.yml").read_text(encoding="utf-8")
        )
        output = profile["contact_sync"]["outputs"]["duckdb"]
        output["threads"] = self._settings.threads
        if memory_limit:
            output["settings"]["memory_limit"] = memory_limit
        directory = self._directory / "profiles" / ("limited" if memory_limit else "plain")
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "profiles.yml").write_text(yaml.safe_dump(profile), encoding="utf-8")
        return directory

    def _environment(self, name: str, profiles: Path) -> dict[str, str]:
        kept = {key: text for key, text in os.environ.items() if not key.startswith(_OURS)}
        return kept | {
            "CONTACT_SYNC_LANDING": str(self._landing),
            "CONTACT_SYNC_DUCKDB": str(self.database(name)),
            "CONTACT_SYNC_TARGET": "duckdb",
            "DBT_PROFILES_DIR": str(profiles),
            "DBT_PROJECT_DIR": str(PROJECT),
            "DBT_TARGET_PATH": str(self.target),
            "DBT_LOG_PATH": str(self._directory / "logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
        }


def _read_results(results: dict[str, Any], done: Run) -> Build:
    models: dict[str, float] = {}
    others = {"snapshot": 0.0, "test": 0.0}
    tests = 0
    for result in results["results"]:
        kind, *_, name = result["unique_id"].split(".")
        if kind == "model":
            models[name] = result["execution_time"]
        elif kind in others:
            others[kind] += result["execution_time"]
            tests += kind == "test"
    return Build(done, models, others["snapshot"], others["test"], tests)
