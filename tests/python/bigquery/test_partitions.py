"""A frequent run on BigQuery reads of each history only the partitions that it needs.

GoogleSQL's analyzer resolves the compiled SQL of each model; on every way from its result to a
table of history stands a predicate that compares the table's partition column with a literal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.python.bigquery.analyzer import Read, reads
from tests.python.bigquery.compiled import Project, timeless
from tests.python.bigquery.warehouse import BigQueryWarehouse
from tests.python.conftest import ROOT

STAGING = sorted(path.stem for path in ROOT.glob("models/staging/*/stg_*.sql"))
#: The sender's own log and the directory are partitioned by their own dates.
OWN_DATES = {"stg_email_log__events": "landed_at", "stg_directory__events": "landed_at"}
#: Tables that grow with every event, and the column by whose day or month they are partitioned.
PARTITIONED: Mapping[str, str] = {
    "webhook_deliveries": "received_at",
    "int_events_unioned": "loaded_at",
    "int_events_deduplicated": "copy_day",
    "events": "loaded_at",
    "int_events_superseded": "loaded_at",
    "sync_ledger": "pushed_at",
    # A view over the ledger, which passes the time of the answer on.
    "int_ledger_outcomes": "pushed_at",
    # Views over the deliveries, which pass the time of arrival on.
    **dict.fromkeys(STAGING, "received_at"),
    **OWN_DATES,
}
#: Views that pass a partition column on: they are judged where they are read.
VIEWS = (*STAGING, "int_ledger_outcomes")
#: What `contact-sync alert` reads every few minutes: of the events the partitions of a day.
LOOKS = ("alert_rate_measures", "alert_source_measures")
SITUATIONS = ("nothing new", "something new", "everything anew")
#: Models whose predicates are taken away, one at a time.
BROKEN = (
    ("events", "loaded_at > "),
    ("int_events_deduplicated", "loaded_at > "),
    ("int_events_latest", "loaded_at > "),
    ("int_contacts_changed", "loaded_at > "),
    ("quarantined_deliveries", "loaded_at > "),
    ("int_events_unioned", "received_at >= "),
    ("int_events_unioned", "loaded_at >= "),
    ("int_ledger_recent", "pushed_at >= "),
    ("int_ledger_latest", "pushed_at >= "),
    ("int_pushed_addresses", "pushed_at >= "),
    ("alert_rate_measures", "loaded_at > "),
    ("alert_source_measures", "loaded_at > "),
)

Reads = Mapping[str, Sequence[Read]]


@dataclass(frozen=True)
class Found:
    """Reads of the models of the selector `frequent` in each situation; of those of which a
    predicate was taken away; of bounded selects from the views; of the looks of `alert`.
    """

    frequent: Mapping[str, Reads]
    broken: Mapping[tuple[str, str], Reads]
    views: Reads
    looks: Reads


def problems(found: Reads) -> list[str]:
    """Reads of history that have no bound on the partition column, each in words."""
    return [
        f"{model} reads {read.table} from the beginning of {PARTITIONED[read.table]}"
        for model, of_model in found.items()
        for read in of_model
        if read.table in PARTITIONED and PARTITIONED[read.table] not in read.bounded
    ]


@pytest.fixture(scope="module")
def found(bigquery_endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Found:
    warehouse = BigQueryWarehouse(tmp_path_factory.mktemp("partitions"), endpoint=bigquery_endpoint)
    project = Project(warehouse)
    listed = warehouse.dbt("ls", "--selector", "frequent", "--output", "name")
    assert listed.success, listed.exception
    nodes = {situation: models(project, situation) for situation in SITUATIONS}
    scripts = {
        (situation, name): sql
        for situation, of_situation in nodes.items()
        for name, sql in of_situation.items()
        if name in listed.result and name not in VIEWS
    }
    for name, predicate in BROKEN:
        sql = nodes["something new"][name]
        assert predicate in sql, name
        scripts[predicate, name] = sql.replace(predicate, f"{predicate.split()[0]} <> ")
    for name in VIEWS:
        view = nodes["nothing new"][name]
        column = "pushed_at" if name == "int_ledger_outcomes" else "received_at"
        scripts["view", name] = f"select * from ({view}) where {column} > timestamp '2026-05-02'"
    for name in LOOKS:
        scripts["look", name] = nodes["nothing new"][name]
    texts = list(dict.fromkeys(map(timeless, scripts.values())))
    of_text = dict(zip(texts, reads(project.tables(), texts), strict=True))
    answers = {of: of_text[timeless(sql)] for of, sql in scripts.items()}
    return Found(
        frequent={
            situation: {
                name: answer for (kind, name), answer in answers.items() if kind == situation
            }
            for situation in SITUATIONS
        },
        broken={(name, text): {name: answers[text, name]} for name, text in BROKEN},
        views={name: answers["view", name] for name in VIEWS},
        looks={name: answers["look", name] for name in LOOKS},
    )


def models(project: Project, situation: str) -> dict[str, str]:
    """The compiled SQL of every model."""
    nodes: list[Any] = project.compiled(situation)
    return {node.name: node.compiled_code for node in nodes if node.resource_type == "model"}


@pytest.mark.parametrize("situation", ["nothing new", "something new"])
def test_a_frequent_run_reads_no_history_from_its_beginning(found: Found, situation: str) -> None:
    assert problems(found.frequent[situation]) == []


def test_only_a_run_with_an_as_of_of_its_own_looks_for_what_earlier_ones_hid(found: Found) -> None:
    assert set(problems(found.frequent["everything anew"])) == {
        f"{model} reads int_events_unioned from the beginning of loaded_at"
        for model in (
            "int_events_deduplicated",
            "int_platform_ids",
            "quarantined_deliveries",
            "events",
        )
    }


def test_every_history_is_read_somewhere(found: Found) -> None:
    read = {
        one.table
        for of_situation in found.frequent.values()
        for of_model in of_situation.values()
        for one in of_model
    }
    # Deliveries are read through the views alone, which are judged below.
    assert read >= PARTITIONED.keys() - OWN_DATES.keys() - {"webhook_deliveries"}


def test_a_look_of_alert_reads_the_days_that_it_measures(found: Found) -> None:
    assert problems(found.looks) == []
    for name, of_look in found.looks.items():
        assert "events" in {one.table for one in of_look}, name


@pytest.mark.parametrize(("model", "predicate"), BROKEN)
def test_a_predicate_that_is_missing_is_found(found: Found, model: str, predicate: str) -> None:
    assert problems(found.broken[model, predicate])


@pytest.mark.parametrize("name", sorted(set(VIEWS) - OWN_DATES.keys()))
def test_a_bound_on_a_view_reaches_its_table(found: Found, name: str) -> None:
    table = "sync_ledger" if name == "int_ledger_outcomes" else "webhook_deliveries"
    bounds = [read.bounded for read in found.views[name] if read.table == table]
    assert bounds
    assert all(PARTITIONED[table] in bounded for bounded in bounds)
