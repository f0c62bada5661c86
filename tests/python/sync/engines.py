"""The engines that a world can be on: how tests fill its tables and look into them.

Statements of tests are written so that both engines take them (`where true`, no casts with `::`).
"""

from __future__ import annotations

import atexit
import csv
import io
import json
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import duckdb
import jinja2
import yaml

from sync.profile import load_target
from sync.warehouse import open_warehouse
from sync.warehouse.base import Warehouse
from tests.python.conftest import ROOT

#: For pytest: one world per engine.
ENGINES = ("duckdb", "bigquery")

TABLES = {
    "raw.sync_ledger": "run_id text, delta_id text, destination text, channel text, scope text,"
    " address text, contact_id text, action text, reason text, event_id text,"
    " event_timestamp timestamp, outcome text, http_status integer, error text, attempts integer,"
    " pushed_at timestamp",
    "raw.sync_runs": "run_id text, destination text, started_at timestamp, ended_at timestamp,"
    " expires_at timestamp, status text, suppressed integer, released integer, subscribed integer,"
    " confirmed integer, accepted integer, rejected integer, absent integer, failed integer,"
    " plan_hash text",
    "raw.builds": "invocation_id text, started_at timestamp, ended_at timestamp, as_of timestamp,"
    " ok boolean",
    "raw.rule_changes": "relation text, changed_at timestamp",
    "raw.forgotten": "name_hash text, kind text, channel text, reason text, refused_at timestamp,"
    " forgotten_at timestamp",
    "raw.webhook_requests": "source text, status_class text, requests integer,"
    " counted_at timestamp",
    "destinations": "destination text, channel text, scope text, mode text, audience text,"
    " messages text, keeps_reason boolean, trusts_own boolean, enabled boolean",
    "destination_reasons": "destination text, channel text, scope text, reason text",
    "suppression_list": "channel text, address text, event_type text, event_timestamp timestamp",
    "int_deltas": "delta_id text, destination text, channel text, scope text, address text,"
    " contact_id text, external_id text, email text, phone text, push_token_type text,"
    " action text, reason text, event_id text, event_timestamp timestamp, priority integer,"
    " kept_topics text, traits text, suppressed_at timestamp",
    "events": "source text, event_type text, provider_event text, topic text, message_id text,"
    " channel text, address text, is_echo boolean, is_own boolean, effective_at timestamp,"
    " received_at timestamp, loaded_at timestamp",
    "quarantined_deliveries": "source text, reason text, received_at timestamp,"
    " loaded_at timestamp",
    "provider_events": "source text, provider_event text",
    "bounce_classes": "source text, pattern text",
    "track_names": "source text, name text",
    "possible_opt_outs": "source text, channel text, received_at timestamp",
    "int_events_unioned": "source text, provider_event text, topic text, is_unmapped boolean",
    "int_events_latest": "source text, channel text, platform_id text, external_id text,"
    " event_type text, is_own boolean, first_received_at timestamp, last_at timestamp",
    "int_platform_ids": "channel text, platform_id text",
    "postmaster_rows": "error text",
    "suppression_policy": "reason text, attribute text",
    "topics": "source text, topic text, suppresses boolean",
    "destination_errors": "destination text, http_status text, field text, pattern text,"
    " meaning text, is_stopped boolean, note text",
    "int_synced_state": "destination text, channel text, scope text, is_attempted boolean,"
    " is_unknown boolean",
    "int_lost_suppressions": "destination text, channel text, scope text, address text",
    "int_contact_addresses": "channel text, external_id text, exceeds_address_limit boolean",
}

#: Made where they are needed: each costs the emulator.
TABLES_OF_ALERTS = {
    "raw.alerts": "incident_id text, rule text, subject text, channel text, state text,"
    " value integer, told_at timestamp",
    "alert_rules": "rule text, threshold integer, minimum integer, minutes integer,"
    " enabled boolean, note text",
    "deliverability_thresholds": "metric text, source text, provider text, fail integer,"
    " minimum_volume integer",
}

VIEW = """
create view sync_deltas as
select * from int_deltas
where not exists (
    select 1 from raw.sync_ledger as ledger
    where ledger.delta_id = int_deltas.delta_id and (
        ledger.outcome in ('confirmed', 'accepted', 'rejected')
        or (ledger.outcome = 'absent' and ledger.pushed_at > {now} - interval 7 day)
    )
)
"""


_VARS = yaml.safe_load((ROOT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
STATUS = sorted((ROOT / "models" / "marts" / "status").glob("*.sql"))


def status_views(schema: str, engine: str) -> Iterator[str]:
    """Statements that make the views of `status` and `alert`, as dbt would."""
    macros = _macros(engine)

    def ref(name: str) -> str:
        return f"{schema}.{name}"

    def source(_: str, name: str) -> str:
        return f"raw.{name}"

    # What reads another of them comes after it.
    for path in sorted(STATUS, key=_readers):
        view = _JINJA.from_string(path.read_text(encoding="utf-8"), globals=macros)
        text = view.render(ref=ref, source=source, var=_VARS.__getitem__)
        yield f"create or replace view {schema}.{path.stem} as {text}"


def _readers(path: Path) -> list[bool]:
    text = path.read_text(encoding="utf-8")
    return [
        "ref('findings_" in text,
        "ref('alert_" in text.replace("alert_rules", ""),
        "ref('status_" in text,
    ]


#: As dbt renders, with the macros that such a view may use.
_JINJA = jinja2.Environment(extensions=["jinja2.ext.do"], undefined=jinja2.StrictUndefined)


@cache
def _macros(engine: str) -> dict[str, Any]:
    """The project's macros of instants and types, each with the body of the engine."""
    text = "".join(
        (ROOT / "macros" / name).read_text(encoding="utf-8")
        for name in ("clock.sql", "types.sql", "names.sql", "aggregate.sql")
    )

    class Adapter:
        def dispatch(self, name: str) -> Any:
            return getattr(module, f"{engine}__{name}")

    context = {
        "adapter": Adapter(),
        "return": lambda value: value,
        "modules": SimpleNamespace(re=re),
    }
    module = _JINJA.from_string(text, globals=context).module
    ours = {name: macro for name, macro in vars(module).items() if not name.startswith("_")}
    return {**ours, "dbt": SimpleNamespace(type_string=lambda: "string")}


def destination_errors() -> list[dict[str, Any]]:
    """The rows of seeds/destination_errors.csv."""
    path = ROOT / "seeds" / "destination_errors.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return [{**row, "is_stopped": row["is_stopped"] == "true"} for row in csv.DictReader(file)]


def _meanings() -> str:
    """A statement that fills the seed."""

    def literal(value: Any) -> str:
        # Engines differ in how an apostrophe is written; no row depends on one.
        return str(value).lower() if isinstance(value, bool) else f"'{value.replace(chr(39), ' ')}'"

    rows = (f"({', '.join(map(literal, row.values()))})" for row in destination_errors())
    return f"insert into destination_errors values {', '.join(rows)}"


def _alert_rules() -> str:
    """A statement that fills the seed."""
    with (ROOT / "seeds" / "alert_rules.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    values = (
        f"('{row['rule']}', {row['threshold']}, {row['minimum']}, {row['minutes']},"
        f" {row['enabled']}, '')"
        for row in rows
    )
    return f"insert into alert_rules values {', '.join(values)}"


class Engine(Protocol):
    """Where a world's tables are."""

    #: profiles.yml of a user on this engine.
    profile: str

    def create(self, *statements: str) -> None:
        """Makes the tables and the view, and runs the statements."""

    def sql(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Runs a statement, with a `?` for each parameter."""

    def load(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        """Adds rows to a table."""

    def show_status(self) -> None:
        """Makes what `status` and `alert` read, which no other command does."""

    def release(self) -> None:
        """Lets others have what is open, until the next statement here."""


class DuckDb:
    """A DuckDB file."""

    def __init__(self, database: Path) -> None:
        self.database = database
        #: Whether nobody outside this process opens the file, but for commands that it waits for.
        self.is_ours = True
        self._held: duckdb.DuckDBPyConnection | None = None
        self.profile = f"""
contact_sync:
  target: duckdb
  outputs:
    duckdb:
      type: duckdb
      path: "{{{{ env_var('CONTACT_SYNC_DUCKDB', '{database.name}') }}}}"
      schema: main
"""

    def create(self, *statements: str) -> None:
        shutil.copy(_duckdb_template(*statements), self.database)

    @contextmanager
    def _open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection. To open a file costs DuckDB fifty times what a statement does: it stays
        open while nobody outside this process comes to it.
        """
        if self._held is not None:
            yield self._held
            return
        # The command under test may have the file open for a moment.
        deadline = time.monotonic() + 20
        while True:
            try:
                connection = duckdb.connect(str(self.database))
                break
            except duckdb.IOException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        if self.is_ours:
            self._held = connection
            yield connection
        else:
            with connection:
                yield connection

    def release(self) -> None:
        """Lets others have the file, until the next statement here."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def sql(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._open() as connection:
            return connection.cursor().execute(statement, list(parameters)).fetchall()

    def load(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        names = list(rows[0])
        types = {"event_timestamp": "timestamp", "priority": "bigint"}
        columns = ", ".join(
            f"unnest(${number}::{types.get(name, 'varchar')}[])"
            for number, name in enumerate(names, 1)
        )
        self.sql(
            f"insert into {table} ({', '.join(names)}) select {columns}",
            [[row[name] for row in rows] for name in names],
        )

    def show_status(self) -> None:
        """They are in the template."""


@cache
def _duckdb_template(*statements: str) -> Path:
    """A file that was created so: to copy it costs less than to make it."""
    directory = tempfile.TemporaryDirectory(prefix="contact-sync-world-")
    atexit.register(directory.cleanup)
    path = Path(directory.name) / "template.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema raw")
        for table, columns in {**TABLES, **TABLES_OF_ALERTS}.items():
            connection.execute(f"create table {table} ({columns.replace(' integer', ' bigint')})")
        views = [VIEW.format(now="now()::timestamp"), *status_views("main", "duckdb")]
        for statement in (*views, _meanings(), _alert_rules(), *statements):
            connection.execute(statement)
    return path


class BigQuery:
    """A project of its own on an emulator."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.project = f"test-{uuid.uuid4().hex[:12]}"
        self.profile = f"""
contact_sync:
  target: bigquery
  outputs:
    bigquery:
      type: bigquery
      method: oauth-secrets
      token: emulator
      project: {self.project}
      dataset: marts
      location: US
      api_endpoint: {endpoint}
"""

    @cached_property
    def client(self) -> Any:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery

        return bigquery.Client(
            self.project,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": self.endpoint},
            default_query_job_config=bigquery.QueryJobConfig(
                default_dataset=f"{self.project}.marts"
            ),
            location="US",
        )

    def create(self, *statements: str) -> None:
        self.client.create_dataset("raw")
        self.client.create_dataset("marts")
        for table, columns in TABLES.items():
            self._create_table(table, dict(part.split() for part in columns.split(", ")))
        for statement in (VIEW.format(now="current_timestamp()"), _meanings(), *statements):
            self.sql(statement)

    def _create_table(self, table: str, columns: Mapping[str, str]) -> None:
        """By the API: a third of what the statement costs the emulator."""
        from google.cloud import bigquery

        kinds = {
            "text": "STRING",
            "integer": "INT64",
            "boolean": "BOOL",
            "timestamp": "TIMESTAMP",
        }
        fields = [bigquery.SchemaField(name, kinds[kind]) for name, kind in columns.items()]
        self.client.create_table(bigquery.Table(f"{self.project}.{_qualified(table)}", fields))

    def sql(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        from google.cloud import bigquery

        kinds = {bool: "BOOL", int: "INT64", datetime: "TIMESTAMP"}
        config = bigquery.QueryJobConfig(
            query_parameters=[
                bigquery.ScalarQueryParameter(None, kinds.get(type(value), "STRING"), value)
                for value in parameters
            ]
        )
        rows = self.client.query(statement, job_config=config).result(timeout=60)
        return [tuple(_naive(value) for value in row.values()) for row in rows]

    def load(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        from google.cloud import bigquery

        lines = "\n".join(json.dumps(row, default=str) for row in rows)
        config = bigquery.LoadJobConfig(
            source_format="NEWLINE_DELIMITED_JSON", write_disposition="WRITE_APPEND"
        )
        self.client.load_table_from_file(
            io.BytesIO(lines.encode()), f"{self.project}.{_qualified(table)}", job_config=config
        ).result(timeout=120)

    def release(self) -> None:
        """A client holds nothing."""

    def show_status(self) -> None:
        for table, columns in TABLES_OF_ALERTS.items():
            self._create_table(table, dict(part.split() for part in columns.split(", ")))
        for statement in (*status_views("marts", "bigquery"), _alert_rules()):
            self.sql(statement)


def _qualified(table: str) -> str:
    return table if "." in table else f"marts.{table}"


def _naive(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value


def warehouse_of(profiles: Path) -> Warehouse:
    """The warehouse that the command would open with the profile of a folder."""
    target = load_target(target=None, profiles_dir=profiles, project_dir=profiles)
    return open_warehouse(target, read_only=False)
