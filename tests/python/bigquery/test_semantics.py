"""GoogleSQL's reference implementation runs the whole build, and gives the rows that DuckDB gives.

The emulator cannot show that: it is DuckDB underneath, with its ways of text, JSON and time.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pytest

from sync.demo import generator, story
from tests.python.bigquery.analyzer import Columns, Outcome, Step, Table, evaluate
from tests.python.bigquery.compiled import Project, declared, place
from tests.python.bigquery.test_types import MODELS
from tests.python.bigquery.warehouse import BigQueryWarehouse
from tests.python.conftest import Warehouse
from tests.python.size import sized
from tests.python.staging.bad_bodies import bad_bodies
from tests.python.staging.bodies import CONTACTS, SOURCES, land_fixtures
from tests.python.staging.test_domains import DOMAINS, UNCERTAIN

DAYS = 120
#: Of the demo's generator.
EVENTS = sized(small=60, deep=1_500)
#: After everything that is landed.
NOW = datetime.combine(generator.START, datetime.min.time(), UTC) + timedelta(days=DAYS + 2)
#: About the run and where a row was landed, not about contacts. The last two hold the text of a
#: JSON number (1.50 is 1.5 on DuckDB) and the landing part.
OF_THE_BUILD = {
    "loaded_at", "computed_at", "changed_at", "copy_loaded_at", "landing_part", "landed_at",
    "happened_at_raw", "quarantine_id", "listed_at", "seconds_to_list",
}  # fmt: skip
#: Bodies with an object or an array where text belongs: its JSON text on DuckDB, null on BigQuery.
#: No such text is an address or an id, and both engines keep the same elements.
OBJECTS_FOR_TEXT = ("/bad/objects_for_text", "/bad/arrays_for_text", "/wrong_types")
#: Longer bodies say nothing more here; the library takes seconds to be given one.
LONGEST = 100_000


@dataclass(frozen=True)
class Both:
    """The rows of every model on both engines, and the data tests on GoogleSQL's."""

    duckdb: Mapping[str, list[dict[str, Any]]]
    googlesql: Mapping[str, Outcome]
    tests: Mapping[str, Outcome]


def land_everything(warehouse: Warehouse) -> None:
    """Every fixture of every platform, bodies that none sends, a sender's log, and the demo."""
    land_fixtures(warehouse)
    for source in SOURCES:
        for name, (body, _) in bad_bodies(source).items():
            if len(body) < LONGEST:
                warehouse.land(source, body, delivery_id=f"{source}/bad/{name}")
    # Domains beyond ASCII.
    refused = [
        {"event": "unsubscribe", "email": f"mia@{domain}", "timestamp": 1_777_600_000 + number}
        for number, domain in enumerate((*DOMAINS, *UNCERTAIN, "BU\u0308CHER.example."))
        # The library reads no letter that JSON writes as two.
        if max(domain) < "\U00010000"
    ]
    warehouse.land("sendgrid", refused, delivery_id="domains")
    warehouse.land("nobody-we-know", {"hello": "world"})
    for address, day in (("mia@example.org", 1), ("Noa@Example.org ", 1), ("leo@example.net", 2)):
        sent = {"recipient_email": address, "send_date": f"2026-05-{day:02}T10:00:00Z"}
        warehouse.land_rows("email_sends", [{**sent, "message_id": f"m{day}"}])
    opened = {"id": "7", "recipient_email": "noa@example.org", "open_date": "2026-08-30T10:00:00Z"}
    warehouse.land_rows("email_opens", [opened])
    warehouse.land_rows("contacts", CONTACTS)
    spam = {"name": "domains/example.com/domainStats/x", "metric": "SPAM_RATE"}
    may_2 = {"year": 2026, "month": 5, "day": 2}
    for value in ({"floatValue": 1.2e-3}, {"doubleValue": 1.5e-5}, {"floatValue": "NaN"}, None):
        warehouse.land_rows("postmaster_daily", [{**spam, "date": may_2, "value": value}])
    generator.land(warehouse.landing, events=EVENTS, seed=7, days=DAYS)
    story.land_first_days(warehouse.landing, start=generator.START, days=DAYS)
    story.land_second_day(warehouse.landing, start=generator.START, days=DAYS)


@pytest.fixture(scope="module")
def both(
    bigquery_endpoint: str,
    new_warehouse: Callable[[], Warehouse],
    tmp_path_factory: pytest.TempPathFactory,
) -> Both:
    warehouse = new_warehouse()
    land_everything(warehouse)
    warehouse.build(as_of=NOW.isoformat())
    confirm_pushes(warehouse)
    warehouse.build("--full-refresh", as_of=NOW.isoformat())
    # As the build found them: views of what changed since the last one show what it computed.
    warehouse.rows("delete from raw.watermarks")
    project = Project(
        BigQueryWarehouse(tmp_path_factory.mktemp("semantics"), endpoint=bigquery_endpoint)
    )
    nodes = project.compiled("full build", as_of=NOW.isoformat())
    steps = [
        Step(node.compiled_code, place(node) if node.resource_type == "model" else None)
        for node in nodes
    ]
    outcomes = list(zip(nodes, evaluate(given(project, warehouse), steps), strict=True))
    return Both(
        duckdb={name: warehouse.rows(f"select * from main.{name}") for name in MODELS},
        googlesql=of_kind("model", outcomes),
        tests=of_kind("test", outcomes),
    )


def confirm_pushes(warehouse: Warehouse) -> None:
    """As if a push of two days ago had placed every other address that is to be suppressed."""
    with duckdb.connect(str(warehouse.database)) as connection:
        connection.execute(
            "insert into raw.sync_ledger (run_id, delta_id, destination, channel, scope, address,"
            " contact_id, action, reason, event_id, outcome, attempts, pushed_at)"
            " select 'r1', delta_id, destination, channel, scope, address, contact_id, action,"
            " reason, event_id, 'confirmed', 1, ? from main.sync_deltas"
            " where action = 'suppress' and delta_id < '8'",
            [(NOW - timedelta(days=2)).replace(tzinfo=None)],
        )


def given(project: Project, warehouse: Warehouse) -> dict[str, Table]:
    """Seeds and raw tables with the rows that DuckDB has of them."""
    found = {}
    for node in project.sources():
        found[place(node)] = table(warehouse, f"raw.{node.name}", declared(node))
    for node in project.seeds():
        found[place(node)] = table(warehouse, f"main.{node.name}", node.config.column_types)
    return found


def table(warehouse: Warehouse, name: str, columns: Columns) -> Table:
    readable = " where delivery_id is not null and received_at is not null"
    where = readable if name == "raw.webhook_deliveries" else ""
    rows = warehouse.rows(f"select {', '.join(columns)} from {name}{where}")
    return Table(
        dict(columns),
        [[typed(row[column], kind) for column, kind in columns.items()] for row in rows],
    )


def typed(value: Any, kind: str) -> Any:
    """A value of DuckDB, where the raw tables hold text, as BigQuery's type."""
    if value is None or kind != "timestamp":
        return value
    time = datetime.fromisoformat(value) if isinstance(value, str) else value
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).isoformat()


def named(outcome: Outcome) -> list[dict[str, Any]]:
    """The rows of an outcome by the names of their columns."""
    return [dict(zip(outcome.columns, row, strict=True)) for row in outcome.rows]


def of_kind(kind: str, outcomes: Sequence[tuple[Any, Outcome]]) -> dict[str, Outcome]:
    return {node.name: outcome for node, outcome in outcomes if node.resource_type == kind}


def comparable(rows: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """The rows as text, without what is about the build and what differs by design."""
    kept = [row for row in rows if not is_unreadable(row) and not is_object_for_text(row)]
    return Counter(
        json.dumps({key: plain(row[key]) for key in sorted(row) if key not in OF_THE_BUILD})
        for row in kept
    )


def is_unreadable(row: Mapping[str, Any]) -> bool:
    """Made of a landed line without an id or a time of arrival, for which BigQuery has no room."""
    return None in (row.get("delivery_id", ""), row.get("received_at", ""))


def is_object_for_text(row: Mapping[str, Any]) -> bool:
    return str(row.get("delivery_id")).removesuffix("/retry").endswith(OBJECTS_FOR_TEXT)


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC).isoformat(timespec="microseconds")
    return value.isoformat() if isinstance(value, date) else value


#: They count what differs by design: lines that cannot be read, objects where text belongs.
COUNTS = {
    "alert_source_measures", "findings_of_sources", "status_findings", "status_quarantined",
    "status_unknown_events",
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in MODELS if name not in COUNTS])
def test_a_model_has_the_same_rows(both: Both, name: str) -> None:
    outcome = both.googlesql[name]
    assert outcome.error is None
    found, expected = comparable(named(outcome)), comparable(both.duckdb[name])
    assert found - expected == Counter(), "rows that DuckDB does not have"
    assert expected - found == Counter(), "rows that GoogleSQL does not have"


def test_the_same_elements_are_kept_where_an_object_stands_for_text(both: Both) -> None:
    kept = {}
    for name in ("events", "quarantined_deliveries"):
        for engine, rows in (
            ("DuckDB", both.duckdb[name]),
            ("Google", named(both.googlesql[name])),
        ):
            kept[engine, name] = Counter(
                (row["delivery_id"], row["position"]) for row in rows if is_object_for_text(row)
            )
    assert kept["DuckDB", "events"] == kept["Google", "events"] == Counter()
    assert kept["DuckDB", "quarantined_deliveries"] == kept["Google", "quarantined_deliveries"]
    assert kept["DuckDB", "quarantined_deliveries"]


def test_data_tests_find_nothing(both: Both) -> None:
    found = {name: outcome.error or outcome.rows for name, outcome in both.tests.items()}
    assert {name: rows for name, rows in found.items() if rows} == {}
    assert found


#: This build has nothing for them: test_unit_tests.py runs their unit tests in GoogleSQL.
EMPTY = {
    "alert_push_measures",
    "alert_rate_measures",
    "alert_source_measures",
    "backfill_conflicts",
    "deliverability_alerts",
    "findings_of_builds",
    "int_cross_channel_reasons",
    "int_desired_profiles",
    "int_events_corrected",
    "int_events_superseded",
    "int_freed_suppressions",
    "int_ledger_attempts",
    "int_ledger_unconfirmed",
    "int_lost_suppressions",
    "int_profile_deltas",
    "int_profile_updates",
    "int_profiles_by_destination",
    "int_releases",
    "int_repeated_bounces",
    "int_seen_contacts",
    "int_suppressed_owners",
    "int_unheld_suppressions",
    "status_contacts_over_address_limit",
    "status_failed",
    "status_rejected",
    "status_requests",
    "status_runs",
    "status_unknown",
    "status_unmatched_rows",
}


@pytest.mark.parametrize("name", [name for name in MODELS if name not in EMPTY])
def test_a_model_has_rows(both: Both, name: str) -> None:
    assert both.duckdb[name]
