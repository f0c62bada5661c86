"""The dbt project's own tests: every unit test and data test, over the demo's two days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from sync.demo import generator, story
from tests.python.conftest import ROOT, Warehouse

DAYS = 120
#: A warehouse, and the result of every node by its name.
Built = tuple[Warehouse, dict[str, Any]]


def unit_tests() -> dict[str, str]:
    """The names of all unit tests in the YAML beside the models, with the model of each."""
    documents = (yaml.safe_load(path.read_text()) for path in sorted(ROOT.glob("models/**/*.yml")))
    tests = [test for document in documents for test in (document or {}).get("unit_tests", [])]
    return {test["name"]: test["model"] for test in tests}


@pytest.fixture(scope="module")
def first_build(new_warehouse: Callable[[], Warehouse]) -> Built:
    """A plain `dbt build` on a fresh warehouse, as dbt's users type it; every node by its name."""
    warehouse = new_warehouse()
    generator.land(warehouse.landing, events=2_000, seed=7, days=DAYS)
    story.land_first_days(warehouse.landing, start=generator.START, days=DAYS)
    return warehouse, results(warehouse.dbt("build"))


@pytest.fixture(scope="module")
def unit_test_results(
    request: pytest.FixtureRequest, new_warehouse: Callable[[], Warehouse]
) -> dict[str, Any]:
    """Every unit test on its own: in a build, one that fails skips those further down."""
    models = unit_tests()
    # Not by the test's id: pytest cuts long ones.
    asked = {
        str(item.callspec.params.get("name"))
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
    }
    names = sorted(asked & models.keys())
    if len(names) == len(models):
        warehouse, built = cast(Built, request.getfixturevalue("first_build"))
        if all(built[name].status != "skipped" for name in names):
            return built
        return results(warehouse.dbt("test", "--select", "test_type:unit"))
    # A few by name (as `make mutants` asks for): they need the columns of what their models read.
    warehouse = new_warehouse()
    kinds = ("--resource-type", "seed", "--resource-type", "model")
    assert warehouse.dbt("build", "--empty", *kinds).success
    return results(warehouse.dbt("test", "--select", *names))


@pytest.fixture(scope="module")
def second_build(first_build: Built) -> dict[str, Any]:
    """An increment with all data tests."""
    warehouse, _ = first_build
    story.land_second_day(warehouse.landing, start=generator.START, days=DAYS)
    return results(warehouse.dbt("build", "--exclude-resource-type", "unit_test"))


def results(run: Any) -> dict[str, Any]:
    assert run.exception is None, run.exception
    return {node.node.name: node for node in run.result.results}


def failures(nodes: dict[str, Any]) -> dict[str, str]:
    return {
        name: f"{node.status}: {node.message}"
        for name, node in nodes.items()
        if node.status not in {"success", "pass", "no-op"}
    }


@pytest.mark.parametrize("name", unit_tests())
def test_unit_test_of_a_model(unit_test_results: dict[str, Any], name: str) -> None:
    node = unit_test_results[name]
    assert node.status == "pass", f"{node.status}: {node.message}"


def test_a_plain_build_on_a_fresh_warehouse_succeeds(
    first_build: Built,
) -> None:
    assert failures(first_build[1]) == {}


def test_an_increment_and_its_data_tests_succeed(second_build: dict[str, Any]) -> None:
    assert failures(second_build) == {}


def test_every_model_and_column_is_described() -> None:
    undescribed = []
    for path in sorted([*ROOT.glob("models/**/*.yml"), *ROOT.glob("seeds/*.yml")]):
        document = yaml.safe_load(path.read_text()) or {}
        for resource in [*document.get("models", []), *document.get("seeds", [])]:
            described = [resource, *resource.get("columns", [])]
            undescribed += [
                f"{resource['name']}.{d['name']}" for d in described if not d.get("description")
            ]
    assert undescribed == []


def test_every_model_has_its_description_beside_it() -> None:
    models = {path.with_suffix("") for path in ROOT.glob("models/**/*.sql")}
    described = {path.with_suffix("") for path in ROOT.glob("models/**/*.yml")}
    assert [str(path.relative_to(ROOT)) for path in models - described] == []


def test_every_column_of_a_model_is_in_its_description(
    first_build: Built,
) -> None:
    warehouse, _ = first_build
    built: dict[str, set[str]] = defaultdict(set)
    for row in warehouse.rows("select table_name, column_name from information_schema.columns"):
        built[row["table_name"]].add(row["column_name"])
    missing = []
    for path in sorted(Path(ROOT / "models").glob("**/*.yml")):
        for model in (yaml.safe_load(path.read_text()) or {}).get("models", []):
            assert model["name"] in built
            named = {column["name"] for column in model.get("columns", [])}
            missing += [f"{model['name']}.{column}" for column in built[model["name"]] - named]
    assert missing == []
