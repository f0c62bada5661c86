"""What a run costs on BigQuery: bytes read, as a formula of the events of a day.

    .venv/bin/python -m bench.cost

BigQuery bills the columns that a query names, in the partitions (and, of a clustered table, roughly
the blocks) that its literals leave. READS lists them for the `frequent` selector, every column
where a model reads most. Widths of columns, and rows per event and contact, are measured on made-up
events in DuckDB, by BigQuery's sizes of types (cloud.google.com/bigquery/pricing, "Data size
calculation"). An estimate, without data tests and the ledger: only an account shows what is billed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import duckdb

from sync.demo import generator

EVENTS = 20_000
ROOT = Path(__file__).parents[1]
#: A query that reads anything is billed for this many bytes of each table at least.
LEAST = 10 * 1024 * 1024
#: On demand in the US multi-region, per TiB; other regions and capacity pricing differ.
DOLLARS_A_TEBIBYTE = 6.25
EVENTS_A_MONTH = (1_000_000, 100_000_000, 1_000_000_000)
RUNS_A_DAY = (288, 24)

#: Assumed: how many events one contact causes in a month, and how long history is.
EVENTS_OF_A_CONTACT = 8
MONTHS = 12

# How many rows a read meets: what a run finds new; the day's partition, half full when the average
# run reads it; every act of consent, or every row, of the history; the rows of all contacts.
NEW, TODAY, ACTS, HISTORY, CONTACTS = "new", "today", "acts", "history", "contacts"


@dataclass(frozen=True, slots=True)
class Read:
    """Columns of a table that one run reads, and which of its rows. None: every column."""

    table: str
    rows: str
    columns: tuple[str, ...] | None = None
    times: int = 1


_COPY = ("event_id", "copy_day", "delivery_id", "position", "received_at", "loaded_at")

READS: tuple[Read, ...] = (
    # What has landed: keys of the day against what was taken of it, then the new payloads.
    Read("webhook_deliveries", TODAY, ("delivery_id", "received_at")),
    Read("int_events_unioned", TODAY, ("delivery_id", "received_at", "loaded_at"), times=2),
    Read("webhook_deliveries", NEW),
    # New elements become events.
    Read("int_events_unioned", NEW, _COPY, times=3),
    Read("int_events_unioned", NEW, times=2),
    Read("int_events_deduplicated", TODAY, times=3),
    Read("int_events_deduplicated", ACTS, times=3),
    Read("events", TODAY, ("loaded_at",), times=5),
    Read("events", NEW, times=5),
    # Latest events and links: merged, so the whole table is read and its keys once more.
    Read("int_events_latest", CONTACTS, times=2),
    Read("int_contact_identifiers", CONTACTS, times=4),
    # State of the changed groups: what they were named by, read once, and the tables whose rows are
    # replaced.
    Read(
        "int_events_latest", CONTACTS, ("channel", "external_id", "address", "event_type"), times=2
    ),
    Read("int_events_latest", CONTACTS, times=2),
    Read("int_traits", HISTORY, times=2),
    Read("int_contact_addresses", CONTACTS, times=3),
    Read("int_engagement", CONTACTS, times=2),
    Read("int_suppression_reasons", CONTACTS, times=5),
    Read("int_contact_state", CONTACTS, times=6),
    Read("suppression_list", CONTACTS, times=3),
    Read("contact_profiles", CONTACTS, times=3),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one table: bytes per row of each column, and rows per event and per contact."""

    widths: dict[str, float]
    rows_per_event: float
    rows_per_contact: float

    def width(self, columns: Sequence[str] | None) -> float:
        """Bytes per row of these columns, or of all."""
        return sum(self.widths[name] for name in (columns or self.widths))


@dataclass(frozen=True, slots=True)
class Volume:
    """How much is received, and how often a run reads it."""

    events_a_month: int
    runs_a_day: int

    @property
    def events(self) -> dict[str, float]:
        """How many events (contacts, for CONTACTS) stand behind the rows that a read meets."""
        day = self.events_a_month / 30
        return {
            NEW: day / self.runs_a_day,
            TODAY: day / 2,
            HISTORY: float(self.events_a_month * MONTHS),
            CONTACTS: self.events_a_month / EVENTS_OF_A_CONTACT,
        }


def width(read: Read, tables: dict[str, Measured], acts: float) -> float:
    """Bytes that a read meets per event, or per contact for CONTACTS. acts: share of events."""
    table = tables[read.table]
    rows = table.rows_per_contact if read.rows == CONTACTS else table.rows_per_event
    share = acts if read.rows == ACTS else 1.0
    return rows * table.width(read.columns) * share * read.times


def bytes_of(read: Read, tables: dict[str, Measured], volume: Volume, acts: float) -> float:
    """Bytes that a read is billed for in one run."""
    events = volume.events[HISTORY if read.rows == ACTS else read.rows]
    return max(events * width(read, tables, acts), LEAST * read.times)


def measure(directory: Path) -> tuple[dict[str, Measured], float]:
    """The tables of a build of made-up events, and the share of acts among its events."""
    generator.land(directory / "landing", events=EVENTS, seed=1, days=120)
    database = _build(directory)
    with chdir(directory), duckdb.connect(str(database), read_only=True) as connection:
        events = _count(connection, "main.events")
        contacts = _count(connection, "main.contact_profiles")
        tables = {
            read.table: _measure_table(connection, read.table, events, contacts) for read in READS
        }
        acts = (
            _count(connection, "main.int_events_deduplicated where copy_day = '1970-01-01'")
            / events
        )
    return tables, acts


def _build(directory: Path) -> Path:
    (directory / "profiles.yml").write_text((ROOT / "profiles.example.yml").read_text())
    command = [str(Path(sys.executable).parent / "dbt"), "--quiet", "build"]
    command += ["--exclude-resource-type", "test", "unit_test", "--target", "duckdb"]
    command += ["--project-dir", str(ROOT), "--profiles-dir", str(directory)]
    command += ["--target-path", str(directory / "target"), "--log-path", str(directory / "logs")]
    environment = {"CONTACT_SYNC_LANDING": "landing", "CONTACT_SYNC_DUCKDB": "cost.duckdb"}
    subprocess.run(command, cwd=directory, env=os.environ | environment, check=True)
    return directory / "cost.duckdb"


def _count(connection: duckdb.DuckDBPyConnection, source: str) -> int:
    return int(connection.execute(f"select count(*) from {source}").fetchall()[0][0])


def _measure_table(
    connection: duckdb.DuckDBPyConnection, table: str, events: int, contacts: int
) -> Measured:
    schema = "raw" if table == "webhook_deliveries" else "main"
    columns = connection.execute(
        "select column_name, data_type from information_schema.columns"
        " where table_schema = ? and table_name = ?",
        [schema, table],
    ).fetchall()
    sizes = ", ".join(f"coalesce(avg({_size(*column)}), 0)" for column in columns)
    rows = _count(connection, f"{schema}.{table}")
    found = connection.execute(f"select {sizes} from {schema}.{table}").fetchall()[0]
    widths = {name: float(size) for (name, _), size in zip(columns, found, strict=True)}
    if schema == "raw":
        # The landing file: on BigQuery the raw table has no such column.
        del widths["landing_part"]
    return Measured(widths, rows / events, rows / contacts)


def _size(name: str, kind: str) -> str:
    """SQL: what BigQuery counts for a value; nothing for null."""
    size = {"VARCHAR": f'2 + strlen("{name}")', "BOOLEAN": "1"}.get(kind, "8")
    return f'case when "{name}" is null then 0 else {size} end'


def _human(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:,.0f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


def main() -> None:
    """Prints the widths, the formula and the worked table."""
    with tempfile.TemporaryDirectory() as place:
        tables, acts = measure(Path(place))
    print(f"{'table':<24} {'bytes/row':>9} {'rows/event':>10} {'rows/contact':>12}")
    for name, table in tables.items():
        print(
            f"{name:<24} {table.width(None):>9,.0f} {table.rows_per_event:>10.3f}"
            f" {table.rows_per_contact:>12.2f}"
        )
    print(f"\nacts of consent: {acts:.1%} of events\n")
    print_formula(tables, acts)
    print(
        f"\nWorked for {MONTHS} months of history, {EVENTS_OF_A_CONTACT} events a month of each"
        f" contact, {DOLLARS_A_TEBIBYTE} $ a TiB:\n"
    )
    print(f"{'events a month':>14} {'runs a day':>10} {'bytes a run':>11} {'$ a month':>9}")
    for events in EVENTS_A_MONTH:
        for runs in RUNS_A_DAY:
            volume = Volume(events, runs)
            size = sum(bytes_of(read, tables, volume, acts) for read in READS)
            dollars = size * runs * 30 / 2**40 * DOLLARS_A_TEBIBYTE
            print(f"{events:>14,} {runs:>10} {_human(size):>11} {dollars:>9,.0f}")


def print_formula(tables: dict[str, Measured], acts: float) -> None:
    """Bytes of a run as a sum over what each part grows with."""
    per = dict.fromkeys((NEW, TODAY, ACTS, HISTORY, CONTACTS), 0.0)
    for read in READS:
        per[read.rows] += width(read, tables, acts)
    print("bytes of a run =")
    print(f"    {per[NEW]:>6,.0f} x new events")
    print(f"  + {per[TODAY]:>6,.0f} x events of the day so far")
    print(f"  + {per[ACTS]:>6,.0f} x events of the history (copies of acts)")
    print(f"  + {per[HISTORY]:>6,.0f} x events of the history (traits)")
    print(f"  + {per[CONTACTS]:>6,.0f} x contacts (latest events and state)")
    print("  and at least 10 MiB for each table that a query reads")


if __name__ == "__main__":
    main()
