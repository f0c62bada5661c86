"""Builds by a process of its own, which is made anew when it has grown or the project changed."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from sync.build import Built
from sync.errors import BuildFailed, BuildWaits, SyncError, WarehouseBusy

#: Builds of one process, and bytes that it may grow by: dbt keeps a little of each.
_MOST_BUILDS: Final = 100
_MOST_GROWTH: Final = 300 * 1024 * 1024
#: Seconds that a build may take to end.
_PATIENCE: Final = 20.0
_ERRORS: Final = {"BuildWaits": BuildWaits, "BuildFailed": BuildFailed}


class Builder:
    """Asks the process for one build at a time."""

    def __init__(
        self,
        *,
        project: Path,
        lock: Path,
        database: Path | None,
        schema: str,
        options: Sequence[str],
        wait: timedelta,
        announce: Callable[[str], None],
        waiting: Callable[[str], None],
    ) -> None:
        """As `sync.build.build` takes them."""
        self._command = [sys.executable, "-m", "sync.run.worker", str(project), str(lock)]
        self._command += [str(database or ""), schema, str(wait.total_seconds()), *options]
        self._tell = {"announced": announce, "waiting": waiting}
        self._process: subprocess.Popen[str] | None = None
        self._builds = 0
        self._least_memory = 0
        self._guard = threading.Lock()
        self._has_ended = False
        #: Bytes of the process after its last build, and how many processes there were.
        self.memory = 0
        self.processes = 0

    def build(self, selection: str) -> Built:
        """Raises as `sync.build.build`; BuildFailed too where the process died."""
        asked = {"selection": selection}
        answer = self._ask(asked)
        if answer.get("error") == "ProjectChanged":
            self._let_go(_PATIENCE)
            answer = self._ask(asked)
        self._recycle(int(answer.get("memory", 0)))
        if "built" in answer:
            told = answer["built"]
            return Built(
                told["selection"], told["seconds"], Counter(told["counts"]), Path(told["log"])
            )
        raise _ERRORS.get(answer["error"], BuildFailed)(answer["text"])

    def publish(self) -> float:
        """Copies DuckDB's file for readers; gives the seconds that took.

        Not in this process: it writes to the file, and DuckDB opens a file in one way at a time.
        Raises WarehouseBusy where another program has the file, SyncError where it cannot be done.
        """
        answer = self._ask({"publish": True})
        if "published" in answer:
            return float(answer["published"])
        busy = answer["error"] == WarehouseBusy.__name__
        raise (WarehouseBusy if busy else SyncError)(answer["text"])

    def stop(self, patience: float = _PATIENCE) -> None:
        """Lets the build that is under way end, for so many seconds; then it is ended.

        No other is begun.
        """
        with self._guard:
            self._has_ended = True
        self._let_go(patience)

    def _let_go(self, patience: float) -> None:
        with self._guard:
            process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            # The next build does again what this one leaves.
            process.kill()
            process.wait()
        _close(process)

    def _ask(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        try:
            process = self._started()
            assert process.stdin is not None
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            return self._answer(process)
        except (OSError, ValueError) as error:
            self._forget()
            what = f"{asked['selection']} build" if "selection" in asked else "copy for readers"
            return {"error": "BuildFailed", "text": f"{what}: its process ended ({error})"}

    def _started(self) -> subprocess.Popen[str]:
        with self._guard:
            if self._has_ended:
                raise OSError("it is over")
            if self._process is not None and self._process.poll() is None:
                return self._process
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                # Ctrl-C is for us: the build that is under way may end.
                start_new_session=True,
            )
            self._process = process
        self.processes += 1
        self._builds = self._least_memory = 0
        return process

    def _answer(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        assert process.stdout is not None
        for line in process.stdout:
            answer: dict[str, Any] = json.loads(line)
            (kind, text), *_ = answer.items()
            if kind in self._tell:
                self._tell[kind](text)
            elif kind != "ready":
                return answer
        raise OSError(f"exit code {process.wait()}")

    def _forget(self) -> None:
        with self._guard:
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            _close(process)

    def _recycle(self, memory: int) -> None:
        self._builds += 1
        self.memory = memory
        self._least_memory = min(self._least_memory or memory, memory)
        if self._builds >= _MOST_BUILDS or memory - self._least_memory > _MOST_GROWTH:
            self._let_go(_PATIENCE)


def _close(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    process.stdout.close()
