"""What a change would do, before it is merged: built beside the real state, which it leaves be."""

from __future__ import annotations

import json
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from dbt.cli.main import dbtRunner

from sync.errors import ConfigError
from sync.profile import load_target
from sync.simulation.project import of_revision, with_seeds
from sync.simulation.scratch import scratch
from sync.simulation.simulate import changes_of, lists_of
from tests.python.bigquery.warehouse import BigQueryWarehouse
from tests.python.conftest import ROOT, Warehouse
from tests.python.size import SIZE
from tests.python.sync.real import run
from tests.python.sync.world import SandboxClient

POLICY = ROOT / "seeds" / "suppression_policy.csv"


def said(event: str, person: str) -> dict[str, Any]:
    """One of SendGrid's events."""
    address = f"{person}@example.org"
    return {"email": address, "event": event, "sg_event_id": person, "timestamp": 1777708800}


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """Seeds by which a complaint suppresses nobody."""
    folder = tmp_path / "changed"
    folder.mkdir()
    text = POLICY.read_text(encoding="utf-8")
    assert "complaint,consent,1,same\n" in text
    (folder / POLICY.name).write_text(
        text.replace("complaint,consent,1,same\n", "complaint,consent,1,none\n"), encoding="utf-8"
    )
    return folder


# Two full builds on the emulator take minutes.
on_engines = ["duckdb", "bigquery"] if SIZE == "deep" else ["duckdb"]


@pytest.mark.parametrize("warehouse", on_engines, indirect=True)
def test_who_would_be_freed_is_told_and_nothing_real_is_touched(
    warehouse: Warehouse, sandbox: SandboxClient, changed: Path, tmp_path: Path
) -> None:
    people = [said("spamreport", "ann"), said("unsubscribe", "bob"), said("spamreport", "bob")]
    warehouse.land("sendgrid", people)
    warehouse.build()
    before = state(warehouse)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = run(
        warehouse, sandbox, "simulate", "--seeds", str(changed), "--rows", "1", "--max", "0",
        "--project-dir", str(warehouse.project), TMPDIR=str(temporary),
        DBT_LOG_PATH=str(tmp_path / "logs"),
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1] == "More than --max 0: 1 on one list."
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "suppression_list email complaint 0 1 0" in lines
    assert "suppression_list email unsubscribe 0 0 1" in lines
    assert "freed: ann@example.org (suppression_list email, complaint)" in lines
    assert "suppression_list email 2 1" in lines
    assert state(warehouse) == before
    assert list(temporary.iterdir()) == []


def state(warehouse: Warehouse) -> list[Any]:
    """What a simulation must not touch; of another dataset, nothing may be left."""
    if not isinstance(warehouse, BigQueryWarehouse):
        return [warehouse.database.read_bytes()]
    tables = [
        table
        for dataset in warehouse.client.list_datasets()
        for table in warehouse.client.list_tables(dataset)
        if table.table_type == "TABLE"
    ]
    return [(table.reference, warehouse.client.get_table(table).num_rows) for table in tables]


LISTS = """
create table {marts}.%s as
select 'suppression_list' as destination, 'email' as channel, '' as scope, '' as list_name,
    person as subject, '%s' as reason
from unnest([%s]) as person
"""


@pytest.mark.parametrize("warehouse", ["bigquery"], indirect=True)
def test_on_bigquery_a_simulation_has_a_dataset_of_its_own_with_its_own_records(
    warehouse: BigQueryWarehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.prepare()
    before = state(warehouse)
    for name, value in warehouse.environment.items():
        monkeypatch.setenv(name, value)
    target = load_target(
        target=None, profiles_dir=warehouse.profiles, project_dir=warehouse.project
    )
    with scratch(
        target, tmp_path, profiles_dir=warehouse.profiles, project=warehouse.project,
        wait=timedelta(0),
    ) as made:  # fmt: skip
        variables = json.dumps({**made.variables, "as_of": "2026-05-03 00:00:00"})
        dbt = dbtRunner().invoke(
            ["build", "--select", "int_last_build", "--exclude-resource-type", "unit_test",
             "--project-dir", str(warehouse.project), "--profiles-dir", str(made.profiles),
             "--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "logs"),
             "--quiet", "--vars", variables]
        )  # fmt: skip
        assert dbt.success, dbt.exception
        assert made.warehouse.rows("select seen_until from {marts}.int_last_build") != []
        noted = made.warehouse.rows("select relation from {marts}.watermarks")
        assert noted == [{"relation": "as_of"}]
        assert state(warehouse)[: len(before)] == before
        made.warehouse.execute(LISTS % ("simulated_before", "bounce", "'ann', 'bob'"))
        made.warehouse.execute(LISTS % ("simulated_after", "block", "'bob', 'cy'"))
        changes = [
            (one.reason, one.added, one.freed, one.other_reason, one.first)
            for one in changes_of(made.warehouse, rows=1)
        ]
        assert changes == [
            ("block", 1, 0, 1, [("added", "cy")]), ("bounce", 0, 1, 0, [("freed", "ann")])
        ]  # fmt: skip
        assert [(one.before, one.after, one.changed) for one in lists_of(made.warehouse)] == [
            (2, 2, 2)
        ]
    assert state(warehouse) == before


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_it_wants_to_know_what_would_change(
    warehouse: Warehouse, sandbox: SandboxClient, changed: Path
) -> None:
    wrong = {
        (): "Say what would change: --seeds, --revision or --vars.",
        ("--seeds", str(changed), "--revision", "main"): "give --seeds or --revision, not both",
        ("--vars", "[1]"): "it is no JSON object",
    }
    for options, message in wrong.items():
        done = run(warehouse, sandbox, "simulate", *options)
        assert done.returncode == 2
        assert message in done.stderr


def test_seeds_that_the_project_lacks_are_refused(changed: Path, tmp_path: Path) -> None:
    (changed / "supression_policy.csv").write_text("reason\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="no seed of the project is called supression_policy"):
        with_seeds(ROOT, tmp_path / "after", changed)
    with pytest.raises(ConfigError, match=r"has no \*\.csv"):
        with_seeds(ROOT, tmp_path / "after", tmp_path)


def test_a_revision_brings_its_own_seeds_vars_and_models(tmp_path: Path) -> None:
    project = tmp_path / "repository" / "dbt"
    (project / "seeds").mkdir(parents=True)
    settings = "vars: {is_simulation: false}\n"
    (project / "dbt_project.yml").write_text(settings)
    (project / "seeds" / "topics.csv").write_text("of the branch\n")
    git = ["git", "-C", str(project), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"], ["tag", "branch"]):
        subprocess.run([*git, *command], check=True)
    (project / "seeds" / "topics.csv").write_text("as it stands\n")
    (project / "dbt_project.yml").write_text("vars: {}\n")
    after = of_revision(project, tmp_path / "after", "branch")
    assert (after / "seeds" / "topics.csv").read_text() == "of the branch\n"
    assert (after / "dbt_project.yml").read_text() == settings
    subprocess.run([*git, "commit", "-qam", "two"], check=True)
    with pytest.raises(ConfigError, match="older than this command"):
        of_revision(project, tmp_path / "older", "HEAD")
    with pytest.raises(ConfigError, match="git cannot show 'nothing'"):
        of_revision(project, tmp_path / "other", "nothing")
