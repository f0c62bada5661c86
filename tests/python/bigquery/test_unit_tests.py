"""Every dbt unit test of the project, run by GoogleSQL's reference implementation.

dbt makes the query of each for BigQuery, and a macro of the tests tells it in place of running it.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.python.bigquery.analyzer import Outcome, Step, evaluate
from tests.python.bigquery.compiled import Project, declared
from tests.python.bigquery.warehouse import BigQueryWarehouse, emulator_project
from tests.python.conftest import ROOT

MACROS = Path(__file__).parent / "unit_macros"
TOLD = "unit test "


def names() -> Iterator[str]:
    """The unit tests of all models, as their YAML names them."""
    for path in sorted(ROOT.glob("models/**/*.yml")):
        content = yaml.safe_load(path.read_text())
        yield from (f"{test['model']}: {test['name']}" for test in content.get("unit_tests", ()))


NAMES = list(names())


@dataclass(frozen=True)
class UnitTest:
    """A unit test for BigQuery: the query, the expected rows, and the columns of its model."""

    name: str
    sql: str
    rows: Sequence[Mapping[str, Any]]
    columns: Mapping[str, str]

    @property
    def steps(self) -> list[Step]:
        """What the query gives of the columns that are expected, and what is expected of them."""
        wanted = list(self.rows[0]) if self.rows else list(self.columns)
        expected = " union all ".join(
            f"select {', '.join(f'{self.value(row, name)} as {name}' for name in wanted)}"
            for row in self.rows
        )
        return [
            Step(f"select {', '.join(wanted)} from ({self.sql}\n)"),
            Step(expected or f"select {', '.join(wanted)} from ({self.sql}\n) where false"),
        ]

    def value(self, row: Mapping[str, Any], name: str) -> str:
        """A value of a row as dbt writes it: text that is cast to the column's type."""
        value = row.get(name)
        literal = json.dumps(value) if value is not None else "null"
        return f"safe_cast({literal} as {self.columns[name]})"


@pytest.fixture(scope="module")
def told(bigquery_endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> list[UnitTest]:
    directory = tmp_path_factory.mktemp("unit")
    warehouse = BigQueryWarehouse(
        directory, project=emulator_project(MACROS), endpoint=bigquery_endpoint
    )
    seeded = warehouse.dbt("seed")
    assert seeded.success, seeded.exception
    project = Project(warehouse)
    warehouse.log_level = "error"
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        run = warehouse.dbt("test", "--select", "test_type:unit")
    errors = [r.message for r in run.result.results if r.status == "error"]
    assert errors == []
    columns = {node.unique_id: declared(node) for node in project.models()}
    found = [
        json.loads(line.partition(TOLD)[2]) for line in text.getvalue().splitlines() if TOLD in line
    ]
    return [
        UnitTest(
            f"{one['tests'].rpartition('.')[2]}: {one['name']}",
            one["sql"],
            one["rows"],
            columns[one["tests"]],
        )
        for one in found
    ]


@pytest.fixture(scope="module")
def outcomes(told: list[UnitTest]) -> dict[str, tuple[Outcome, Outcome]]:
    """What each query gives, and what is expected, by the name of the test."""
    # dbt writes the times of unit tests without a zone.
    done = evaluate({}, [step for test in told for step in test.steps], time_zone="UTC")
    return {test.name: (done[2 * n], done[2 * n + 1]) for n, test in enumerate(told)}


def counted(outcome: Outcome) -> Counter[str]:
    return Counter(json.dumps(row) for row in outcome.rows)


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_test_passes(outcomes: Mapping[str, tuple[Outcome, Outcome]], name: str) -> None:
    actual, expected = outcomes[name]
    assert (actual.error, expected.error) == (None, None)
    assert counted(actual) == counted(expected)


def test_a_wrong_expectation_fails(told: list[UnitTest]) -> None:
    (test,) = (test for test in told if test.name.endswith("blocked_bounces_are_told_apart"))
    rows = [{**test.rows[0], "provider_subtype": "hard"}, *test.rows[1:]]
    wrong = UnitTest(test.name, test.sql, rows, test.columns)
    actual, expected = evaluate({}, wrong.steps)
    assert (actual.error, expected.error) == (None, None)
    assert counted(actual) != counted(expected)


def test_no_unit_test_is_left_out(told: list[UnitTest]) -> None:
    assert Counter(test.name for test in told) == Counter(NAMES)
