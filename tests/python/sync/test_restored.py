"""What was saved, lost, renamed or stamped by another clock: nobody is freed who should not be.

Over the real models. All tests on DuckDB go on from the same two days: on the first a list is
pushed and a backup made, on the second more is heard and pushed.
"""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sync.delivery.guard import Limits
from sync.delivery.plan import Plan, make_plan
from sync.delivery.push import push
from sync.delivery.report import Options, Part
from sync.warehouse.duckdb import DuckDbWarehouse
from tests.python.conftest import Warehouse, new_built_warehouse, project_with_seeds
from tests.python.sync.real import cli
from tests.python.sync.world import KEY, Quiet, SandboxClient

#: Bounced, and delivered to again before the first push: nothing to send on the first day.
ANN = "ann@example.org"
#: Opted out, and bounced, on the first day.
BOB, CID = "bob@example.org", "cid@example.org"
#: Opts out on the second day, on which Ann bounces again.
DAN = "dan@example.org"
#: Opts out after all that.
EVE = "eve@example.org"
FIRST, SECOND, THIRD = 1_777_600_000, 1_777_700_000, 1_777_800_000


@dataclass(frozen=True)
class Days:
    """The warehouse after the second day, the backup of the first, and what the platform has."""

    warehouse: Warehouse
    backup: Path
    lists: dict[str, Any]


def instant(at: int) -> datetime:
    """Epoch seconds as naive UTC."""
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None)


def land(warehouse: Warehouse, at: int, **said: str) -> None:
    """What SendGrid reports: a kind of event and whose it is, each later than the one before."""
    events = [
        {
            "email": email,
            "event": kind,
            "timestamp": at + number,
            "sg_event_id": f"{kind}-{at}",
            **({"type": "bounce"} if kind == "bounce" else {}),
        }
        for number, (kind, email) in enumerate(said.items())
    ]
    warehouse.land("sendgrid", events, received_at=f"{instant(at + 60).isoformat()}Z")


def build(warehouse: Warehouse) -> None:
    """What the frequent schedule fills, without its data tests."""
    done = warehouse.dbt("run", "--selector", "frequent")
    assert done.success, done.exception
    assert warehouse.values("select ok from raw.builds order by ended_at desc limit 1") == [True]


def environment(sandbox: SandboxClient) -> dict[str, str]:
    return {
        "SENDGRID_API_KEY": KEY,
        "SENDGRID_BASE_URL": f"{sandbox.url}/sendgrid",
        "SENDGRID_RATE": "0",
        "CONTACT_SYNC_RETRY_WAIT": "0.01",
    }


def planned(warehouse: Warehouse, sandbox: SandboxClient) -> Plan:
    opened = DuckDbWarehouse(warehouse.database)
    return make_plan(opened, (), Limits(), environment(sandbox))


def pushed(warehouse: Warehouse, sandbox: SandboxClient, plan: str | None = None) -> Part:
    opened = DuckDbWarehouse(warehouse.database)
    options = Options(plan=plan)
    stop = threading.Event()
    report = push(opened, options, environment(sandbox), progress=Quiet(), stop=stop)
    return report.parts[0]


def deltas(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """Action, address and reason of all that is pending."""
    rows = warehouse.rows("select action, address, reason from main.sync_deltas order by all")
    return [tuple(row.values()) for row in rows]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, sandbox_process: SandboxClient) -> Days:
    warehouse = new_built_warehouse(tmp_path_factory.mktemp("days"))
    sandbox_process.reset()
    # A ledger of a version that did not note the events' times.
    warehouse.rows("alter table raw.sync_ledger drop column event_timestamp")
    warehouse.rows("delete from raw.built_code where relation = 'main groups'")
    land(warehouse, FIRST, bounce=ANN, delivered=ANN, unsubscribe=BOB)
    land(warehouse, FIRST + 10, bounce=CID)
    build(warehouse)
    plan = planned(warehouse, sandbox_process).hash
    assert pushed(warehouse, sandbox_process, plan).exit_code == 0
    backup = warehouse.directory / "backup.duckdb"
    shutil.copy(warehouse.database, backup)
    land(warehouse, SECOND, bounce=ANN, unsubscribe=DAN)
    build(warehouse)
    assert pushed(warehouse, sandbox_process).exit_code == 0
    lists = sandbox_process.lists()
    assert lists["global"] == [ANN, BOB, CID, DAN]
    return Days(warehouse, backup, lists)


@pytest.fixture
def days(saved: Days, sandbox: SandboxClient, tmp_path: Path) -> Days:
    """A copy of them for each test."""
    home = tmp_path / "days"
    shutil.copytree(saved.warehouse.directory, home)
    sandbox.fill(saved.lists)
    return replace(
        saved,
        warehouse=replace(saved.warehouse, directory=home),
        backup=home / saved.backup.name,
    )


def test_a_ledger_of_an_older_version_gets_the_times_of_events(days: Days) -> None:
    rows = days.warehouse.rows(
        "select address, event_timestamp from raw.sync_ledger where outcome = 'confirmed'"
        " order by 1"
    )
    assert [(row["address"], row["event_timestamp"]) for row in rows] == [
        (ANN, instant(SECOND)),
        (BOB, instant(FIRST + 2)),
        (CID, instant(FIRST + 10)),
        (DAN, instant(SECOND + 1)),
    ]


def test_a_restored_backup_that_is_older_than_the_ledger_frees_nobody_till_all_is_back(
    days: Days, sandbox: SandboxClient
) -> None:
    """By the backup, Ann's mailbox had come back and of Dan nobody had ever heard."""
    warehouse = days.warehouse
    shutil.copy(warehouse.database, warehouse.directory / "newer.duckdb")
    shutil.copy(days.backup, warehouse.database)
    with duckdb.connect(str(warehouse.database)) as connection:
        connection.execute(f"attach '{warehouse.directory / 'newer.duckdb'}' as newer (read_only)")
        connection.execute("delete from raw.sync_ledger")
        connection.execute("insert into raw.sync_ledger by name from newer.raw.sync_ledger")
    (folder,) = warehouse.landing.rglob(f"date={instant(SECOND):%Y-%m-%d}")
    away = folder.rename(warehouse.directory / "away")
    land(warehouse, THIRD, delivered=CID, unsubscribe=EVE)
    build(warehouse)
    assert deltas(warehouse) == [
        ("release", ANN, "policy"),
        ("release", CID, "bounce"),
        ("suppress", EVE, "unsubscribe"),
    ]
    part = pushed(warehouse, sandbox)
    assert (part.exit_code, part.tally.suppressed, part.tally.released) == (3, 1, 0)
    assert "2 left the list since they were pushed" in str(part.held)
    assert sandbox.lists()["global"] == [ANN, BOB, CID, DAN, EVE]
    # What landed on the second day is found, and the next build knows it all again.
    away.rename(folder)
    build(warehouse)
    assert pushed(warehouse, sandbox).exit_code == 0
    assert sandbox.lists()["global"] == [ANN, BOB, DAN, EVE]


def test_without_its_ledger_it_asks_for_a_plan_and_that_frees_nobody(
    days: Days, sandbox: SandboxClient
) -> None:
    warehouse = days.warehouse
    warehouse.rows("delete from raw.sync_ledger")
    land(warehouse, THIRD, delivered=CID)
    build(warehouse)
    # The compact state remembers what builds had read; the next full refresh will not.
    assert deltas(warehouse) == [
        ("release", CID, "bounce"),
        ("suppress", ANN, "bounce"),
        ("suppress", DAN, "unsubscribe"),
    ]
    part = pushed(warehouse, sandbox)
    assert part.exit_code == 3
    assert "the first push to this row" in str(part.error)
    done = warehouse.dbt("run", "--select", "int_ledger_latest", "--full-refresh")
    assert done.success, done.exception
    build(warehouse)
    assert [(action, address) for action, address, _ in deltas(warehouse)] == [
        ("suppress", ANN),
        ("suppress", BOB),
        ("suppress", DAN),
    ]
    assert "the first push to this row" in str(pushed(warehouse, sandbox).error)
    assert pushed(warehouse, sandbox, planned(warehouse, sandbox).hash).exit_code == 0
    # Nobody knows any more that we stopped Cid there: `reconcile` shows it as foreign.
    assert sandbox.lists()["global"] == [ANN, BOB, CID, DAN]


def test_a_row_of_another_scope_is_a_new_list_and_the_old_one_waits_as_it_was(
    days: Days, sandbox: SandboxClient, tmp_path: Path
) -> None:
    """The row of the global list becomes one of group 77, and later what it was."""
    warehouse = days.warehouse
    sandbox.fill({"groups": {"77": []}})
    names = ("destinations.csv", "destination_reasons.csv")
    seeds = {
        name: (warehouse.project / "seeds" / name)
        .read_text(encoding="utf-8")
        .replace("sendgrid,email,,", "sendgrid,email,77,")
        for name in names
    }
    renamed = project_with_seeds(tmp_path / "project", seeds)
    land(warehouse, THIRD, delivered=CID, unsubscribe=EVE)
    everything = ("build", "--exclude-resource-type", "unit_test", "test", "snapshot")
    assert warehouse.dbt(*everything, project=renamed).success
    assert [(action, address) for action, address, _ in deltas(warehouse)] == [
        ("suppress", ANN),
        ("suppress", BOB),
        ("suppress", DAN),
        ("suppress", EVE),
    ]
    part = pushed(warehouse, sandbox)
    assert part.exit_code == 3
    assert "sendgrid email 77: the first push to this row" in str(part.error)
    assert pushed(warehouse, sandbox, planned(warehouse, sandbox).hash).exit_code == 0
    assert sandbox.lists()["groups"]["77"] == [ANN, BOB, DAN, EVE]
    assert sandbox.lists()["global"] == [ANN, BOB, CID, DAN]
    # Back as it was: what was heard meanwhile is sent, and it is no first push.
    assert warehouse.dbt(*everything).success
    assert pushed(warehouse, sandbox).exit_code == 0
    assert sandbox.lists()["global"] == [ANN, BOB, DAN, EVE]
    assert sandbox.lists()["groups"]["77"] == [ANN, BOB, DAN, EVE]


def test_a_machine_whose_clock_is_ten_minutes_ahead_delays_and_hides_nothing(
    days: Days, sandbox: SandboxClient
) -> None:
    """It frees Cid, who bounces again; the machine on time has to stop him once more."""
    warehouse = days.warehouse
    land(warehouse, THIRD, delivered=CID)
    build(warehouse)
    assert pushed(warehouse, sandbox).exit_code == 0
    assert sandbox.lists()["global"] == [ANN, BOB, DAN]
    latest = "(select run_id from raw.sync_ledger order by pushed_at desc limit 1)"
    warehouse.rows(
        f"update raw.sync_ledger set pushed_at = pushed_at + interval 10 minute"
        f" where run_id = {latest}"
    )
    land(warehouse, THIRD + 100, bounce=CID)
    build(warehouse)
    # It is at it still, on another machine: its lock lasts ten minutes longer than one of ours.
    until = datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=11)
    warehouse.rows(
        "insert into raw.sync_runs (run_id, destination, started_at, expires_at, status)"
        " values ('another', 'sendgrid', ?, ?, 'running')",
        until - timedelta(minutes=1),
        until,
    )
    part = pushed(warehouse, sandbox)
    assert part.exit_code == 4
    assert "run another holds the lock" in str(part.error)
    warehouse.rows("delete from raw.sync_runs where run_id = 'another'")
    assert pushed(warehouse, sandbox).exit_code == 0
    assert sandbox.lists()["global"] == [ANN, BOB, CID, DAN]
    assert deltas(warehouse) == []


@pytest.mark.parametrize("warehouse", ["bigquery"], indirect=True)
def test_on_bigquery_what_the_tables_lost_since_a_push_frees_nobody(
    warehouse: Warehouse, sandbox: SandboxClient
) -> None:
    for number, email in enumerate((ANN, BOB, CID)):
        land(warehouse, FIRST + 10 * number, bounce=email)
    warehouse.build()
    plan = cli(warehouse, sandbox, "plan")[1]["hash"]
    assert cli(warehouse, sandbox, "push", "--plan", plan)[0] == 0
    # As if the push had known of a later bounce of Ann's, another of Bob's, and of Dan.
    for change, email in (
        ("event_timestamp = timestamp '2026-05-09 00:00:00'", ANN),
        ("event_id = 'gone'", BOB),
        (f"delta_id = 'dans', event_id = 'gone', address = '{DAN}'", CID),
    ):
        warehouse.rows(f"update raw.sync_ledger set {change} where address = '{email}'")
    land(warehouse, THIRD, delivered=ANN)
    land(warehouse, THIRD + 10, delivered=BOB)
    warehouse.build("--selector", "frequent")
    code, report = cli(warehouse, sandbox, "push")
    part = report["destinations"][0]
    assert (code, part["held_policy"], part["released"], part["suppressed"]) == (3, 2, 0, 1)
    assert "sendgrid email: 2 left the list since they were pushed" in part["held"]
    assert sandbox.lists()["global"] == [ANN, BOB, CID]
