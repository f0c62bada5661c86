"""Where the processor time of a test run goes: printed at its end, by file and by who spent it.

Each report carries what was spent since the one before it, fixtures included: the sum is all of it.
Times are in seconds.
"""

from __future__ import annotations

import resource
import time
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

#: The tests' own process, dbt in it, commands that tests start, and the tools of BigQuery's tests.
SPENDERS = ("tests", "dbt", "commands", "emulator", "analyzer")
#: How many files are told.
TOLD = 20

_within: dict[str, float] = defaultdict(float)
_emulators: set[psutil.Process] = set()
_ended_emulators = 0.0


@contextmanager
def spending(spender: str) -> Iterator[None]:
    """What this process, and those that it waited for, spend in here is the spender's."""
    before = _own() + _children()
    try:
        yield
    finally:
        _within[spender] += _own() + _children() - before


@contextmanager
def spending_emulator(pid: int) -> Iterator[None]:
    """The time of this running process is the emulator's; leave it right before it is ended."""
    global _ended_emulators
    process = psutil.Process(pid)
    _emulators.add(process)
    try:
        yield
    finally:
        _emulators.discard(process)
        _ended_emulators += _running(process)


def _own() -> float:
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])


def _children() -> float:
    """Of processes that were waited for, emulators excepted."""
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - _ended_emulators


def _running(process: psutil.Process) -> float:
    try:
        return float(sum(process.cpu_times()[:2]))
    except psutil.Error:
        return 0.0


def _spent() -> dict[str, float]:
    return {
        "tests": _own() - _within["dbt"],
        "dbt": _within["dbt"],
        "commands": _children() - _within["analyzer"],
        "emulator": _ended_emulators + sum(map(_running, _emulators)),
        "analyzer": _within["analyzer"],
        "wall": time.monotonic(),
    }


_last = _spent()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes in the report what was spent since the one before."""
    global _last
    report = yield
    now = _spent()
    vars(report)["spent"] = {name: now[name] - _last[name] for name in now}
    _last = now
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Tells the files that cost most, and the sum."""
    files: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, seconds in getattr(report, "spent", {}).items():
                files["all files"][name] += seconds
                files[report.nodeid.partition("::")[0].removeprefix("tests/python/")][name] += (
                    seconds
                )
    terminalreporter.section(f"processor seconds: {_processor(files['all files']):.0f}")
    terminalreporter.write_line(_line("file", ["all", *SPENDERS, "wall"]))
    for file in sorted(files, key=lambda file: -_processor(files[file]))[: TOLD + 1]:
        seconds = [_processor(files[file]), *(files[file][name] for name in (*SPENDERS, "wall"))]
        terminalreporter.write_line(_line(file, [f"{one:.0f}" for one in seconds]))


def _processor(spent: Mapping[str, float]) -> float:
    return sum(spent[spender] for spender in SPENDERS)


def _line(name: str, cells: list[str]) -> str:
    return f"{name:36}" + "".join(f"{cell:>10}" for cell in cells)
