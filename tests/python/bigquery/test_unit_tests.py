"""Every dbt unit test of the project, run by GoogleSQL's reference implementation.

dbt makes the query of each for BigQuery, with parameters for the given rows, and a macro of the
tests tells it in place of running it. Unit tests that differ in rows alone have one query.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.python.bigquery.analyzer import Columns, Outcome, Step, Table, evaluate
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


Row = Mapping[str, Any]


@dataclass(frozen=True)
class UnitTest:
    """A unit test for BigQuery: its query, the rows of its parameters, the expected rows."""

    sql: str
    given: Mapping[str, Table]
    expected: Sequence[Row]
    columns: Columns

    @property
    def tables(self) -> dict[str, Table]:
        """What is given, by names that tell equal tables from others."""
        return {name_of(table): table for table in self.given.values()}

    @property
    def step(self) -> Step:
        return Step(self.sql, given={name: name_of(table) for name, table in self.given.items()})

    def rows(self, outcome: Outcome) -> Counter[str]:
        """Of what the query gives, the columns that are expected; all of them with no row."""
        names = list(outcome.columns)
        wanted = self.expected[0] if self.expected else self.columns
        places = [names.index(name) for name in wanted]
        return counted([row[place] for place in places] for row in outcome.rows)

    def expected_rows(self) -> Counter[str]:
        wanted = list(self.expected[0]) if self.expected else []
        return counted(
            [value(row.get(name), self.columns[name]) for name in wanted] for row in self.expected
        )


def name_of(table: Table) -> str:
    return json.dumps([table.columns, table.rows])


def counted(rows: Iterable[Sequence[Any]]) -> Counter[str]:
    return Counter(map(json.dumps, rows))


def value(written: Any, kind: str) -> Any:
    """A value of the YAML as one of its column's type, in the evaluator's form."""
    if written is None:
        return None
    return FORMS[kind](written)


def instant(text: str) -> str:
    """dbt writes the times of unit tests without a zone, in UTC."""
    time = datetime.fromisoformat(text)
    zoned = time if time.tzinfo else time.replace(tzinfo=UTC)
    return zoned.astimezone(UTC).isoformat(timespec="microseconds")


def whole_number(written: Any) -> int:
    return int(str(written))


def unchanged(written: Any) -> Any:
    return written


#: By the type of a column: how what is written for it is read.
FORMS: Mapping[str, Callable[[Any], Any]] = {
    "string": unchanged, "bool": unchanged, "int64": whole_number, "timestamp": instant,
    "date": unchanged,
}  # fmt: skip


@pytest.fixture(scope="module")
def unit_tests(
    bigquery_endpoint: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, UnitTest]:
    """All of them, as NAMES has them."""
    warehouse = BigQueryWarehouse(
        tmp_path_factory.mktemp("unit"),
        project=emulator_project(MACROS),
        endpoint=bigquery_endpoint,
    )
    project = Project(warehouse)
    columns = {node.name: declared(node) for node in [*project.sources(), *project.models()]}
    columns |= {seed.name: dict(seed.config.column_types) for seed in project.seeds()}
    tests = {f"{test.model}: {test.name}": test for test in project.manifest.unit_tests.values()}
    one_of_each = {all_but_rows(test): name for name, test in tests.items()}
    queries = told(warehouse, [tests[name] for name in one_of_each.values()])
    return {
        name: UnitTest(
            sql=queries[one_of_each[all_but_rows(test)]],
            given=dict(given(one, test.model, columns) for one in test.given if not is_sql(one)),
            expected=rows_of(test.expect),
            columns=columns[test.model],
        )
        for name, test in tests.items()
    }


def is_sql(fixture: Any) -> bool:
    """Whether given rows are written as a query."""
    return isinstance(fixture.rows, str)


def rows_of(fixture: Any) -> list[dict[str, Any]]:
    assert isinstance(fixture.rows, list)
    return fixture.rows


def all_but_rows(test: Any) -> str:
    """All of a unit test that its query depends on; given rows that are SQL stand in it."""
    given = [(one.input, one.rows if is_sql(one) else None) for one in test.given]
    overrides = test.overrides.to_dict() if test.overrides else None
    return json.dumps([test.model, overrides, given])


def told(warehouse: BigQueryWarehouse, tests: Sequence[Any]) -> dict[str, str]:
    """The queries that dbt makes for these unit tests, by their names."""
    warehouse.log_level = "error"
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        run = warehouse.dbt("test", "--select", *(".".join(test.fqn) for test in tests))
    errors = [r.message for r in run.result.results if r.status == "error"]
    assert errors == []
    lines = (line.partition(TOLD)[2] for line in text.getvalue().splitlines() if TOLD in line)
    found = [json.loads(line) for line in lines]
    return {f"{one['tests'].rpartition('.')[2]}: {one['name']}": one["sql"] for one in found}


def given(fixture: Any, model: str, columns: Mapping[str, Columns]) -> tuple[str, Table]:
    """Name and rows of a parameter; columns that a row does not name are null."""
    (name,) = re.findall(r"'(\w+)'\)", fixture.input) or [model]
    rows = rows_of(fixture)
    assert {column for row in rows for column in row} <= columns[name].keys(), name
    kinds = columns[name].items()
    return name, Table(
        columns[name], [[value(row.get(column), kind) for column, kind in kinds] for row in rows]
    )


@pytest.fixture(scope="module")
def outcomes(unit_tests: Mapping[str, UnitTest]) -> dict[str, Outcome]:
    """What each query gives, by the name of the test."""
    tables = {name: table for test in unit_tests.values() for name, table in test.tables.items()}
    steps = [test.step for test in unit_tests.values()]
    # Given rows that are SQL have times without a zone, too.
    return dict(zip(unit_tests, evaluate(tables, steps, time_zone="UTC"), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_test_passes(
    unit_tests: Mapping[str, UnitTest], outcomes: Mapping[str, Outcome], name: str
) -> None:
    assert outcomes[name].error is None
    assert unit_tests[name].rows(outcomes[name]) == unit_tests[name].expected_rows()


def test_a_wrong_expectation_fails(
    unit_tests: Mapping[str, UnitTest], outcomes: Mapping[str, Outcome]
) -> None:
    (name,) = (name for name in NAMES if name.endswith("blocked_bounces_are_told_apart"))
    test = unit_tests[name]
    expected = [{**test.expected[0], "provider_subtype": "hard"}, *test.expected[1:]]
    wrong = replace(test, expected=expected)
    assert wrong.rows(outcomes[name]) != wrong.expected_rows()


def test_no_unit_test_is_left_out(unit_tests: Mapping[str, UnitTest]) -> None:
    assert Counter(unit_tests.keys()) == Counter(NAMES)
