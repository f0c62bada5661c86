"""Views and seeds are built again when code changed; a model's rows are tested in one query."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.python.conftest import ROOT, Warehouse, project_with_seeds

#: A seed, views over it and over the ledger, and what they need.
PART = ("topics", "suppression_policy", "stg_brevo__events", "+int_filings")


def build(warehouse: Warehouse, *options: str, project: Path | None = None) -> dict[str, str]:
    """Builds a part without its tests; what dbt says of each view and seed by name."""
    exclude = ("--exclude-resource-type", "test", "unit_test")
    run = warehouse.dbt("build", "--select", *PART, *exclude, *options, project=project)
    assert run.success, run.exception
    return {
        node.node.name: node.message
        for node in run.result.results
        if node.node.resource_type == "seed"
        or (node.node.resource_type == "model" and node.node.config.materialized == "view")
    }


def unchanged(said: dict[str, str]) -> set[str]:
    return {name for name, message in said.items() if message == "unchanged"}


@pytest.fixture(scope="module")
def built(new_warehouse: Callable[[], Warehouse]) -> Warehouse:
    warehouse = new_warehouse()
    assert unchanged(build(warehouse)) == set()
    return warehouse


def execute(warehouse: Warehouse, statement: str) -> None:
    with duckdb.connect(str(warehouse.database)) as connection:
        connection.execute(statement)


def test_what_did_not_change_is_left_alone(built: Warehouse) -> None:
    said = build(built)
    assert len(said) > 3
    assert unchanged(said) == said.keys()


def test_a_full_refresh_builds_everything(built: Warehouse) -> None:
    assert unchanged(build(built, "--full-refresh")) == set()


def test_a_view_that_is_gone_is_made_again(built: Warehouse) -> None:
    execute(built, "drop view main.stg_brevo__events")
    said = build(built)
    assert said.keys() - unchanged(said) == {"stg_brevo__events"}
    assert built.values("select count(*) from main.stg_brevo__events") == [0]


def test_what_a_run_that_died_was_replacing_is_made_again(built: Warehouse) -> None:
    # As is_unchanged() writes it before it replaces a view: what stands there may be new or old.
    name = f"{built.database.stem}.main.topics"
    execute(built, f"insert into raw.built_code values ('{name}', 'replaced by a run that died')")
    said = build(built)
    assert said.keys() - unchanged(said) == {"topics"}
    assert unchanged(build(built)) == said.keys()


def test_a_changed_row_of_a_seed_is_loaded(warehouse: Warehouse, tmp_path: Path) -> None:
    assert "topics" in unchanged(build(warehouse))
    project = project_with_seeds(tmp_path / "project")
    with (project / "seeds" / "topics.csv").open("a") as out:
        out.write("sendgrid,318,true\n")
    assert "topics" not in unchanged(build(warehouse, project=project))
    assert warehouse.values("select topic from main.topics") == ["318"]


def test_a_seed_that_dbt_knows_by_its_path_alone_is_always_loaded(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    rows = "".join(f"sendgrid,{'t' * 100}{n},false\n" for n in range(10_000))
    header = "source,topic,suppresses\n"
    project = project_with_seeds(tmp_path / "project", {"topics.csv": header + rows})
    build(warehouse, project=project)
    with (project / "seeds" / "topics.csv").open("a") as out:
        out.write("sendgrid,318,true\n")
    assert "topics" not in unchanged(build(warehouse, project=project))
    assert warehouse.values("select topic from main.topics where suppresses") == ["318"]


def test_a_view_that_was_a_table_for_a_while_is_a_view_again(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    assert "int_filings" in unchanged(build(warehouse))
    project = project_with_seeds(tmp_path / "project")
    for part in ("models", "macros"):
        (project / part).unlink()
        shutil.copytree(ROOT / part, project / part)
    model = project / "models" / "intermediate" / "int_filings.sql"
    model.write_text(model.read_text().replace("materialized='view'", "materialized='table'"))
    build(warehouse, project=project)
    kind = "select table_type from information_schema.tables where table_name = 'int_filings'"
    assert warehouse.values(kind) == ["BASE TABLE"]
    assert "int_filings" not in unchanged(build(warehouse))
    assert warehouse.values(kind) == ["VIEW"]


def failures(warehouse: Warehouse, model: str) -> list[tuple[str, Any]]:
    run = warehouse.dbt("test", "--select", f"{model}_is_valid")
    found = [node for node in run.result.results if node.node.resource_type == "test"]
    assert found
    return [(node.node.name, node.status) for node in found if node.status != "pass"]


@pytest.mark.parametrize(
    ("seed", "row"),
    [
        ("suppression_policy", "('bounce', 'deliverability', 9, 'same')"),  # unique
        ("suppression_releases", "('bounce', 'subscribe')"),  # unique together
        ("topics", "('sendgrid', null, true)"),  # not_null
        ("suppression_policy", "('grumpy', 'consent', 9, 'same')"),  # accepted_values
        ("suppression_releases", "('grumpy', 'subscribe')"),  # relationships
    ],
)
def test_a_wrong_row_fails_the_test_of_its_table(built: Warehouse, seed: str, row: str) -> None:
    built.dbt("seed", "--full-refresh")
    assert failures(built, seed) == []
    execute(built, f"insert into main.{seed} values {row}")
    assert failures(built, seed) == [(f"{seed}_is_valid", "fail")]
