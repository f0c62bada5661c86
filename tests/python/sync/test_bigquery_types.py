"""GoogleSQL's own analyzer takes every statement that the command sends; an emulator takes more."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.python.bigquery.analyzer import analyze
from tests.python.sync.engines import STATUS, TABLES, TABLES_OF_ALERTS, BigQuery
from tests.python.sync.inbox import open_inbox
from tests.python.sync.world import SandboxClient, World, addresses

pytestmark = pytest.mark.parametrize("engine", ["bigquery"], indirect=True)


def columns(text: str) -> dict[str, str]:
    types = {"text": "STRING", "integer": "INT64", "boolean": "BOOL", "timestamp": "TIMESTAMP"}
    pairs = [part.split() for part in text.split(",")]
    return {name: types[kind] for name, kind in pairs}


#: Types of parameters by their name, which is that of a column but for these.
PARAMETERS = {
    "items": "string",
    "limit": "int64",
    "ids": "array<string>",
    "destinations": "array<string>",
    "name": "string",
    "expires_at": "int64",
    "since": "timestamp",
    "schema": "string",
    "changed_at": "timestamp",
}


def with_values(text: str) -> str:
    """The statement with a value of the right type for each parameter."""
    tables = (TABLES_OF_ALERTS["raw.alerts"], TABLES["raw.sync_ledger"], TABLES["raw.sync_runs"])
    known = {name: kind for text in tables for name, kind in columns(text).items()} | PARAMETERS

    def value(found: re.Match[str]) -> str:
        return f"cast(null as {known[re.sub('_[0-9]+$', '', found[1])]})"

    return re.sub(r"@(\w+)", value, text)


def test_every_statement_is_googlesql(world: World, sandbox: SandboxClient) -> None:
    assert isinstance(world.engine, BigQuery)
    project = world.engine.project
    world.already_pushed()
    world.list_addresses(100)
    world.want(*addresses(3))
    world.want("free@example.com", action="release")
    sandbox.fault("poison", address="person0@example.com")
    assert world.push(limit=1).exit_code == 1
    assert world.push(plan=True, limit=2).exit_code == 0
    assert world.push().exit_code == 0
    assert world.cli("plan", "--limit", "1").returncode == 0
    assert world.cli("push", "--dry-run").returncode == 0
    assert world.cli("status").returncode == 0
    world.sql("insert into possible_opt_outs values ('twilio', 'sms', timestamp '2026-01-01')")
    with open_inbox() as inbox:
        assert world.cli("alert", CONTACT_SYNC_ALERT_URLS=inbox.url).returncode == 0
    (world.directory / "people.csv").write_text("email\n")
    assert world.cli("scrub", "people.csv").returncode == 0
    jobs = world.engine.client.list_jobs(all_users=True)
    sent = {job.query for job in jobs if job.job_id.startswith("contact-sync-")}
    statements = sorted(with_values(text) for text in sent)
    # Reads of each section and table, the view in four forms, ledger and runs written.
    assert len(statements) > 25
    assert any(text.startswith("insert") and "sync_ledger" in text for text in statements)
    assert any(text.startswith("insert") and "sync_runs" in text for text in statements)
    assert any(text.startswith("insert") and "alerts" in text for text in statements)
    tables = {
        f"{project}.{name if '.' in name else f'marts.{name}'}": columns(text)
        for name, text in {**TABLES, **TABLES_OF_ALERTS}.items()
    }
    tables[f"{project}.marts.sync_deltas"] = columns(TABLES["int_deltas"])
    for path in STATUS:
        (view,) = yaml.safe_load(path.with_suffix(".yml").read_text())["models"]
        shown = {one["name"]: one["data_type"] for one in view["columns"]}
        tables[f"{project}.marts.{view['name']}"] = shown
    answers = analyze(tables, statements)
    faults = [
        f"{answer.error}\n{text}"
        for text, answer in zip(statements, answers, strict=True)
        if answer.error is not None
    ]
    assert faults == []
