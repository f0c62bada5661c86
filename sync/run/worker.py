"""A process that builds again and again: dbt is imported, and the project parsed, once.

`python -m sync.run.worker PROJECT LOCK DATABASE SCHEMA WAIT_SECONDS OPTION...`: a JSON object per
line on standard input and output, as `sync.run.builder` writes and reads them.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, Final

from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt_common.events.base_types import EventMsg

from sync.build import Built, Ran, build
from sync.errors import SyncError
from sync.warehouse.published import publish

#: Levels of dbt's messages that its command prints.
_PRINTED: Final = {"info", "warn", "error"}
#: What a change of makes the project another one, beside everything in these folders.
_FOLDERS: Final = ("models", "macros", "seeds", "snapshots", "tests")


#: For a push that has the file open for moments.
_TO_PUBLISH: Final = timedelta(seconds=1)


class ProjectChanged(Exception):
    """The project's files are others than those that were parsed."""


class Dbt:
    """dbt in this process."""

    def __init__(self, project: Path, options: Sequence[str]) -> None:
        """Parses the project. Raises RuntimeError with dbt's words where it cannot."""
        self._project = project
        self._files = _files(project)
        self._said: list[str] = []
        self._log: logging.Handler | None = None
        asked = ["parse", "--project-dir", str(project), *options]
        with self._heard(None):
            parsed = dbtRunner(callbacks=[self._hear]).invoke([*_QUIET, *asked])
        if not isinstance(parsed.result, Manifest):
            raise RuntimeError("\n".join(self._said[-8:]) or str(parsed.exception))
        self._manifest = parsed.result

    def __call__(self, arguments: Sequence[str], _: IO[str], log: logging.Handler) -> Ran:
        """See sync.build.Dbt."""
        if _files(self._project) != self._files:
            raise ProjectChanged
        runner = dbtRunner(manifest=self._manifest, callbacks=[self._hear])
        with self._heard(log):
            try:
                done = runner.invoke([*_QUIET, *arguments])
            finally:
                _let_go_of_the_database()
        if done.exception is not None:
            self._said.append(str(done.exception))
        nodes = [
            {"unique_id": one.node.unique_id, "status": str(one.status), "message": one.message}
            for one in getattr(done.result, "results", None) or []
        ]
        return Ran(done.success, "\n".join(self._said), nodes)

    @contextmanager
    def _heard(self, log: logging.Handler | None) -> Iterator[None]:
        self._said, self._log = [], log
        yield
        self._log = None

    def _hear(self, message: EventMsg) -> None:
        if message.info.level in _PRINTED:
            text = str(message.info.msg)  # type: ignore[attr-defined]
            self._said.append(text)
            if self._log is not None:
                self._log.emit(logging.makeLogRecord({"msg": text}))


_QUIET: Final = ("--log-level", "none", "--log-level-file", "none", "--no-write-json")


def _files(project: Path) -> frozenset[tuple[str, int, int]]:
    """The project's files by name, size and time of the last change."""
    paths = [*project.glob("*.yml"), *(p for name in _FOLDERS for p in (project / name).rglob("*"))]
    found = ((str(path), path.stat()) for path in paths if path.is_file())
    return frozenset((name, stat.st_size, stat.st_mtime_ns) for name, stat in found)


def _let_go_of_the_database() -> None:
    """dbt-duckdb keeps the file open, and others out, for the life of the process."""
    if "dbt.adapters.duckdb.connections" in sys.modules:
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]


def _memory() -> int:
    """Bytes of this process that are in memory (0 where the system does not say)."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _built(built: Built) -> dict[str, Any]:
    return {
        "selection": built.selection,
        "seconds": built.seconds,
        "counts": dict(built.counts),
        "log": str(built.log),
    }


def main(arguments: Sequence[str]) -> None:
    """Builds what standard input asks for, until it ends."""
    # What libraries print must not stand among the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    project, lock, database, schema, wait, *options = arguments

    def answer(**said: Any) -> None:
        answers.write(json.dumps(said) + "\n")
        answers.flush()

    try:
        dbt = Dbt(Path(project), options)
    except RuntimeError as error:
        answer(error="BuildFailed", text=f"dbt cannot read the project\n{error}")
        return
    answer(ready=True)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            if "publish" in asked:
                done = publish(Path(database), wait=_TO_PUBLISH, schema=schema, parquet=())
                answer(published=done.seconds)
                continue
            built = build(
                asked["selection"],
                project=Path(project),
                lock=Path(lock),
                options=options,
                wait=timedelta(seconds=float(wait)),
                announce=lambda text: answer(announced=text),
                waiting=lambda text: answer(waiting=text),
                dbt=dbt,
                database=Path(database) if database else None,
            )
        except ProjectChanged:
            answer(error="ProjectChanged", text="")
            return
        except SyncError as error:
            answer(error=type(error).__name__, text=str(error), memory=_memory())
        else:
            answer(built=_built(built), memory=_memory())


if __name__ == "__main__":
    main(sys.argv[1:])
