"""The same landed input on both engines: all builds and data tests succeed, and the rows are equal.

Four builds: two with nothing landed, a full one of the demo's first days and of bodies that no
platform sends, and an increment.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from sync.demo import generator, story
from tests.python.bigquery.compiled import asked
from tests.python.bigquery.warehouse import BigQueryWarehouse
from tests.python.conftest import Warehouse, new_built_warehouse
from tests.python.staging.bad_bodies import land_bad_bodies

DAYS = 120
BUILDS = ("empty", "empty again", "full", "increment")
FILLED = ("full", "increment")
#: Every model that analysts or the command read, and what they are made of.
TABLES = (
    "events", "quarantined_deliveries", "unengaged", "suppression_list", "contact_profiles",
    "sync_deltas", "contact_state", "int_contact_state", "int_suppression_reasons",
    "int_deltas", "int_events_latest", "int_contact_identifiers", "int_contact_addresses",
)  # fmt: skip
#: When a build did something; and ids made of where a row was landed: a file on DuckDB, a day's
#: partition on BigQuery.
OF_THE_BUILD = {
    "loaded_at", "computed_at", "quarantine_id",
    "dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to",
}  # fmt: skip
#: A line of these has no id: it is made of all its fields, of times as the raw table holds them,
#: text on DuckDB and TIMESTAMP on BigQuery.
WITHOUT_IDS = {"email_log", "directory"}
#: Lines that BigQuery's raw tables have no room for.
DUCKDB_ONLY = {"unreadable line", "no received_at"}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Built:
    """What dbt said of each node in one build, the merges that BigQuery was sent, and the rows that
    each engine then had.
    """

    statuses: Mapping[str, str]
    merges: Sequence[str]
    duckdb: Mapping[str, Sequence[Row]]
    bigquery: Mapping[str, Sequence[Row]]


def build(duckdb: Warehouse, bigquery: BigQueryWarehouse, *options: str) -> Built:
    duckdb.build(*options)
    before = len(list(asked(bigquery)))
    left_out = () if "--selector" in options else ("--exclude-resource-type", "unit_test")
    run = bigquery.dbt("build", *left_out, *options)
    assert run.exception is None, run.exception
    return Built(
        statuses={n.node.name: f"{n.status}: {n.message}" for n in run.result.results},
        merges=[sql for sql in list(asked(bigquery))[before:] if "merge into" in sql],
        duckdb={table: duckdb.rows(f"select * from {table}") for table in TABLES},
        bigquery={table: bigquery.rows(f"select * from {table}") for table in TABLES},
    )


@pytest.fixture(scope="module")
def built(new_bigquery: Callable[[], BigQueryWarehouse]) -> Mapping[str, Built]:
    bigquery = new_bigquery()
    duckdb = new_built_warehouse(bigquery.directory)
    empty, again = build(duckdb, bigquery), build(duckdb, bigquery, "--selector", "frequent")
    generator.land(duckdb.landing, events=1_000, seed=7, days=DAYS)
    story.land_first_days(duckdb.landing, start=generator.START, days=DAYS)
    land_bad_bodies(duckdb)
    full = build(duckdb, bigquery, "--full-refresh")
    story.land_second_day(duckdb.landing, start=generator.START, days=DAYS)
    return dict(zip(BUILDS, (empty, again, full, build(duckdb, bigquery)), strict=True))


@pytest.mark.parametrize("name", BUILDS)
def test_a_build_and_its_data_tests_succeed(built: Mapping[str, Built], name: str) -> None:
    # An exposure does nothing in a build.
    fine = {"success", "pass", "no-op"}
    failed = {
        node: text for node, text in built[name].statuses.items() if text.split(":")[0] not in fine
    }
    assert [text for text in failed.values() if not text.startswith("skipped")] == []
    assert failed == {}


def test_a_frequent_build_fills_tables_and_makes_no_views_and_seeds(
    built: Mapping[str, Built],
) -> None:
    nodes = built["empty again"].statuses
    assert {"int_events_unioned", "contact_profiles", "sync_deltas_is_valid"} <= nodes.keys()
    assert not {"stg_sendgrid__events", "sync_deltas", "destinations"} & nodes.keys()


@pytest.mark.parametrize("name", BUILDS[:2])
def test_nothing_is_made_of_nothing(built: Mapping[str, Built], name: str) -> None:
    assert {table: rows for table, rows in built[name].bigquery.items() if rows} == {}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", FILLED)
def test_rows_are_equal_on_both_engines(built: Mapping[str, Built], name: str, table: str) -> None:
    there, here = (
        Counter(compared(row) for row in rows if row.get("reason") not in DUCKDB_ONLY)
        for rows in (built[name].duckdb[table], built[name].bigquery[table])
    )
    assert there, "nothing to compare"
    assert (there - here, here - there) == (Counter(), Counter())


@pytest.mark.parametrize(
    ("table", "predicate"),
    [
        ("events", r"DBT_INTERNAL_DEST\.loaded_at >= timestamp '[^']+'"),
        ("int_events_deduplicated", r"DBT_INTERNAL_DEST\.copy_day in \(timestamp '[^']+'"),
        # Rows are only ever added: no row of it is looked at.
        ("int_events_unioned", r"\bFALSE\b"),
    ],
)
def test_a_merge_reads_only_the_partitions_that_it_names(
    built: Mapping[str, Built], table: str, predicate: str
) -> None:
    merges = [sql for sql in built["increment"].merges if f".`{table}`" in sql.split("using")[0]]
    assert merges
    for sql in merges:
        condition = sql[sql.index(" on (") : sql.index("when ")]
        assert re.search(predicate, condition), condition


def test_the_increment_changed_what_is_compared(built: Mapping[str, Built]) -> None:
    for table in ("events", "suppression_list", "contact_profiles", "sync_deltas"):
        before, after = (
            Counter(compared(row) for row in built[name].bigquery[table]) for name in FILLED
        )
        assert before != after, table


def test_a_build_with_unit_tests_succeeds_on_a_fresh_warehouse(
    new_bigquery: Callable[[], BigQueryWarehouse],
) -> None:
    """A plain `dbt build` runs them before there is a table to read columns of."""
    cautious = ("--indirect-selection", "cautious")
    run = new_bigquery().dbt(
        "build", *cautious, "--select", "+int_pushed_addresses", "+int_ledger_latest"
    )
    assert run.success, [n.message for n in run.result.results if n.status == "error"]
    assert "unit_test" in {n.node.resource_type for n in run.result.results}


def compared(row: Row) -> tuple[tuple[str, Any], ...]:
    """A row's columns and values, but for those that are the build's."""
    apart = set(OF_THE_BUILD)
    if row.get("source") in WITHOUT_IDS:
        apart |= {"delivery_id", "event_id"}
    return tuple(sorted((name, value) for name, value in row.items() if name not in apart))
