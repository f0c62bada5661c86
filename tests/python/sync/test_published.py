"""Readers have a copy of DuckDB's file: no build waits for them, and they wait for none."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sync.errors import SyncError, WarehouseBusy, WarehouseMissing
from sync.warehouse.duckdb import DuckDbWarehouse
from sync.warehouse.published import Published, copy_of, is_current, publish, withdraw
from tests.python.conftest import ROOT, Warehouse, new_built_warehouse
from tests.python.sync.real import run
from tests.python.sync.test_forget import KEY
from tests.python.sync.test_warehouse import held_by_another_process
from tests.python.sync.world import SandboxClient, World


def published(database: Path, *parquet: str) -> Published:
    return publish(database, wait=timedelta(seconds=1), schema="main", parquet=parquet)


def rows(database: Path, query: str) -> list[Any]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_it_is_current_until_somebody_writes(world: World) -> None:
    assert not is_current(world.database)
    done = published(world.database)
    assert done.path == copy_of(world.database)
    assert is_current(world.database)
    DuckDbWarehouse(world.database, read_only=True).rows("select 1 as one")
    assert is_current(world.database)
    world.want("new@example.com")
    assert not is_current(world.database)


def test_while_it_is_current_readers_leave_the_file_alone(world: World) -> None:
    published(world.database)
    with held_by_another_process(world.database):
        done = world.cli("status", "--wait", "0s")
    assert (done.returncode, done.stderr) == (0, "")


def test_while_a_build_has_the_file_status_shows_the_build_before_and_says_so(
    world: World,
) -> None:
    world.want("old@example.com")
    published(world.database)
    world.want("new@example.com")
    with held_by_another_process(world.database) as process:
        done = world.cli("status", "--wait", "0s", "--output", "json")
    assert done.returncode == 0
    assert f"process {process.pid}" in done.stderr
    assert "open: this is as of 20" in done.stderr
    assert '"items": 1' in done.stdout


def test_scrub_never_relies_on_the_build_before(world: World) -> None:
    published(world.database)
    world.want("new@example.com")
    recipients = world.database.with_name("recipients.csv")
    recipients.write_text("email\nnew@example.com\n")
    with held_by_another_process(world.database):
        done = world.cli("scrub", str(recipients), "--wait", "0s")
    assert done.returncode == 4
    assert not list(recipients.parent.glob("recipients.may*"))


def test_a_program_that_has_the_copy_open_keeps_what_it_opened(world: World) -> None:
    published(world.database)
    with duckdb.connect(str(copy_of(world.database)), read_only=True) as analyst:
        world.want("new@example.com")
        published(world.database)
        count = "select count(*) from sync_deltas"
        assert analyst.execute(count).fetchall() == [(0,)]
    assert rows(copy_of(world.database), count) == [(1,)]


KILLED = """
import duckdb, os, signal, sys
connection = duckdb.connect(sys.argv[1])
connection.execute("set checkpoint_threshold = '1TB'; create table main.late as select 1 as one")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_program_left_in_its_log_is_in_the_copy(world: World) -> None:
    published(world.database)
    subprocess.run([sys.executable, "-c", KILLED, str(world.database)], check=False)
    assert Path(f"{world.database}.wal").exists()
    assert not is_current(world.database)
    published(world.database)
    assert rows(copy_of(world.database), "select one from late") == [(1,)]
    assert is_current(world.database)


def test_it_is_not_made_of_a_file_that_somebody_writes_to(world: World) -> None:
    with held_by_another_process(world.database), pytest.raises(WarehouseBusy):
        published(world.database)
    assert not copy_of(world.database).exists()


def test_without_a_file_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(WarehouseMissing, match="dbt build"):
        published(tmp_path / "none.duckdb")
    assert not any(tmp_path.iterdir())


def test_where_it_cannot_be_written_the_copy_before_stays(world: World) -> None:
    copy = published(world.database).path
    before = copy.read_bytes()
    world.want("new@example.com")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
    try:
        with pytest.raises(SyncError, match="cannot be made"):
            published(world.database)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert copy.read_bytes() == before
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]
    assert not is_current(world.database)


def test_what_is_written_while_it_is_made_is_not_taken_for_shown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    to_disk = os.fsync

    def slow_disk(descriptor: int) -> None:
        for number in range(2):
            script = f"import duckdb; duckdb.connect({str(world.database)!r})"
            script += f".execute('create or replace table main.late as select {number} as one')"
            subprocess.run([sys.executable, "-c", script], check=True)
        to_disk(descriptor)

    monkeypatch.setattr(os, "fsync", slow_disk)
    published(world.database)
    assert not is_current(world.database)


def test_a_copy_that_somebody_wrote_to_is_not_believed_and_the_next_one_is(world: World) -> None:
    copy = published(world.database).path
    subprocess.run([sys.executable, "-c", KILLED, str(copy)], check=False)
    assert Path(f"{copy}.wal").exists()
    assert not is_current(world.database)
    published(world.database)
    assert is_current(world.database)
    assert world.cli("status").returncode == 0


def test_who_has_the_copy_open_to_write_keeps_no_command_waiting(world: World) -> None:
    with held_by_another_process(published(world.database).path):
        done = world.cli("status", "--wait", "0s")
    assert (done.returncode, done.stderr) == (0, "")


def test_who_may_read_the_file_may_read_the_copy(world: World) -> None:
    world.database.chmod(0o640)
    copy = published(world.database).path
    assert (copy.stat().st_mode & 0o777, copy.parent.stat().st_mode & 0o777) == (0o640, 0o750)


def test_it_is_withdrawn_from_a_folder_that_is_a_link_too(world: World, tmp_path: Path) -> None:
    disk = tmp_path / "larger disk"
    disk.mkdir()
    copy_of(world.database).parent.symlink_to(disk)
    published(world.database)
    assert list(disk.iterdir())
    withdraw(world.database)
    assert not list(disk.iterdir())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, sandbox_process: SandboxClient) -> Warehouse:
    warehouse = new_built_warehouse(tmp_path_factory.mktemp("built"))
    warehouse.land(
        "sendgrid",
        [{"email": "ann@example.com", "event": "spamreport", "timestamp": 1_777_600_000}],
    )
    warehouse.build()
    done = run(warehouse, sandbox_process, "publish", "--parquet", "--project-dir", str(ROOT))
    assert done.returncode == 0, done.stderr
    return warehouse


def test_each_mart_is_a_parquet_file_and_the_copys_views_work(built: Warehouse) -> None:
    copy = copy_of(built.database)
    files = {path.stem: path for path in copy.parent.glob("*.parquet")}
    assert {"events", "suppression_list", "contact_profiles", "sync_deltas"} <= set(files)
    assert not any(name.startswith(("int_", "stg_")) for name in files)
    for name, path in files.items():
        there = rows(copy, f"select * from '{path}' order by all")
        assert there == rows(built.database, f"select * from main.{name} order by all"), name
        assert there == rows(copy, f"select * from main.{name} order by all"), name
    listed = rows(copy, f"select address from '{files['suppression_list']}'")
    assert listed == [("ann@example.com",)]


def test_who_is_forgotten_is_in_no_copy(
    built: Warehouse, sandbox: SandboxClient, tmp_path: Path
) -> None:
    warehouse = Warehouse(shutil.copytree(built.directory, tmp_path / "warehouse"))
    assert copy_of(warehouse.database).exists()
    done = run(warehouse, sandbox, "forget", "ann@example.com", "--yes", **KEY)
    assert done.returncode == 0, done.stderr
    assert not list(copy_of(warehouse.database).parent.iterdir())


def test_a_copy_that_a_cut_off_forget_left_goes_though_nothing_else_names_the_person(
    built: Warehouse, sandbox: SandboxClient, tmp_path: Path
) -> None:
    warehouse = Warehouse(shutil.copytree(built.directory, tmp_path / "warehouse"))
    folder = copy_of(warehouse.database).parent
    left = shutil.copytree(folder, tmp_path / "left")
    assert run(warehouse, sandbox, "forget", "ann@example.com", "--yes", **KEY).returncode == 0
    shutil.copytree(left, folder, dirs_exist_ok=True)
    assert run(warehouse, sandbox, "forget", "no-such-id", "--yes", **KEY).returncode == 0
    assert not list(folder.iterdir())
