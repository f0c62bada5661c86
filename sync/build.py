"""`dbt build` for a schedule: one at a time, one line of what became of it, the rest in a log."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, Any, Final

from sync.errors import BuildFailed, BuildWaits, SyncError
from sync.metrics.measures import BUILD_DURATION, BUILDS
from sync.profile import dbt_variable

_LOG_BYTES: Final = 5_000_000
_LOOK_EVERY: Final = 0.2
# What the project says where views and seeds are of other code (macros/built_code.sql).
_CODE_CHANGED: Final = "Run `dbt build` once"
# What it says of landing files that lie where none is read (macros/raw.sql).
_NOT_READ: Final = "landing files are not read"
# And where it lacks files that it has read before: nothing is pushed on such a build.
_LACKS_FILES: Final = "is recorded as not ok"
# How DuckDB says who has the file.
_HELD: Final = re.compile(
    r"Could not set lock on file.*?(?:held in (?P<by>.+?\(PID \d+\))|$)", re.M
)


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did. seconds: of dbt alone. counts: how many nodes ended in which status."""

    selection: str
    seconds: float
    counts: Mapping[str, int]
    log: Path

    def __str__(self) -> str:
        warned = f", {self.counts['warn']} warnings" if self.counts.get("warn") else ""
        done = sum(self.counts.values())
        return f"{self.selection} build: ok, {done} nodes in {self.seconds:.0f} s{warned}"


@dataclass(frozen=True, slots=True)
class Ran:
    """What dbt did. said: what it printed. nodes: unique_id, status and message of each."""

    is_ok: bool
    said: str
    nodes: Sequence[Mapping[str, Any]]


def measure(selection: str, done: Built | SyncError) -> None:
    """Counts a build by what it did, or why it did not. selection: what was asked for."""
    if isinstance(done, Built):
        BUILDS.add(1, selection=done.selection, outcome="ok")
        BUILD_DURATION.add(done.seconds, selection=done.selection)
    else:
        outcome = "waited" if isinstance(done, BuildWaits) else "failed"
        BUILDS.add(1, selection=selection, outcome=outcome)


#: Runs dbt with arguments while the lock file is held, and writes what it says to the log.
Dbt = Callable[[Sequence[str], IO[str], logging.Handler], Ran]


def build(
    selection: str,
    *,
    project: Path,
    lock: Path,
    options: Sequence[str],
    wait: timedelta,
    announce: Callable[[str], None],
    waiting: Callable[[str], None],
    dbt: Dbt,
    database: Path | None,
    logs: Path | None = None,
) -> Built:
    """Runs `dbt build` when its turn has come. options: more of dbt's own.

    database: DuckDB's file, which others may have open. logs: the folder of build.log, if not
    where dbt has its own. waiting: told for whom it waits, and with
    an empty text that the wait is over.
    Raises BuildWaits where another build, or a reader of the database file, outlasts `wait`;
    BuildFailed where something of it failed. Where views and seeds are of other code, everything is
    built.
    """
    log = (logs or Path(dbt_variable("LOG_PATH") or project / "logs")) / "build.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(log, maxBytes=_LOG_BYTES, backupCount=1, encoding="utf-8")
    turn = _Turn(selection, time.monotonic() + wait.total_seconds(), wait, waiting)
    with contextlib.closing(handler), _turn(lock, turn) as held:
        if database is not None:
            _wait_for_file(database, turn)
        turn.came()
        began = time.monotonic()
        ran = dbt(_arguments(selection, project, options), held, handler)
        if not ran.is_ok and selection != "everything" and _CODE_CHANGED in ran.said:
            announce("Code, seeds or vars changed: everything is built")
            selection = "everything"
            ran = dbt(_arguments(selection, project, options), held, handler)
        seconds = time.monotonic() - began
    for line in ran.said.splitlines():
        if _NOT_READ in line:
            announce(line)
        if ran.is_ok and _LACKS_FILES in line:
            raise BuildFailed(f"{selection} build: not ok\n{line.strip()}\nAll of it: {log}")
    if ran.is_ok:
        return Built(selection, seconds, Counter(node["status"] for node in ran.nodes), log)
    if holder := _HELD.search(ran.said):
        raise _file_is_held(holder)
    raise BuildFailed(f"{selection} build: failed\n{_why(ran)}\nAll of it: {log}")


@dataclass(slots=True)
class _Turn:
    """Whose turn it is, and until when it is waited for (of the monotonic clock)."""

    selection: str
    deadline: float
    wait: timedelta
    waiting: Callable[[str], None]
    told: str = ""

    def waits_for(self, whom: str) -> None:
        """Says so once."""
        if whom != self.told:
            self.told = whom
            self.waiting(f"{self.selection} build: waits for {whom}")

    def came(self) -> None:
        """It waits no longer."""
        if self.told:
            self.waiting("")

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self.deadline


def _wait_for_file(path: Path, turn: _Turn) -> None:
    """Returns once nobody has DuckDB's file open; raises BuildWaits where that takes too long."""
    if not path.exists():
        return
    import duckdb

    while True:
        try:
            duckdb.connect(str(path)).close()
        except duckdb.IOException as error:
            holder = _HELD.search(str(error))
            if holder is None:
                # dbt says what else is wrong with it.
                return
            if turn.is_over:
                raise _file_is_held(holder) from None
            turn.waits_for(f"{holder['by'] or 'another program'}, which has {path} open")
            time.sleep(_LOOK_EVERY)
        except duckdb.Error:
            return
        else:
            return


def _file_is_held(holder: re.Match[str]) -> BuildWaits:
    return BuildWaits(
        f"{holder['by'] or 'another program'} has the database file for itself: nothing was "
        "built. Close it there; the next build takes in what was missed."
    )


def _arguments(selection: str, project: Path, options: Sequence[str]) -> list[str]:
    selected = (
        ["--exclude-resource-type", "unit_test"]
        if selection == "everything"
        else ["--selector", selection]
    )
    return ["--no-use-colors", "build", *selected, "--project-dir", str(project), *options]


@contextmanager
def _turn(path: Path, turn: _Turn) -> Iterator[IO[str]]:
    """Holds the lock file. Raises BuildWaits. The kernel frees it, whatever ends its holder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8", errors="replace") as file:
        while not _try_lock(file):
            file.seek(0)
            holder = file.read().strip() or "another build"
            if turn.is_over:
                raise BuildWaits(
                    f"{turn.selection} build: gave up after {turn.wait.total_seconds():g} s, "
                    f"{holder} is still at it. Nothing was built; the next build takes in what "
                    "was missed."
                )
            turn.waits_for(holder)
            time.sleep(_LOOK_EVERY)
        file.seek(0)
        file.truncate()
        file.write(f"the {turn.selection} build of process {os.getpid()}, since {_now()}\n")
        file.flush()
        yield file


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def dbt_command(arguments: Sequence[str], held: IO[str], log: logging.Handler) -> Ran:
    """dbt as a command of its own. On SIGTERM it ends first, then this process."""
    options = dict(pairwise(arguments))
    of_project = Path(options["--project-dir"]) / "target"
    target = options.get("--target-path") or dbt_variable("TARGET_PATH") or of_project
    results = Path(target) / "run_results.json"
    results.unlink(missing_ok=True)
    said = []
    # The lock goes with dbt: should this process be killed, the next build still waits for it.
    with subprocess.Popen(
        [sys.executable, "-m", "dbt.cli.main", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=(held.fileno(),),
    ) as process:
        assert process.stdout is not None
        with _passing_on_sigterm(process):
            for line in process.stdout:
                said.append(line)
                log.emit(logging.makeLogRecord({"msg": line.rstrip("\n")}))
            code = process.wait()
    nodes = json.loads(results.read_text(encoding="utf-8"))["results"] if results.exists() else []
    return Ran(code == 0, "".join(said), nodes)


@contextmanager
def _passing_on_sigterm(process: subprocess.Popen[str]) -> Iterator[None]:
    stopped = False

    def stop(*_: Any) -> None:
        nonlocal stopped
        stopped = True
        process.terminate()

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
    if stopped:
        sys.exit(128 + signal.SIGTERM)


def _why(ran: Ran) -> str:
    """What failed, by node; where none began, the last that dbt said."""
    failed = [
        f"  {node['unique_id'].split('.')[2]}: {' '.join(str(node['message']).split())[:300]}"
        for node in ran.nodes
        if node["status"] not in ("success", "pass", "warn", "skipped", "no-op")
    ]
    said = ran.said.splitlines()[-8:]
    return "\n".join(failed or [f"  {line}" for line in said if line.strip()])


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
