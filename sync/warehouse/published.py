"""A copy of DuckDB's file for readers: no build waits for them, and they wait for none.

It has the file's name, in a folder beside it: views name their database by that.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sync.errors import SyncError, WarehouseMissing
from sync.scratch import partial_file
from sync.warehouse.duckdb import DuckDbWarehouse, who_holds

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Published:
    """What was made: the copy, its bytes, the seconds that took, and Parquet files beside it."""

    path: Path
    size: int
    seconds: float
    parquet: Sequence[Path] = ()


def folder_of(database: Path) -> Path:
    """Where the copy of a database file is, and Parquet files."""
    return database.with_name(f"{database.name}.published")


def copy_of(database: Path) -> Path:
    """The copy that readers open, whether it is there or not."""
    return folder_of(database) / database.name


def publish(database: Path, *, wait: timedelta, schema: str, parquet: Sequence[str]) -> Published:
    """Copies the file as it is between two programs that write, and puts the copy in its place.

    wait: for a program that has the file open. parquet: tables and views of the schema that get a
    file each, with what the copy holds. Raises WarehouseMissing where there is no file,
    WarehouseBusy where somebody has it for longer, SyncError where the copy cannot be written.
    """
    began = time.monotonic()
    copy = copy_of(database)
    patience = (wait.total_seconds(), wait.total_seconds())
    if not database.is_file():
        raise WarehouseMissing(f"There is no DuckDB file at {database}. Run `dbt build` first.")
    try:
        with _alone(database):
            copy.parent.mkdir(exist_ok=True)
            # Who may read the file may read the copy.
            mode = database.stat().st_mode & 0o777
            copy.parent.chmod(mode | (mode & 0o444) >> 2)
            copy_database(database, copy, patience)
            files = _write_parquet(copy, schema, parquet)
            size = copy.stat().st_size
    except OSError as error:
        raise SyncError(f"{copy} cannot be made: {error.strerror}") from None
    return Published(copy, size, time.monotonic() - began, files)


def withdraw(database: Path) -> None:
    """Deletes the copy and its Parquet files, where there are any.

    Raises SyncError where that cannot be done.
    """
    folder = folder_of(database)
    if not folder.exists():
        return
    try:
        with _alone(database):
            # The folder may be a link to a larger disk: it stays.
            for path in folder.iterdir():
                path.unlink()
    except OSError as error:
        raise SyncError(f"The copies in {folder} cannot be deleted: {error.strerror}") from None


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    """No two programs change the folder at once: of a copy made meanwhile, something would stay."""
    with database.with_name(f"{database.name}.publish").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_current(database: Path) -> bool:
    """Whether the copy shows what the file shows: nobody wrote since it was made."""
    try:
        there, here = copy_of(database).stat(), database.stat()
    except FileNotFoundError:
        return False
    is_same = (there.st_mtime_ns, there.st_size) == (here.st_mtime_ns, here.st_size)
    return is_same and not _log_of(database).exists() and not _log_of(copy_of(database)).exists()


def for_readers(warehouse: DuckDbWarehouse, *, may_be_older: bool) -> DuckDbWarehouse:
    """The copy where it is current, else the file; the file, too, where a program has the copy open
    to write.

    may_be_older: the copy too where another program has the file open; that is said.
    """
    copy = copy_of(warehouse.path)
    if not copy.is_file() or who_holds(copy) is not None:
        return warehouse
    if not is_current(warehouse.path):
        holder = who_holds(warehouse.path) if may_be_older else None
        if holder is None:
            return warehouse
        made = datetime.fromtimestamp(copy.stat().st_mtime, UTC)
        log.warning(
            "%s has %s open: this is as of %s UTC.",
            holder,
            warehouse.path.name,
            f"{made:%Y-%m-%d %H:%M:%S}",
        )
    return warehouse.at(copy)


def copy_database(database: Path, copy: Path, patience: tuple[float, float]) -> None:
    """Copies DuckDB's file as it is between two programs that write.

    patience: seconds to wait, to read and to write, for a program that has it open.
    Raises WarehouseBusy.
    """
    while True:
        if _log_of(database).exists():
            # What a program that was killed left there would be missing.
            DuckDbWarehouse(database, patience=patience).execute("checkpoint")
        # Nobody writes until copyfile closes its descriptor, and this process's lock with it:
        # the copy is as of the time that was read before.
        with DuckDbWarehouse(database, read_only=True, patience=patience).session():
            if not _log_of(database).exists():
                with partial_file(copy) as partial:
                    made = database.stat()
                    shutil.copyfile(database, partial)
                    shutil.copymode(database, partial)
                    _to_disk(partial)
                    os.utime(partial, ns=(made.st_atime_ns, made.st_mtime_ns))
                # Of a program that wrote to the copy before.
                _log_of(copy).unlink(missing_ok=True)
                return


def _to_disk(path: Path) -> None:
    """Else a machine that loses its power may leave a copy that is torn, and looks current."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _write_parquet(copy: Path, schema: str, names: Sequence[str]) -> list[Path]:
    if not names:
        return []
    warehouse = DuckDbWarehouse(copy, marts=schema, read_only=True)
    there = "select table_name from information_schema.tables where table_schema = @schema"
    built = {row["table_name"] for row in warehouse.rows(there, {"schema": schema})}
    files = []
    for name in names:
        path = copy.with_name(f"{name}.parquet")
        if name not in built:
            # A mart that is built daily, before its first day.
            log.warning("%s was not built yet: there is no %s.", name, path.name)
            path.unlink(missing_ok=True)
            continue
        with partial_file(path) as partial:
            warehouse.export(f'select * from {{marts}}."{name}"', partial)
            shutil.copymode(copy, partial)
        files.append(path)
    return files


def _log_of(database: Path) -> Path:
    return database.with_name(f"{database.name}.wal")
