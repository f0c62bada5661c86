"""What dbt makes of every node for BigQuery, in each of the situations that a build can meet."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from copy import copy
from datetime import UTC, datetime, timedelta
from graphlib import TopologicalSorter
from typing import Any

from dbt.contracts.graph.nodes import ModelNode, SeedNode
from google.cloud import bigquery

from tests.python.bigquery.analyzer import Columns
from tests.python.bigquery.warehouse import BigQueryWarehouse

#: What a table of the models holds when it is compiled for: no table counts, no row since the
#: last complete build, or one row whose flags are all down or all up. The last also has an as_of
#: of its own.
SITUATIONS = ("full build", "nothing new", "something new", "everything anew")

#: Google's own table, as far as we read it.
#: https://cloud.google.com/bigquery/docs/information-schema-partitions
PARTITIONS = {
    "table_name": "string",
    "partition_id": "string",
    "total_rows": "int64",
    "last_modified_time": "timestamp",
}

#: A time as text: most are of the run.
TIME = re.compile(r"'\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[^'\s]*'")

#: Nodes that are a query.
KINDS = ("model", "snapshot", "test")


class Project:
    """The dbt project, with tables of the declared columns where models would be built."""

    def __init__(self, warehouse: BigQueryWarehouse) -> None:
        self.warehouse = warehouse
        warehouse.prepare()
        self.manifest = warehouse.manifest()
        warehouse.client.create_dataset("marts", exists_ok=True)
        for node in self.models():
            fields = [bigquery.SchemaField(*column) for column in declared(node).items()]
            warehouse.client.create_table(bigquery.Table(place(node), fields))
        # Their rows stand in the text of models: macros/names.sql, macros/text.sql.
        seeded = warehouse.dbt("seed", "--select", "trait_names", "phone_countries")
        assert seeded.success, seeded.exception

    def models(self) -> list[Any]:
        return [node for node in self.manifest.nodes.values() if isinstance(node, ModelNode)]

    def tables(self) -> dict[str, Columns]:
        """All tables that nodes read, with their declared columns."""
        return {
            **{place(node): declared(node) for node in [*self.models(), *self.sources()]},
            **{place(seed): dict(seed.config.column_types) for seed in self.seeds()},
            f"{self.warehouse.project_id}.raw.INFORMATION_SCHEMA.PARTITIONS": PARTITIONS,
        }

    def sources(self) -> list[Any]:
        return list(self.manifest.sources.values())

    def seeds(self) -> list[Any]:
        return [node for node in self.manifest.nodes.values() if isinstance(node, SeedNode)]

    def compiled(self, situation: str, **variables: Any) -> list[Any]:
        """Every node with its SQL, each after those that it reads."""
        options: list[str] = []
        if situation == "full build":
            options = ["--full-refresh"]
        elif situation == "nothing new":
            self._note_last_build()
        elif situation == "something new":
            self._fill(flags=False)
        elif situation == "everything anew":
            self._fill(flags=True)
            variables["as_of"] = datetime.now(UTC).isoformat()
        result = self.warehouse.dbt("compile", *options, **variables)
        assert result.success, result.exception
        # Copies: the next compilation writes into the same nodes.
        done = [copy(run.node) for run in result.result.results]
        nodes = {node.unique_id: node for node in done if node.resource_type in KINDS}
        reads = {name: node.depends_on.nodes for name, node in nodes.items()}
        return [nodes[name] for name in TopologicalSorter(reads).static_order() if name in nodes]

    def _note_last_build(self) -> None:
        """A complete build of this code, two days ago, of an empty ledger."""
        code = self.manifest.flat_graph.get("code_hashes")
        if code is None:
            assert self.warehouse.dbt("compile", "--select", "int_events_unioned").success
            code = self.manifest.flat_graph["code_hashes"]
        before = (datetime.now(UTC) - timedelta(days=2)).isoformat()
        notes: Mapping[str, list[dict[str, Any]]] = {
            "watermarks": [
                {"relation": "marts builds", "taken_until": before, "as_of": before},
                {"relation": "as_of", "taken_until": before, "as_of": before},
            ],
            "built_code": [
                {"relation": "marts groups", "code_hash": " ".join(code.values())},
                {"relation": "marts ledgers", "code_hash": "0"},
            ],
        }
        for source in self.sources():
            if source.name in notes:
                self._load(source, notes[source.name])

    def _fill(self, *, flags: bool) -> None:
        """One row in every table that compiling asks, none of it null, since the last build."""
        for node in [*self.models(), *self.sources()]:
            self._load(node, [_row(node, flags)])
        self._note_last_build()

    def _load(self, node: Any, rows: list[dict[str, Any]]) -> None:
        config = bigquery.LoadJobConfig(
            source_format="NEWLINE_DELIMITED_JSON", write_disposition="WRITE_TRUNCATE"
        )
        self.warehouse.client.load_table_from_file(
            io.BytesIO("\n".join(map(json.dumps, rows)).encode()),
            place(node),
            job_config=config,
        ).result(timeout=60)


def place(node: Any) -> str:
    """project.dataset.name of what a node makes."""
    return str(node.relation_name).replace("`", "")


def declared(node: Any) -> dict[str, str]:
    """The columns that its YAML gives a node, with their types."""
    return {column.name: column.data_type for column in node.columns.values()}


def statement(node: Any) -> str:
    """What BigQuery is asked for a node: a model makes a table or a view of its query."""
    if node.resource_type != "model":
        return str(node.compiled_code)
    kind = "view" if node.config.materialized == "view" else "table"
    return f"create or replace {kind} {node.relation_name} as (\n{node.compiled_code}\n)"


def timeless(sql: str) -> str:
    """A statement with one time for all: neither its types nor its reads depend on which it is."""
    return TIME.sub("'2026-05-02 10:00:00+00'", sql)


def _row(node: Any, flags: bool) -> dict[str, Any]:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    values: Mapping[str, Any] = {
        "string": "x", "int64": 1, "bool": flags, "timestamp": yesterday.isoformat(),
        "date": f"{yesterday:%Y-%m-%d}",
    }  # fmt: skip
    parts = {"landing_part": f"webhook_deliveries/{yesterday:%Y%m%d}"}
    return {name: parts.get(name, values[kind]) for name, kind in declared(node).items()}


def asked(warehouse: BigQueryWarehouse) -> Iterator[str]:
    """Every query that the emulator was sent, oldest first."""
    jobs = [
        job for job in warehouse.client.list_jobs(max_results=10_000) if job.job_type == "query"
    ]
    for job in sorted(jobs, key=lambda job: job.created):
        yield job.query
