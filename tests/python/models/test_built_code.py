"""A run that makes no views stops where code changed; a table's rows are tested in one query."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.python.conftest import ROOT, Warehouse, project_with_seeds

#: A table, the view that it reads, and the seeds that the view reads.
TABLE, ITS_VIEW = "int_ledger_latest", "int_ledger_outcomes"


@pytest.fixture(scope="module")
def built(new_warehouse: Callable[[], Warehouse]) -> Warehouse:
    warehouse = new_warehouse()
    warehouse.build("--exclude-resource-type", "test")
    return warehouse


@pytest.fixture(scope="module")
def seeds_changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our project with one more row of a seed."""
    project = project_with_seeds(tmp_path_factory.mktemp("seeds") / "project")
    with (project / "seeds" / "destination_lists.csv").open("a") as out:
        out.write("klaviyo,mail,complaint\n")
    return project


def execute(warehouse: Warehouse, statement: str) -> None:
    with duckdb.connect(str(warehouse.database)) as connection:
        connection.execute(statement)


def refusal(warehouse: Warehouse, *arguments: str, **options: Any) -> str:
    """What dbt says of a run that did not begin; empty where it succeeded."""
    result = warehouse.dbt(*arguments, **options)
    if result.success:
        return ""
    results = result.result.results if result.result else []
    failed = [node.message for node in results if node.status in {"error", "fail"}]
    return "\n".join(failed) or str(result.exception)


def run_table(warehouse: Warehouse, **options: Any) -> str:
    return refusal(warehouse, "run", "--select", TABLE, **options)


def test_a_table_alone_is_run_on_the_views_and_seeds_that_stand(built: Warehouse) -> None:
    assert run_table(built) == ""
    assert run_table(built, as_of="2099-01-01") == ""


def test_a_fresh_warehouse_is_told_to_build_once(fresh_warehouse: Warehouse) -> None:
    said = refusal(fresh_warehouse, "build", "--selector", "frequent")
    assert "never made" in said
    assert "Run `dbt build` once" in said


def test_it_stops_where_vars_changed_since_the_views_were_made(built: Warehouse) -> None:
    said = run_table(built, own_minutes=11)
    assert "models, macros or vars, changed since the views of main were made" in said
    assert f"{TABLE} reads {ITS_VIEW}" in said


def test_it_stops_where_a_seed_changed_until_everything_was_built(
    warehouse: Warehouse, seeds_changed: Path
) -> None:
    frequent = ("run", "--selector", "frequent")
    assert "seeds, changed since the seeds" in refusal(warehouse, *frequent, project=seeds_changed)
    assert refusal(warehouse, "seed", project=seeds_changed) == ""
    assert refusal(warehouse, *frequent, project=seeds_changed) == ""


def test_seed_and_run_are_as_good_as_build(fresh_warehouse: Warehouse) -> None:
    assert refusal(fresh_warehouse, "seed") == ""
    assert refusal(fresh_warehouse, "run") == ""
    assert run_table(fresh_warehouse) == ""


def test_after_part_of_the_views_was_made_of_other_code_all_are_made_again(
    warehouse: Warehouse,
) -> None:
    other = {"own_minutes": 11}
    assert refusal(warehouse, "run", "--select", ITS_VIEW, **other) == ""
    for variables in ({}, other):
        assert "Run `dbt build` once" in run_table(warehouse, **variables)
    assert refusal(warehouse, "run", "--select", "config.materialized:view") == ""
    assert run_table(warehouse) == ""


def test_a_run_of_everything_notes_when_it_is_the_first_of_other_rules(
    warehouse: Warehouse,
) -> None:
    """The guard asks for a plan then. What an adapter needs is no rule."""

    def changes(*options: str, **variables: Any) -> list[Any]:
        assert refusal(warehouse, "run", *options, **variables) == ""
        return warehouse.values("select relation from raw.rule_changes")

    # The window counts once unengaged is computed by it.
    days = {"unengaged_window_days": 30}
    assert changes("--exclude", "unengaged", arrival_lookback_hours=24, **days) == []
    assert changes(**days) == ["main"]
    # A push of a machine whose clock is ahead (by its time zone) did not obey what changes after.
    warehouse.rows(
        "insert into raw.sync_runs (started_at, expires_at)"
        " select now()::timestamp + interval 7 hour, now()::timestamp + interval 7 hour"
    )
    assert changes("--exclude", "unengaged", own_hours=1) == ["main"] * 2
    assert warehouse.values(
        "select max(changed_at) > max(started_at) from raw.rule_changes, raw.sync_runs"
    ) == [True]


def test_rules_that_were_withdrawn_before_their_build_ended_are_undone(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    batch = [{"email": "ann@example.org", "event": "unsubscribe", "sg_event_id": "a"}]
    warehouse.land("sendgrid", batch)
    warehouse.build()
    listed = "select address from main.suppression_list"
    assert warehouse.values(listed) == ["ann@example.org"]
    policy = (ROOT / "seeds" / "suppression_policy.csv").read_text(encoding="utf-8")
    wrong = policy.replace("unsubscribe,consent,2,same", "unsubscribe,consent,2,none")
    project = project_with_seeds(tmp_path / "wrong", {"suppression_policy.csv": wrong})
    # What comes after the list fails, so that this build never ends.
    left_out = ("--exclude", "tag:weekly", "--exclude-resource-type", "unit_test", "test")
    said = refusal(
        warehouse, "build", *left_out, project=project, unengaged_window_days="no number"
    )
    assert said
    assert warehouse.values(listed) == []
    warehouse.made_from = None
    warehouse.build()
    assert warehouse.values(listed) == ["ann@example.org"]


def test_a_part_of_the_state_is_not_made_anew_alone(built: Warehouse) -> None:
    said = refusal(built, "run", "--select", "int_contact_state+", "--full-refresh")
    assert "int_suppression_reasons" in said
    assert "Run `dbt build --full-refresh` without a selection" in said


def test_after_a_build_of_nothing_the_views_are_made_again(warehouse: Warehouse) -> None:
    """With --empty they read nothing."""
    assert refusal(warehouse, "run", "--empty") == ""
    assert "Run `dbt build` once" in run_table(warehouse)


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
    built.dbt("seed")
    assert failures(built, seed) == []
    execute(built, f"insert into main.{seed} values {row}")
    assert failures(built, seed) == [(f"{seed}_is_valid", "fail")]
