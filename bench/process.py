"""Runs a command in a process of its own and says what it cost."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.settings import PROJECT


class CommandFailed(RuntimeError):
    """A measured command did not end well; the message holds its last words."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a finished command cost."""

    seconds: float
    """From start to end, the interpreter's own start included."""
    cpu_seconds: float
    """Of all its threads; on a machine that others use, too, steadier than `seconds`."""
    peak_bytes: int
    """The greatest resident set. The starting process must stay small: Linux counts it in."""
    output: str


def say(text: str) -> None:
    """Tells on the console what begins now."""
    print(f"{datetime.now(UTC):%H:%M:%S}  {text}", flush=True)


def run(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Run:
    """Runs `command` in the project's folder; what it prints goes to `log`, too.

    Raises CommandFailed where it ends with anything but 0.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    with log.open("w+", encoding="utf-8") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        # wait4 gives this child's own usage; getrusage(RUSAGE_CHILDREN) only the greatest so far.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read()
    if process.returncode:
        last = "\n".join(f"  {line}" for line in said.splitlines()[-25:])
        raise CommandFailed(
            f"{' '.join(command)}\nended with {process.returncode}:\n{last}\nAll of it: {log}"
        )
    return Run(
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        # Linux tells kilobytes, macOS bytes.
        peak_bytes=usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        output=said,
    )


def run_worker(
    module: str, *arguments: str, log: Path, python: Path | None = None
) -> tuple[Run, Any]:
    """Runs `python -m bench.<module>` and reads the JSON of the last line that it prints.

    python: the interpreter of another environment, where the worker needs one. Raises
    CommandFailed where it ends with anything but 0.
    """
    done = run(
        [str(python or sys.executable), "-m", f"bench.{module}", *arguments], log, os.environ
    )
    return done, json.loads(done.output.splitlines()[-1])
