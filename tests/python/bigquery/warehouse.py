"""A real dbt project over datasets of an emulator; it is used as conftest.Warehouse is."""

from __future__ import annotations

import atexit
import io
import json
import tempfile
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any, ClassVar

import yaml
from dbt.contracts.graph.nodes import SeedNode
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from tests.python.conftest import ROOT, Warehouse

#: What the project is made of; the copy for the emulator links to it.
PARTS = ("macros", "models", "seeds", "snapshots", "tests", "selectors.yml")
#: Raw tables that say what the project was made of.
OF_THE_CODE = {"built_code", "rule_changes"}
RAW_TABLES = ("webhook_deliveries", "email_sends", "email_opens", "contacts")


@cache
def emulator_project(*macros: Path) -> Path:
    """The dbt project with macros more: for what the emulator cannot run, and in these folders."""
    directory = tempfile.TemporaryDirectory(prefix="contact-sync-project-")
    atexit.register(directory.cleanup)
    project = Path(directory.name)
    for part in PARTS:
        (project / part).symlink_to(ROOT / part)
    settings = yaml.safe_load((ROOT / "dbt_project.yml").read_text())
    settings["macro-paths"] += [str(Path(__file__).parent / "macros"), *map(str, macros)]
    (project / "dbt_project.yml").write_text(yaml.safe_dump(settings, sort_keys=False))
    return project


@dataclass
class BigQueryWarehouse(Warehouse):
    """Datasets `raw` and `marts` of an emulator, that dbt builds; a new warehouse empties them."""

    endpoint: str = ""
    project: Path = field(default_factory=emulator_project)
    #: One for all, so that dbt parses once: a new warehouse empties the emulator of the last one's.
    project_id: str = "test-000000000000"
    adapter: ClassVar[str] = "bigquery"
    #: How many characters of each landing file are in BigQuery.
    loaded: dict[Path, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for dataset in ("raw", "marts"):
            self.client.delete_dataset(dataset, delete_contents=True, not_found_ok=True)
        _last[self.endpoint] = self

    def empty(self) -> None:
        """Takes the rows out of all tables but those of the project's code and seeds."""
        nodes = self.manifest().nodes.values()
        kept = OF_THE_CODE | {node.name for node in nodes if isinstance(node, SeedNode)}
        for dataset in ("raw", "marts"):
            for table in self.client.list_tables(dataset):
                if table.table_type == "TABLE" and table.table_id not in kept:
                    self.client.query_and_wait(f"delete from {dataset}.{table.table_id} where true")

    @property
    def environment(self) -> dict[str, str]:
        """What the example profile reads."""
        return {
            "CONTACT_SYNC_TARGET": "bigquery",
            "CONTACT_SYNC_BIGQUERY_API_ENDPOINT": self.endpoint,
            "CONTACT_SYNC_BIGQUERY_METHOD": "oauth-secrets",
            "CONTACT_SYNC_BIGQUERY_TOKEN": "emulator",
            "CONTACT_SYNC_BIGQUERY_PROJECT": self.project_id,
            "CONTACT_SYNC_BIGQUERY_DATASET": "marts",
        }

    @cached_property
    def client(self) -> bigquery.Client:
        return bigquery.Client(
            self.project_id,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": self.endpoint},
            default_query_job_config=bigquery.QueryJobConfig(
                default_dataset=f"{self.project_id}.marts"
            ),
            location="US",
        )

    def dbt(self, *arguments: str, project: Path | None = None, **variables: Any) -> Any:
        """Runs dbt, after what was landed since is loaded into the tables of `raw`."""
        self.prepare(project)
        return super().dbt(*arguments, project=project, **variables)

    def prepare(self, project: Path | None = None) -> None:
        """Makes the tables of `raw`, and loads what was landed since."""
        if not self.loaded:
            made = super().dbt("run-operation", "prepare_raw", project=project)
            assert made.success, made.exception
        self.load()

    def load(self) -> None:
        """Loads the lines that the landing files have more than when this was last called.

        Those that BigQuery's tables have no room for (no JSON, no id or time of arrival) stay out.
        """
        for table in RAW_TABLES:
            folder = self.landing / table
            self.loaded.setdefault(folder, 0)
            rows = [
                row for path in sorted(folder.rglob("*.ndjson")) for row in self._new_rows(path)
            ]
            if rows:
                self._append(table, rows)

    def _new_rows(self, path: Path) -> list[dict[str, Any]]:
        text = path.read_text()
        new, self.loaded[path] = text[self.loaded.get(path, 0) :], len(text)
        rows = [row for line in new.split("\n") if (row := _readable(line)) is not None]
        source = path.parent.parent.name.removeprefix("source=")
        if path.parent.parent.name.startswith("source="):
            rows = [
                {**row, "source": source}
                for row in rows
                if row.get("delivery_id") and row.get("received_at")
            ]
        return rows

    def _append(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        lines = "\n".join(json.dumps(row) for row in rows)
        config = bigquery.LoadJobConfig(
            source_format="NEWLINE_DELIMITED_JSON", write_disposition="WRITE_APPEND"
        )
        self.client.load_table_from_file(
            io.BytesIO(lines.encode()), f"{self.project_id}.raw.{table}", job_config=config
        ).result(timeout=120)

    def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        """The rows of a query, as dictionaries; times as naive UTC, as DuckDB gives them."""
        assert not parameters
        answer = self.client.query(query).result(timeout=120)
        return [{name: _naive(value) for name, value in row.items()} for row in answer]


#: The last warehouse on each emulator.
_last: dict[str, BigQueryWarehouse] = {}


def new_built_bigquery(directory: Path, endpoint: str) -> BigQueryWarehouse:
    """An empty warehouse whose tables and views are there, if one of this process built them on the
    emulator before: a first build is cheap then.
    """
    last = _last.get(endpoint)
    if last is None or last.made_from is None:
        return BigQueryWarehouse(directory, endpoint=endpoint)
    last.empty()
    warehouse = copy(last)
    vars(warehouse).update(directory=directory, deliveries=0, variables={}, loaded={})
    _last[endpoint] = warehouse
    return warehouse


def _readable(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _naive(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value
