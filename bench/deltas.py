"""Times `sync_deltas` of one destination over a large ledger.

As a program: `python -m bench.deltas DIRECTORY ROWS PAIRS`. In turns with bench/deltas.sql, a bare
query in the fast form; both must find the same. Told beside: what the CLI does (one evaluation for
one and for all destinations into a file, from opening the database on), and what the builds pay for
the compact ledger that the view reads. Prints JSON.
"""

import dataclasses
import json
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import duckdb

from bench.builds import FULL, Builder
from bench.process import run_worker
from bench.settings import PROJECT, Settings, read_settings
from bench.stock import DESTINATIONS
from sync.warehouse.base import ITEM_COLUMNS
from sync.warehouse.duckdb import DuckDbWarehouse
from sync.warehouse.spool import Snapshot

_NAME: Final = "deltas"
_BUILD: Final = (
    "build",
    "--select",
    "int_ledger_latest",
    "int_deltas_changed",
    "int_deltas",
    "sync_deltas",
    "--exclude-resource-type",
    "test",
    "unit_test",
)
_VIEW: Final = f"""
create or replace temp table found as
select {", ".join(ITEM_COLUMNS)} from main.sync_deltas where destination = '{DESTINATIONS[0]}'
"""

_DIFFERENT: Final = """(
    (select action, address from found except all select action, address from bare)
    union all
    (select action, address from bare except all select action, address from found)
)"""


def bare_query() -> str:
    """The baseline; it makes the temporary table `bare`."""
    return (PROJECT / "bench/deltas.sql").read_text(encoding="utf-8")


def count_different(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """How many deltas the view gives, and in how many the view and the bare query differ."""
    connection.execute(_VIEW)
    connection.execute(bare_query())
    return _count(connection, "found"), _count(connection, _DIFFERENT)


def measure(settings: Settings, rows: int, pairs: int) -> dict[str, Any]:
    """Fills a database, builds what the view reads, and measures. Deletes the database."""
    builder = Builder(settings, settings.directory / "nothing")
    builder.remove(_NAME)
    builder.build(_NAME, FULL)
    database = builder.database(_NAME)
    log = settings.directory / "logs" / "stock.log"
    run_worker("stock", str(database), str(rows), str(max(rows // 2000, 10)), log=log)
    compact = builder.build(_NAME, _BUILD)
    merge = builder.build(_NAME, _BUILD)
    found = {
        **_time(database, pairs),
        "cli_seconds": _time_cli(database, pairs, DESTINATIONS[:1]),
        "cli_all_seconds": _time_cli(database, pairs, DESTINATIONS),
        "compact_seconds": compact.models["int_ledger_latest"],
        "merge_seconds": merge.models["int_ledger_latest"],
        "deltas_seconds": merge.models["int_deltas"],
    }
    builder.remove(_NAME)
    return found


def _time(database: Path, pairs: int) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {"": [], "baseline_": []}
    cpu: dict[str, list[float]] = {"": [], "baseline_": []}
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for turn in range(pairs + 1):
            for name, sql in (("", _VIEW), ("baseline_", bare_query())):
                wall, burnt = _timed(partial(connection.execute, sql))
                # The first turn reads the file from the disk.
                if turn:
                    seconds[name].append(wall)
                    cpu[name].append(burnt)
        return {
            **{f"{name}seconds": values for name, values in seconds.items()},
            **{f"{name}cpu_seconds": values for name, values in cpu.items()},
            "ledger_rows": _count(connection, "raw.sync_ledger"),
            "known_rows": _count(connection, "main.int_ledger_latest"),
            "list_rows": _count(connection, "main.suppression_list"),
            "deltas": _count(connection, "found"),
            "different": _count(connection, _DIFFERENT),
        }


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(connection.execute(f"select count(*) from {table}").fetchall()[0][0])


def _time_cli(database: Path, pairs: int, destinations: tuple[str, ...]) -> list[float]:
    warehouse = DuckDbWarehouse(database, read_only=True)

    def read() -> None:
        with warehouse.session(), Snapshot(warehouse, destinations):
            pass

    return [_timed(read)[0] for _ in range(pairs)]


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds that passed, and CPU seconds of this process."""
    began, burnt = time.perf_counter(), _cpu()
    work()
    return time.perf_counter() - began, _cpu() - burnt


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main(arguments: list[str]) -> None:
    """Prints the measures."""
    directory, rows, pairs = arguments
    settings = dataclasses.replace(read_settings(), directory=Path(directory))
    print(json.dumps(measure(settings, int(rows), int(pairs))))


if __name__ == "__main__":
    main(sys.argv[1:])
