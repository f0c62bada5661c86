"""What each part of a run is doing: for its status line, /healthz and `contact-sync status`."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sync.errors import ConfigError
from sync.scratch import partial_file

log = logging.getLogger(__name__)

#: States in which a part does nothing, and nothing is wrong with that.
OVER = ("stopped", "off")


def has_died(run: Mapping[str, Any]) -> bool:
    """Whether a run, as `read` says it, ended without stopping its parts."""
    return not run["is_alive"] and not all(one["state"] in OVER for one in run["parts"].values())


@dataclass(frozen=True, slots=True)
class Part:
    """state: `idle`, `working`, `waiting`, `failing`, `stopped` or `off`. since: UTC, ISO 8601."""

    state: str
    detail: str
    since: str


class Parts:
    """The states of a run, in a file that other processes read."""

    def __init__(self, path: Path, tell: Callable[[str, Part], None]) -> None:
        """tell: hears of every state that is another one than before."""
        self._path = path
        self._tell = tell
        self._lock = threading.Lock()
        self._parts: dict[str, Part] = {}
        self._settled: dict[str, Part] = {}
        self._done: dict[str, str] = (_read(path) or {}).get("done", {})

    def say(self, name: str, state: str, detail: str = "") -> None:
        """A part is in this state now."""
        with self._lock:
            before = self._parts.get(name)
            if before is not None and (before.state, before.detail) == (state, detail):
                return
            # What fails again after a try has been failing since it first did.
            earlier = next(
                (one for one in (before, self._settled.get(name)) if one and one.state == state),
                None,
            )
            part = Part(state, detail, _now() if earlier is None else earlier.since)
            if state != "working":
                self._settled[name] = part
            self._parts = {**self._parts, name: part}
            self._write()
        self._tell(name, part)

    def note(self, selection: str, at: datetime) -> None:
        """A build of the schedule is done: a run that is started later knows."""
        with self._lock:
            self._done[selection] = at.isoformat()
            self._write()

    def noted(self, selection: str) -> datetime | None:
        """When such a build was done last."""
        text = self._done.get(selection)
        return None if text is None else datetime.fromisoformat(text)

    def state(self, name: str) -> str | None:
        """The state of a part; None of one that said nothing yet."""
        part = self._parts.get(name)
        return None if part is None else part.state

    def as_json(self) -> dict[str, dict[str, str]]:
        """By name: state, detail, since. Waits for no file that is being written."""
        return {name: asdict(part) for name, part in self._parts.items()}

    def _write(self) -> None:
        told = {"pid": os.getpid(), "parts": self.as_json(), "done": self._done}
        try:
            with partial_file(self._path) as partial:
                partial.write_text(json.dumps(told), encoding="utf-8")
        except OSError as error:
            # Where the disk is full, the receiver answers so; no part ends for this file.
            log.warning("%s cannot be written: %s", self._path, error.strerror)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Holds the place of the run whose states are in this file.

    Raises ConfigError where another run has it. The kernel frees it, whatever ends its holder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _lock_of(path).open("a") as file:
        if not _held(file.fileno()):
            pid = (_read(path) or {}).get("pid", "?")
            raise ConfigError(
                f"`contact-sync run` of process {pid} is at work on this warehouse already: {path}"
            )
        yield


def read(path: Path) -> dict[str, Any] | None:
    """What a run last said of itself, and whether it is alive; None where there was none.

    Keys: pid, is_alive, parts, done.
    """
    told = _read(path)
    if told is None:
        return None
    try:
        # For an instant no other lock of this kind is let in: a run that starts then tries again.
        with _lock_of(path).open() as file:
            is_alive = not _try(file.fileno(), fcntl.LOCK_SH)
    except OSError:
        is_alive = False
    return {**told, "is_alive": is_alive}


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _held(descriptor: int) -> bool:
    for _ in range(5):
        if _try(descriptor, fcntl.LOCK_EX):
            return True
        time.sleep(0.1)
    return False


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(path: Path) -> dict[str, Any] | None:
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return told


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
