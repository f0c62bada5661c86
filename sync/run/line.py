"""What a run says: one line that changes on a terminal, a line per event anywhere else."""

from __future__ import annotations

import shutil
import sys
import threading
from datetime import UTC, datetime

import click

from sync.run.parts import Part
from sync.terminal import shown


class Lines:
    """For logs: what was done, and what fails, once; not that nothing was to be done."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}

    def tell(self, name: str, part: Part) -> None:
        """A part's state is another one."""
        if part.state in ("working", "idle") and not part.detail:
            return
        if part.state in ("failing", "waiting") and self._told.get(name) == part.detail:
            return
        self._told[name] = part.detail
        click.echo(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {name}: {_text(part)}", err=True)


class StatusLine:
    """For a terminal."""

    def __init__(self) -> None:
        self._parts: dict[str, Part] = {}
        self._lock = threading.Lock()

    def tell(self, name: str, part: Part) -> None:
        """A part's state is another one: the line is written anew; what fails stands above it."""
        with self._lock:
            self._parts[name] = part
            sys.stderr.write("\r\x1b[2K")
            if part.state == "failing":
                sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {name}: {_text(part)}\n")
            # What fails comes first: a narrow terminal cuts the end.
            names = sorted(self._parts, key=lambda one: self._parts[one].state != "failing")
            told = [f"{one} {self._short(one)}" for one in names]
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write(" | ".join(told)[:width])
            sys.stderr.flush()

    def _short(self, name: str) -> str:
        part = self._parts[name]
        if part.state == "failing":
            return f"FAILING since {part.since[11:19]}"
        return " ".join(shown(f"{part.state} {part.detail}").split()).strip()


def _text(part: Part) -> str:
    failing = "failing: " if part.state == "failing" else ""
    return shown(f"{failing}{part.detail or part.state}")


def make_line() -> Lines | StatusLine:
    """The form that standard error can show."""
    return StatusLine() if sys.stderr.isatty() else Lines()
