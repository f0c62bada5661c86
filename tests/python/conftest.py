"""A real dbt project over its own landing directory and DuckDB file, for tests of the models."""

from __future__ import annotations

import atexit
import csv
import fcntl
import gc
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pytest
from dbt.artifacts.resources.base import FileHash
from dbt.cli.main import dbtRunner
from dbt.constants import MAXIMUM_SEED_SIZE
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.nodes import SeedNode
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

from tests.python.dbt_once import silence
from tests.python.spent import spending

pytest_plugins = ["tests.python.spent"]

ROOT = Path(__file__).parents[2]


#: Files that take longest, longest first: a worker that got one of them last would end alone.
LONGEST = (
    "sync/test_real_models.py", "bigquery/test_unit_tests.py", "bigquery/test_builds.py",
    "models/test_builds.py", "sync/test_contract_runs.py", "sync/test_forget.py",
    "models/test_dbt.py", "models/test_built_code.py", "histories/test_order_independence.py",
    "sync/test_guard.py", "run/test_run.py", "models/test_interrupted.py", "sync/test_explain.py",
    "bigquery/test_semantics.py", "sync/test_cli_push.py", "demo/test_demo.py",
    "sync/test_crash.py", "sync/test_build.py", "histories/test_returns.py",
    "sync/test_backfill.py", "sync/test_bigquery.py", "sync/test_lists.py",
    "sync/test_every_destination.py", "sync/test_restored.py", "sync/test_bigquery_outage.py",
    "run/test_run_bigquery.py", "bigquery/test_types.py", "bigquery/test_partitions.py",
    "sync/test_acts.py", "models/test_upgrade.py", "histories/test_monotonic.py",
    "sync/test_published.py", "sync/test_simulate.py",
)  # fmt: skip


#: Files that use what one worker makes once: BigQuery's project as the analyzer reads it, and all
#: of it built on one emulator. Every other file is a group of its own.
GROUPS = {
    "bigquery analyzed": (
        "bigquery/test_unit_tests.py", "bigquery/test_semantics.py", "bigquery/test_types.py",
        "bigquery/test_partitions.py", "bigquery/test_limits.py", "bigquery/test_upgrade.py",
    ),
    "bigquery built": (
        "sync/test_real_models.py", "sync/test_forget.py", "sync/test_explain.py",
        "sync/test_lists.py", "sync/test_restored.py", "sync/test_backfill.py",
        "run/test_run_bigquery.py", "sync/test_simulate.py",
    ),
}  # fmt: skip


#: In the environment of all workers of a run: the folder of what they make once for all.
SHARED = "CONTACT_SYNC_TESTS_SHARED"


def pytest_configure() -> None:
    """Gives the workers, which inherit it, a folder to share."""
    if SHARED not in os.environ:
        directory = tempfile.TemporaryDirectory(prefix="contact-sync-shared-")
        atexit.register(directory.cleanup)
        os.environ[SHARED] = directory.name


def pytest_unconfigure() -> None:
    """Lets go of what was frozen, or extensions complain at the end of what they hold."""
    gc.unfreeze()


@contextmanager
def shared(name: str) -> Iterator[Path]:
    """A file that the first worker to come here makes, while the others wait."""
    path = Path(os.environ[SHARED]) / name
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files first."""
    place = {ROOT / "tests" / "python" / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(LONGEST)))


class _Groups(LoadFileScheduling):  # type: ignore[misc]
    """One worker runs all files of a group."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        for group, names in GROUPS.items():
            if file.removeprefix("tests/python/") in names:
                return group
        return file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """Of the workers of `make test`."""
    return _Groups(config, log)


@dataclass
class Warehouse:
    """One landing directory and one DuckDB file that dbt builds."""

    directory: Path
    deliveries: int = 0
    variables: dict[str, Any] = field(default_factory=dict)
    project: Path = ROOT
    #: What the views and seeds that stand were made from, where known.
    made_from: str | None = None
    adapter: ClassVar[str] = "duckdb"
    #: What dbt prints; each line that it does not print is time saved.
    log_level: str = "none"

    @property
    def landing(self) -> Path:
        return self.directory / "landing"

    @property
    def database(self) -> Path:
        return self.directory / "warehouse.duckdb"

    @property
    def environment(self) -> dict[str, str]:
        """What the example profile reads. Relative names: all warehouses have one profile, and dbt
        parses the project once.
        """
        return {"CONTACT_SYNC_LANDING": "landing", "CONTACT_SYNC_DUCKDB": self.database.name}

    def land(
        self,
        source: str,
        payload: Any,
        *,
        received_at: str = "2026-05-02T08:00:00Z",
        delivery_id: str | None = None,
        file: str | None = None,
    ) -> str:
        """Land one delivery (text as it is, anything else as JSON); its delivery_id is returned."""
        self.deliveries += 1
        identity = delivery_id or f"delivery-{self.deliveries}"
        body = payload if isinstance(payload, str) else json.dumps(payload)
        line = {"delivery_id": identity, "received_at": received_at, "payload": body}
        folder = f"webhook_deliveries/source={source}/date={received_at[:10]}"
        self.append(folder, json.dumps(line), file)
        return identity

    def append(self, folder: str, line: str, file: str | None = None) -> None:
        """Append one line to a landing file; by default a file of its own."""
        path = self.landing / folder / (file or f"{self.deliveries:06d}.ndjson")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as out:
            out.write(line + "\n")

    def land_rows(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        """Land rows of email_sends, email_opens or contacts."""
        self.deliveries += 1
        for row in rows:
            self.append(table, json.dumps(row))

    @property
    def profiles(self) -> Path:
        """The folder of profiles.yml, the example's."""
        folder = self.directory / "profiles"
        if not folder.exists():
            folder.mkdir(parents=True)
            example = (ROOT / "profiles.example.yml").read_text(encoding="utf-8")
            # So few rows are one thread's: more would only wake each other.
            (folder / "profiles.yml").write_text(
                example.replace("settings:\n", "settings:\n        threads: 1\n", 1)
            )
        return folder

    def dbt(self, *arguments: str, project: Path | None = None, **variables: Any) -> Any:
        """Run dbt in this process; the result is returned whether it succeeded or not."""
        project = project or self.project
        options = self._options(project, {**self.variables, **variables})
        parsed = self.manifest(project)
        with (
            _environment(self.environment),
            chdir(self.directory),
            spending("dbt"),
            silence(is_silent=self.log_level == "none"),
        ):
            try:
                with seeds_of(project, parsed) as manifest:
                    return _invoke(dbtRunner(manifest=manifest), *arguments, **options)
            finally:
                _close_connections()

    def manifest(self, project: Path | None = None) -> Manifest:
        """What dbt reads of the project: once in this process, as it depends on no variables."""
        project = project or self.project
        target = _target(project, self.adapter)
        if target not in _manifests:
            if target == _target(ROOT, "duckdb"):
                with shared("partial_parse.msgpack") as known:
                    if known.exists():
                        target.mkdir(exist_ok=True)
                        shutil.copy(known, target)
                    _manifests[target] = self._parsed(project)
                    shutil.copy(target / known.name, known)
            else:
                _manifests[target] = self._parsed(project)
            # It lives as long as this process: no later collection has to walk through it.
            gc.collect()
            gc.freeze()
        return _manifests[target]

    def _parsed(self, project: Path) -> Manifest:
        with _environment(self.environment), chdir(self.directory), spending("dbt"):
            parsed = _invoke(dbtRunner(), "parse", **self._options(project, {}))
        assert parsed.success, parsed.exception
        manifest: Manifest = parsed.result
        return manifest

    def _options(self, project: Path, variables: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "project-dir": project,
            "profiles-dir": self.profiles,
            "target-path": _target(project, self.adapter),
            "log-path": self.directory / "logs",
            "log-level": self.log_level,
            "log-level-file": "none",
            "vars": json.dumps(variables),
        }

    def build(self, *arguments: str, project: Path | None = None, **variables: Any) -> None:
        """`dbt build` without unit tests; fails with what dbt says."""
        # Exposures do nothing, and each is a step.
        types: tuple[str, ...] = ("unit_test", "exposure") if "--selector" not in arguments else ()
        is_whole = set(arguments) <= {"--full-refresh"}
        made_from = self._made_from(project or self.project, variables) if is_whole else None
        stands = made_from is not None and made_from == self.made_from
        if stands:
            # What stands is what this would make again: tables, and tests of the rows, are enough.
            types += ("seed",)
            generic = ("test_type:generic",) if made_from in _tests_of_rows else ()
            left_out = ("config.materialized:view", *generic)
            arguments += ("--exclude", *left_out, "--indirect-selection", "empty")
        elif made_from is not None and _views_of(made_from) == _views_of(self.made_from):
            arguments += ("--exclude", "config.materialized:view", "--indirect-selection", "empty")
        resources = ("--exclude-resource-type", *types) if types else ()
        result = self.dbt("build", *arguments, *resources, project=project, **variables)
        nodes = getattr(result.result, "results", [])
        problems = [
            f"{node.node.name}: {node.status}: {node.message}"
            for node in nodes
            if node.status in {"error", "fail", "runtime error"}
        ]
        assert result.success, "\n".join(problems) or str(result.exception)
        if stands:
            self._test_rows(made_from)
        elif made_from and self.adapter == "duckdb":
            _tests_of_rows[made_from] = {
                node.node.name: node.node.compiled_code
                for node in nodes
                if node.node.resource_type == "test" and hasattr(node.node, "test_metadata")
            }
        self.made_from = made_from or self.made_from

    def _test_rows(self, made_from: str | None) -> None:
        """The data tests of single models, without dbt, which takes longer to run one than the
        query does: their text depends on the project alone.
        """
        tests = _tests_of_rows.get(made_from or "")
        if tests is not None:
            assert tests, "dbt told of no data test"
            with chdir(self.directory), opened(self.database) as connection:
                found = {name: connection.execute(sql).fetchall() for name, sql in tests.items()}
            assert {name: rows for name, rows in found.items() if rows} == {}

    def _made_from(self, project: Path, variables: Mapping[str, Any]) -> str:
        """What views and seeds depend on, beside the code."""
        paths = sorted(project.glob("seeds/*.csv"))
        seeds = {path.stem: path.read_text(encoding="utf-8") for path in paths}
        settings = {**self.variables, **variables}
        settings.pop("as_of", None)
        return json.dumps([self.adapter, seeds, settings], sort_keys=True)

    def run(self, *selected: str, **variables: Any) -> None:
        """`dbt run` of seeds and models so named: a part of a build, without its tests."""
        self.dbt("seed", **variables)
        result = self.dbt("run", "--select", *selected, **variables)
        assert result.success, result.exception

    def compiled(self, model: str, project: Path = ROOT) -> str:
        """The SQL of a model as the last run in this process compiled it."""
        found = _target(project, self.adapter).glob(f"compiled/contact_sync/models/**/{model}.sql")
        (path,) = (path for path in found if path.parent.suffix != ".yml")
        return path.read_text()

    def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        """The rows of a query, as dictionaries."""
        with chdir(self.directory), opened(self.database) as connection:
            cursor = connection.execute(query, list(parameters))
            names = [column[0] for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def values(self, query: str, *parameters: Any) -> list[Any]:
        """The first column of a query."""
        return [next(iter(row.values())) for row in self.rows(query, *parameters)]


@cache
def _instance() -> duckdb.DuckDBPyConnection:
    """The one instance of DuckDB of this process: to start one costs as much as many statements."""
    connection = duckdb.connect()
    # Files of two warehouses have the same relative names.
    connection.execute("set enable_external_file_cache = false")
    return connection


@contextmanager
def opened(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a DuckDB file, which nobody holds afterwards."""
    with _instance().cursor() as connection:
        connection.execute(f"attach '{database}' as \"{database.stem}\"")
        try:
            connection.execute(f'use "{database.stem}"')
            yield connection
        finally:
            connection.execute("use memory")
            connection.execute(f'detach "{database.stem}"')


def _views_of(made_from: str | None) -> Any:
    """What views were made from: of the seeds those alone whose rows are in the text of views."""
    if made_from is None:
        return None
    adapter, seeds, settings = json.loads(made_from)
    return adapter, [seeds[name] for name in ("phone_countries", "trait_names")], settings


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@cache
def _targets() -> Path:
    directory = tempfile.TemporaryDirectory(prefix="contact-sync-target-")
    atexit.register(directory.cleanup)
    return Path(directory.name)


def _target(project: Path, adapter: str) -> Path:
    """Where this process keeps what dbt makes of a project's code for an adapter."""
    is_ours = (project / "macros").is_symlink() and adapter == "duckdb"
    return _targets() / f"{abs(hash(ROOT if is_ours else project))}-{adapter}"


def project_with_seeds(directory: Path, seeds: Mapping[str, str] | None = None) -> Path:
    """The dbt project in a directory: our own code, and seeds of its own (file name: text)."""
    directory.mkdir(parents=True, exist_ok=True)
    for part in ("models", "macros", "snapshots", "tests", "dbt_project.yml", "selectors.yml"):
        (directory / part).symlink_to(ROOT / part)
    shutil.copy(ROOT / "profiles.example.yml", directory)
    shutil.copytree(ROOT / "seeds", directory / "seeds")
    for name, text in (seeds or {}).items():
        assert (directory / "seeds" / name).exists(), f"no seed {name}"
        (directory / "seeds" / name).write_text(text, encoding="utf-8")
    return directory


def every_row_enabled() -> str:
    """seeds/destinations.csv with every row enabled."""
    path = ROOT / "seeds" / "destinations.csv"
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows({**row, "enabled": "true"} for row in rows)
    return text.getvalue()


def parsed_once(directory: Path) -> Manifest:
    """What dbt parsed of our own code: it depends neither on the warehouse nor on the seeds."""
    return Warehouse(directory).manifest()


@contextmanager
def seeds_of(project: Path, manifest: Manifest) -> Iterator[Manifest]:
    """The manifest of our own code, with the seeds of another project: dbt parses once for both."""
    seeds = [node for node in manifest.nodes.values() if isinstance(node, SeedNode)]
    before = [(seed.root_path, seed.checksum) for seed in seeds]
    try:
        for seed in seeds:
            seed.root_path = str(project)
            path = project / seed.original_file_path
            is_large = path.stat().st_size > MAXIMUM_SEED_SIZE
            seed.checksum = (
                FileHash.path(seed.original_file_path)
                if is_large
                else FileHash.from_contents(path.read_text(encoding="utf-8").strip())
            )
            # What `graph` shows to macros.
            manifest.flat_graph["nodes"][seed.unique_id]["checksum"] = seed.checksum.to_dict()
        yield manifest
    finally:
        for seed, (root_path, checksum) in zip(seeds, before, strict=True):
            seed.root_path, seed.checksum = root_path, checksum


#: Queries of the data tests of single models, by what the project was made from.
_tests_of_rows: dict[str, dict[str, str]] = {}

#: What dbt parsed, by target directory: it depends neither on variables nor on the warehouse.
_manifests: dict[Path, Manifest] = {}


def _invoke(runner: dbtRunner, *arguments: str, **options: object) -> Any:
    named = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    return runner.invoke(["--no-write-json", *arguments, *named])


def _close_connections() -> None:
    """Let go of the database file: dbt-duckdb keeps it open for the life of the process."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    close: Callable[[], None] = DuckDBConnectionManager.close_all_connections
    close()


@cache
def _template() -> Warehouse:
    """A database in which everything was built once, when nothing had landed."""
    with shared("template.json") as known:
        warehouse = Warehouse(known.parent / "template")
        if known.exists():
            warehouse.made_from, tests = json.loads(known.read_text())
            _tests_of_rows[warehouse.made_from] = tests
        else:
            warehouse.build()
            warehouse.rows("delete from raw.builds")
            warehouse.rows("delete from raw.watermarks")
            assert warehouse.made_from
            known.write_text(json.dumps([warehouse.made_from, _tests_of_rows[warehouse.made_from]]))
    return warehouse


def new_built_warehouse(directory: Path) -> Warehouse:
    """A warehouse whose tables are there, and empty: a first build of it is cheap."""
    warehouse = Warehouse(directory)
    template = _template()
    shutil.copy(template.database, warehouse.database)
    warehouse.made_from = template.made_from
    return warehouse


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """A warehouse of one test, in which nothing has landed yet; its tables are there."""
    return new_built_warehouse(tmp_path)


@pytest.fixture
def fresh_warehouse(tmp_path: Path) -> Warehouse:
    """A warehouse of one test, without a database."""
    return Warehouse(tmp_path)


@pytest.fixture(scope="module")
def new_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Warehouse]:
    """Makes warehouses that the tests of a module share."""
    return lambda: Warehouse(tmp_path_factory.mktemp("warehouse"))


@pytest.fixture(scope="session")
def bigquery_endpoint() -> Iterator[str]:
    """One emulator of BigQuery per test process."""
    from tests.python.bigquery.emulator import emulator

    with emulator() as endpoint:
        yield endpoint


def instant(text: str) -> datetime:
    """ISO text as naive UTC, the way DuckDB gives timestamps back."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
