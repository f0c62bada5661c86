"""A warehouse of an earlier version: a full refresh keeps what was sent, and sends nothing again.

tests/fixtures/upgrade/<commit>.tar.gz holds, as text, the tables of a DuckDB database of that
commit, the last before models and columns were renamed, and its landing: three people refused and
were pushed, one of them was freed again.
"""

from __future__ import annotations

import tarfile
from contextlib import chdir
from pathlib import Path

import duckdb
import pytest

from tests.python.conftest import ROOT, Warehouse

BEFORE = ROOT / "tests" / "fixtures" / "upgrade" / "591e03d.tar.gz"
LEDGER = "select * from raw.sync_ledger order by all"


@pytest.fixture
def older(tmp_path: Path) -> Warehouse:
    with tarfile.open(BEFORE) as archive:
        archive.extractall(tmp_path, filter="data")
    warehouse = Warehouse(tmp_path)
    with chdir(tmp_path), duckdb.connect(warehouse.database.name) as connection:
        connection.execute("import database 'export'")
    return warehouse


def test_a_full_refresh_keeps_the_ledger_and_leaves_nothing_to_send(older: Warehouse) -> None:
    sent, listed = older.rows(LEDGER), older.values("select address from suppression_list")
    loaded = older.values("select taken_at from raw.landing_taken order by 1")
    assert (len(sent), sorted(listed)) == (8, ["complained@example.com", "left@example.com"])
    older.build("--full-refresh")
    assert older.rows(LEDGER) == sent
    kept = older.values("select loaded_at from raw.landing_loaded order by 1 limit 2")
    assert (len(loaded), kept) == (2, loaded)
    assert sorted(older.values("select address from suppression_list")) == sorted(listed)
    assert older.values("select delta_id from sync_deltas") == []
    tables = older.values("select table_name from information_schema.tables")
    assert {"landing_taken", "int_push_tokens", "int_events__unioned"} & set(tables) == set()


def test_what_was_loaded_before_and_is_gone_stops_a_full_refresh(older: Warehouse) -> None:
    (lost,) = older.landing.rglob("first.ndjson")
    lost.unlink()
    refused = older.dbt("build", "--full-refresh")
    assert not refused.success
    assert "first.ndjson" in str(refused.exception)
    assert older.values("select count(*) from raw.sync_ledger") == [8]
