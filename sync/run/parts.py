"""What each part of a run is doing: for its status line, /healthz and `contact-sync status`."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sync.scratch import is_alive, partial_file

#: The parts, in the order in which data flows.
NAMES = ("receive", "build", "push")


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
        self._done: dict[str, str] = (read(path) or {}).get("done", {})

    def say(self, name: str, state: str, detail: str = "") -> None:
        """A part is in this state now."""
        with self._lock:
            before = self._parts.get(name)
            if before is not None and (before.state, before.detail) == (state, detail):
                return
            part = self._parts[name] = Part(state, detail, _now())
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

    def as_json(self) -> dict[str, dict[str, str]]:
        """By name: state, detail, since."""
        with self._lock:
            return {name: asdict(part) for name, part in self._parts.items()}

    def _write(self) -> None:
        told = {
            "pid": os.getpid(),
            "parts": {name: asdict(part) for name, part in self._parts.items()},
            "done": self._done,
        }
        with partial_file(self._path) as partial:
            partial.write_text(json.dumps(told), encoding="utf-8")


def read(path: Path) -> dict[str, Any] | None:
    """What a run last said of itself, with whether its process is alive; None where there was none.

    Keys: pid, is_alive, parts, done.
    """
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return {**told, "is_alive": is_alive(told["pid"])}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
