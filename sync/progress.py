"""How far a command is.

`push` and `backfill` show a bar on a terminal, a plain line now and then anywhere else. What is
done in steps shows its step on a terminal, and nothing anywhere else.
"""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Any, Final, Protocol, Self

import click

from sync.terminal import shown

# Seconds between two plain lines of one destination.
_LINE_EVERY = 5.0


class _Plain:
    """Nothing is to be wiped away at the end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass


class _OnTerminal:
    """What rich shows between begin and end."""

    _progress: Any

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()


class Lines(_Plain):
    """Plain lines on standard error, for logs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals: dict[str, int] = {}
        self._settled: dict[str, int] = {}
        self._last: dict[str, float] = {}

    def start(self, destination: str, items: int, what: str = "to send") -> None:
        """Delivery begins, or what else `what` says of the items."""
        with self._lock:
            self._totals[destination] = items
            self._settled[destination] = 0
            self._last[destination] = time.monotonic()
        click.echo(f"{destination}: {items:,} {what}", err=True)

    def advance(self, destination: str, items: int) -> None:
        """So many items more are settled."""
        with self._lock:
            self._settled[destination] += items
            now = time.monotonic()
            if now - self._last[destination] < _LINE_EVERY:
                return
            self._last[destination] = now
            text = f"{self._settled[destination]:,} of {self._totals[destination]:,}"
        click.echo(f"{destination}: {text}", err=True)


class Bar(_OnTerminal):
    """A bar per destination, on standard error."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._tasks: dict[str, Any] = {}

    def start(self, destination: str, items: int, what: str = "") -> None:
        """Delivery begins, or what else `what` says of the items."""
        self._tasks[destination] = self._progress.add_task(
            f"{destination} {what}".strip(), total=items
        )

    def advance(self, destination: str, items: int) -> None:
        """So many items more are settled."""
        self._progress.advance(self._tasks[destination], items)


def make_progress() -> Lines | Bar:
    """The form that standard error can show."""
    return Bar() if sys.stderr.isatty() else Lines()


class Steps(Protocol):
    """Who is told which step of a command is under way."""

    def begin(self, what: str, items: int | None = None) -> None:
        """A step, which ends the one before. items: how many it has, where that is known."""

    def advance(self, items: int) -> None:
        """So many items of the step more are done."""


class Quiet(_Plain):
    """Steps that nobody looks at."""

    def begin(self, what: str, items: int | None = None) -> None:
        """Says nothing."""

    def advance(self, items: int) -> None:
        """Says nothing."""


#: Where no steps are given.
QUIET: Final = Quiet()


class StepLine(_OnTerminal):
    """The step that is under way, with its seconds, in one line that the end wipes away."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
        )
        self._task: Any = None

    def begin(self, what: str, items: int | None = None) -> None:
        """See Steps."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(shown(what), total=items, count="")
        # A short step is seen, too.
        self._progress.refresh()

    def advance(self, items: int) -> None:
        """See Steps."""
        if self._task is None:
            return
        self._progress.advance(self._task, items)
        task = self._progress.tasks[0]
        of_all = "" if task.total is None else f" of {int(task.total):,}"
        self._progress.update(self._task, count=f"{int(task.completed):,}{of_all}")


def make_steps() -> StepLine | Quiet:
    """The form that standard error can show."""
    return StepLine() if sys.stderr.isatty() else Quiet()


class Counter:
    """How many of something were seen so far, as a plain line on standard error now and then."""

    def __init__(self, what: str) -> None:
        """what: in the plural, as in `entries read`."""
        self._what = what
        self._count = 0
        self._last = time.monotonic()

    def advance(self, items: int) -> None:
        """So many more."""
        self._count += items
        now = time.monotonic()
        if now - self._last >= _LINE_EVERY:
            self._last = now
            click.echo(f"{self._count:,} {self._what}", err=True)
