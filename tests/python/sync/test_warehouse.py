"""The DuckDB file, shared with dbt and other runs; the snapshot that a run sends from."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sync.delivery.guard import Limits
from sync.delivery.plan import make_plan, plan_hash
from sync.errors import WarehouseBusy, WarehouseMissing
from sync.warehouse.duckdb import DuckDbWarehouse
from sync.warehouse.spool import Snapshot, Spool
from tests.python.sync.engines import ENGINES
from tests.python.sync.world import SandboxClient, World, addresses

on_both = pytest.mark.parametrize("engine", ENGINES, indirect=True)

HOLD = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""


@contextmanager
def held_by_another_process(database: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process has the file open, as dbt does for its whole run."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.communicate("\n")


def test_it_waits_while_another_process_has_the_file(world: World) -> None:
    warehouse = DuckDbWarehouse(world.database)
    with held_by_another_process(world.database) as process:
        assert process.stdin is not None
        threading.Timer(0.5, lambda: process.stdin and process.stdin.write("\n")).start()
        threading.Timer(0.6, lambda: process.stdin and process.stdin.flush()).start()
        assert warehouse.rows("select 1 as one") == [{"one": 1}]


def test_it_says_who_has_the_file_when_patience_ends(world: World) -> None:
    warehouse = DuckDbWarehouse(world.database, patience=(0.3, 0.3))
    with (
        held_by_another_process(world.database) as process,
        pytest.raises(WarehouseBusy, match=f"process {process.pid}.*dbt build"),
    ):
        warehouse.rows("select 1 as one")


def test_a_command_says_for_whom_it_waits_and_ends_with_4_when_it_has_waited_long_enough(
    world: World,
) -> None:
    with held_by_another_process(world.database) as process:
        done = world.cli("status", "--wait", "3s")
    assert done.returncode == 4
    assert f"Waits for process {process.pid} (" in done.stderr
    assert f"is in use by process {process.pid} (" in done.stderr


@on_both
def test_parameters_are_never_pasted(world: World) -> None:
    hostile = "'; drop table int_deltas; --"
    found = world.warehouse().rows("select @value as value", {"value": hostile})
    assert found == [{"value": hostile}]


def test_readers_do_not_exclude_each_other(world: World) -> None:
    first = DuckDbWarehouse(world.database, read_only=True)
    with first.session():
        done = world.cli("status")
    assert done.returncode == 0, done.stderr


def test_a_missing_file_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(WarehouseMissing, match="dbt build"):
        DuckDbWarehouse(tmp_path / "none.duckdb").rows("select 1 as one")
    assert not (tmp_path / "none.duckdb").exists()


@contextmanager
def spooled(world: World, **options: Any) -> Iterator[Spool]:
    with Snapshot(world.warehouse(), ["sendgrid"], **options) as snapshot:
        yield snapshot.of("sendgrid")


@on_both
def test_the_snapshot_is_in_the_order_of_delivery_in_pages(world: World) -> None:
    world.want(*addresses(30, "b"), reason="bounce")
    world.want(*addresses(30, "c"), reason="complaint")
    world.want(*addresses(5, "r"), action="release")
    world.want("other@example.com", destination="mailgun")
    with spooled(world) as spool:
        pages = list(spool.pages(7))
        assert all(len(page) == 7 for page in pages[:-1])
        found = [item.address for page in pages for item in page]
    assert found == addresses(30, "c") + addresses(30, "b") + addresses(5, "r")


@on_both
def test_the_snapshot_does_not_see_what_changes_later(world: World) -> None:
    world.want("a@example.com")
    with spooled(world) as spool:
        world.want("b@example.com")
        assert [item.address for page in spool.pages(10) for item in page] == ["a@example.com"]


@on_both
def test_equal_sets_have_equal_hashes_in_any_order(world: World) -> None:
    world.want("a@example.com", "b@example.com", "c@example.com")
    with spooled(world) as spool:
        first = plan_hash([spool.fingerprint()])
    world.sql("create table copied as select * from int_deltas")
    world.sql("delete from int_deltas where true")
    world.sql("insert into int_deltas select * from copied order by delta_id desc")
    with spooled(world) as spool:
        assert plan_hash([spool.fingerprint()]) == first
    world.sql("delete from int_deltas where address = 'b@example.com'")
    with spooled(world) as spool:
        assert plan_hash([spool.fingerprint()]) != first


@on_both
def test_nothing_of_a_snapshot_stays_on_disk(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    world.want("a@example.com")
    with spooled(world):
        folder = next(place.iterdir())
        assert folder.stat().st_mode & 0o077 == 0
    assert list(place.iterdir()) == []


@on_both
def test_a_ledger_that_cannot_be_written_ends_the_run_and_says_so(
    world: World, sandbox: SandboxClient
) -> None:
    """The platform has it, the ledger does not: the next run repeats it."""
    world.already_pushed()
    world.want(*addresses(50))
    world.list_addresses(1000)
    # From now on a row of the runs under test breaks a constraint.
    world.sql("create table raw.replacement as select * from raw.sync_ledger")
    world.sql("drop view sync_deltas")
    world.sql("drop table raw.sync_ledger")
    world.sql("create table raw.sync_ledger as select * from raw.replacement")
    world.sql(
        "create view sync_deltas as select * from int_deltas where delta_id not in"
        " (select delta_id from raw.sync_ledger)"
    )
    world.sql("alter table raw.sync_ledger drop column http_status")
    report = world.push(environment={"SENDGRID_BATCH_SIZE": "1"})
    assert report.exit_code != 0
    assert report.parts[0].error is not None
    assert sandbox.call_count() < 50
    world.sql("alter table raw.sync_ledger add column http_status bigint")
    assert world.push().exit_code == 0
    assert set(sandbox.lists()["global"]) == set(addresses(50))
    assert len(world.ledger()) == 50


@pytest.mark.parametrize("has_plan", [False, True], ids=["no plan", "plan"])
def test_a_ledger_that_could_not_record_stops_the_push_before_any_call(
    world: World, sandbox: SandboxClient, has_plan: bool
) -> None:
    """After an upgrade, until a build has added what this version records."""
    world.already_pushed()
    world.want("a@example.com")
    found = make_plan(world.warehouse(), (), Limits(), world.environment).hash
    world.sql("alter table raw.sync_ledger drop column event_timestamp")
    with pytest.raises(
        WarehouseMissing, match=r"made by another version[\s\S]+dbt build --full-refresh"
    ):
        world.push(plan=found if has_plan else None)
    assert sandbox.call_count() == 0
    assert len(world.runs()) == 2, "the lock was not given back"
    with pytest.raises(WarehouseMissing, match="another version"):
        make_plan(world.warehouse(), (), Limits(), world.environment)


def test_a_file_that_another_thread_is_opening_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.duckdb"
    duckdb.connect(str(path)).close()
    conflict = duckdb.OperationalError(
        'Resource In Use Error: Unique file handle conflict: Cannot attach "x"'
    )
    answers = [conflict, conflict, None]
    connect = duckdb.connect

    def answer(*arguments: Any, **more: Any) -> duckdb.DuckDBPyConnection:
        error = answers.pop(0)
        if error is not None:
            raise error
        return connect(*arguments, **more)

    monkeypatch.setattr(duckdb, "connect", answer)
    assert DuckDbWarehouse(path).rows("select 1 as one") == [{"one": 1}]
    assert answers == []
