"""What is BigQuery's own: rows to the letter, flat memory, the lock between processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sync.clock import utc_now
from sync.delivery.lock import LEASE, Lease, Tally, new_run_id
from sync.warehouse.base import LEDGER_COLUMNS, LedgerRow
from sync.warehouse.bigquery import BigQueryWarehouse
from tests.python.sync.engines import BigQuery
from tests.python.sync.world import SandboxClient, World, addresses, item

pytestmark = pytest.mark.parametrize("engine", ["bigquery"], indirect=True)


def client(world: World) -> Any:
    assert isinstance(world.engine, BigQuery)
    return world.engine.client


def statements(world: World) -> list[str]:
    """What the emulator was asked, other tests' worlds left out."""
    jobs = client(world).list_jobs(all_users=True)
    return [job.query for job in jobs if job.job_type == "query"]


def appends(world: World) -> int:
    """Statements that added to the ledger."""
    return sum("insert into" in text and "sync_ledger" in text for text in statements(world))


def ledger_row(number: int, **values: object) -> LedgerRow:
    row = LedgerRow(
        "run", f"{number:064x}", "sendgrid", "email", "", f"person{number}@example.com", None,
        "suppress", "bounce", None, datetime(2026, 1, 1), "confirmed", 201, None, 1,
        datetime(2026, 11, 25, 4, 0, 0, 1),
    )  # fmt: skip
    return row._replace(**values)  # type: ignore[arg-type]


def kept(world: World) -> list[LedgerRow]:
    found = world.sql(
        f"select {', '.join(LEDGER_COLUMNS)} from raw.sync_ledger order by delta_id, address"
    )
    return [LedgerRow(*row) for row in found]


HOSTILE = '\'; drop table raw.sync_ledger; -- "\\ \\u0000 {"a": [1]} é 😀 \u2028 $[0] @items %s'


def test_a_ledger_row_is_kept_to_the_letter(world: World) -> None:
    alone = ledger_row(1, error=HOSTILE, scope=HOSTILE)
    world.warehouse().append_ledger([alone])
    assert kept(world) == [alone]


def test_rows_of_an_append_may_differ_in_everything(world: World) -> None:
    rows = [
        ledger_row(1),
        ledger_row(2, address=None, http_status=None, error=HOSTILE, attempts=0),
        ledger_row(3, address="", contact_id="c", event_id="e", outcome="failed"),
        ledger_row(4, http_status=500, pushed_at=datetime(2026, 1, 1, 23, 59, 59, 999999)),
        ledger_row(5, run_id="other", destination="mailgun", channel="sms", action="release"),
    ]
    world.warehouse().append_ledger(rows)
    assert kept(world) == rows


def test_nothing_to_append_is_no_statement(world: World) -> None:
    before = len(statements(world))
    warehouse = world.warehouse()
    warehouse.append_ledger([])
    warehouse.append_runs([])
    assert warehouse.take_locks([], lambda _: False) == {}
    assert warehouse.still_pending([]) == set()
    assert len(statements(world)) == before


def test_an_append_larger_than_a_request_goes_in_parts(world: World) -> None:
    rows = [ledger_row(number, error=f"{number} " + "x" * 990) for number in range(7000)]
    before = appends(world)
    world.warehouse().append_ledger(rows)
    assert appends(world) == before + 2
    assert world.sql("select count(distinct delta_id), count(*) from raw.sync_ledger") == [
        (7000, 7000)
    ]


def test_fast_batches_share_an_append(world: World, sandbox: SandboxClient) -> None:
    """A table takes few statements a second: what is answered meanwhile goes with the next."""
    world.already_pushed()
    world.list_addresses(1000)
    world.want(*addresses(200))
    before = appends(world)
    assert world.push(environment={"SENDGRID_BATCH_SIZE": "1"}).exit_code == 0
    assert sandbox.call_count() == 200
    assert len(world.ledger()) == 200
    assert appends(world) - before < 100


def exported(world: World, sql: str, path: Path, **parameters: Any) -> list[dict[str, Any]]:
    world.warehouse().export(sql, path, parameters)
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


def test_an_export_keeps_order_nulls_and_instants(world: World, tmp_path: Path) -> None:
    world.sql(
        "insert into int_deltas (delta_id, address, priority, event_timestamp) values"
        " ('b', null, 2, ?), ('a', 'é', null, null)",
        [datetime(2026, 11, 25, 4, 0, 0, 1)],
    )
    sql = (
        "select delta_id, address, priority, event_timestamp from {marts}.int_deltas"
        " where delta_id <> @other order by delta_id desc"
    )
    assert exported(world, sql, tmp_path / "x.parquet", other="c") == [
        {
            "delta_id": "b",
            "address": None,
            "priority": 2,
            "event_timestamp": datetime(2026, 11, 25, 4, 0, 0, 1),
        },
        {"delta_id": "a", "address": "é", "priority": None, "event_timestamp": None},
    ]


def test_an_export_of_nothing_has_the_columns(world: World, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    assert exported(world, "select delta_id, event_timestamp from {marts}.int_deltas", path) == []
    types = {field.name: str(field.type) for field in pq.read_schema(path)}
    assert types == {"delta_id": "string", "event_timestamp": "timestamp[us]"}


MEASURE = """
import resource, sys
from pathlib import Path
from sync.warehouse.spool import Snapshot
from tests.python.sync.engines import warehouse_of

warehouse = warehouse_of(Path(sys.argv[1]))
with Snapshot(warehouse, ["sendgrid"]) as snapshot:
    items = sum(len(page) for page in snapshot.of("sendgrid").pages(1000))
print(items, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_stays_flat_however_many_deltas(world: World) -> None:
    def measured(added: int) -> tuple[int, int]:
        columns = (
            "delta_id, destination, channel, scope, address, contact_id, email, action, reason,"
            " event_id, event_timestamp, priority"
        )
        world.sql(
            f"insert into int_deltas ({columns}) select to_hex(sha256(cast(i as string))),"
            " 'sendgrid', 'email', '', concat('person', i, '@example.com'),"
            " to_hex(sha256(cast(-i as string))),"
            " concat('person', i, '@example.com'), 'suppress', 'bounce', cast(i as string),"
            f" timestamp_seconds(i), 3 from unnest(generate_array(1, {added})) as i"
        )
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(world.directory)],
            env=world.full_environment(),
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
        items, megabytes = done.stdout.split()
        return int(items), int(megabytes)

    few, low = measured(20_000)
    many, high = measured(180_000)
    assert (few, many) == (20_000, 200_000)
    # As text alone the rows are 70 MB, as objects several times that.
    assert high < low + 60


RACE = """
import sys
from pathlib import Path
from sync.delivery.lock import Lease, new_run_id
from sync.errors import LockHeld
from tests.python.sync.engines import warehouse_of

lease = Lease(warehouse_of(Path(sys.argv[1])), new_run_id(), "sendgrid", None)
print("ready", flush=True)
sys.stdin.readline()
try:
    lease.take()
except LockHeld:
    print("held", flush=True)
else:
    print("taken", flush=True)
sys.stdin.readline()
"""


def test_of_processes_that_race_for_a_lock_one_gets_it(world: World) -> None:
    for _ in range(3):
        racers = [
            subprocess.Popen(
                [sys.executable, "-c", RACE, str(world.directory)],
                env=world.full_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        assert said(racers) == ["ready"] * 4
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("\n")
            racer.stdin.flush()
        assert sorted(said(racers)) == ["held"] * 3 + ["taken"]
        for racer in racers:
            # It dies without a word; the next round does not wait for its lease.
            racer.kill()
            racer.communicate()


def said(processes: Sequence[subprocess.Popen[str]]) -> list[str]:
    """The next line of each."""
    return [process.stdout.readline().strip() for process in processes if process.stdout]


def test_pushes_at_once_send_everything_once(world: World, sandbox: SandboxClient) -> None:
    world.already_pushed()
    world.list_addresses(1000)
    world.want(*addresses(30))
    sandbox.fault("slow", seconds=1)
    pushes = [world.start("push") for _ in range(3)]
    ended = [(process.communicate(timeout=120), process.returncode) for process in pushes]
    codes = sorted(code for _, code in ended)
    # Who comes after the first has ended finds nothing to do.
    assert codes[0] == 0
    assert set(codes) <= {0, 4}, ended
    assert sandbox.call_count() == 1
    assert len(world.ledger()) == 30


def test_a_lease_runs_by_the_clock_of_bigquery(world: World) -> None:
    """A machine whose clock is wrong neither shortens a lock nor takes another's for expired."""
    warehouse = world.warehouse()
    lease = Lease(warehouse, new_run_id(), "sendgrid", None)
    lease.take()
    lease.renew(Tally())
    before, after = world.sql("select min(expires_at), max(expires_at) from raw.sync_runs")[0]
    now = world.sql("select current_timestamp()")[0][0]
    assert before < after <= now + LEASE
    lease.release("finished", Tally())
    ended = world.sql(
        "select count(*) from raw.sync_runs where ended_at is not null"
        " and expires_at <= current_timestamp()"
    )
    assert ended == [(1,)]


def test_one_statement_takes_the_locks_of_a_run_and_one_ends_them(world: World) -> None:
    world.sql("delete from destinations where true")
    for name in ("sendgrid", "mailgun", "postmark"):
        world.enable(name)
    warehouse = world.warehouse()
    assert isinstance(warehouse, BigQueryWarehouse)
    rows = [
        Lease(warehouse, "run", name, None).next_row(Tally())
        for name in ("sendgrid", "mailgun", "postmark")
    ]
    assert warehouse.take_locks(rows, lambda _: False) == {}
    texts = statements(world)
    assert sum("insert into" in text and "sync_runs" in text for text in texts) == 1
    assert world.sql("select count(*) from raw.sync_runs") == [(3,)]


def test_still_pending_asks_for_a_whole_batch_at_once(world: World) -> None:
    ids = world.want(*addresses(200), action="release")
    items = [item("x@example.com", delta_id=identity) for identity in [*ids[:150], "unknown"]]
    assert world.warehouse().still_pending(items) == set(ids[:150])


def test_what_expired_long_ago_is_not_read_for_the_lock(world: World) -> None:
    """Two days of sync_runs, which is partitioned by expiry, are all that the lock reads."""
    warehouse = world.warehouse()
    Lease(warehouse, new_run_id(), "sendgrid", None).take()
    reads = [text for text in statements(world) if "from `" in text and "sync_runs" in text]
    assert reads
    for text in reads:
        assert "expires_at > timestamp_sub(current_timestamp(), interval 1 day)" in text
    old = utc_now() - timedelta(days=3)
    world.sql(
        "insert into raw.sync_runs (run_id, destination, started_at, expires_at, status)"
        " values ('old', 'mailgun', ?, ?, 'running')",
        [old, old],
    )
    Lease(warehouse, new_run_id(), "mailgun", None).take()
