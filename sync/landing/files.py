"""Newline-delimited JSON below the landing directory, readable by a build while it is written.

A delivery is safe when its line and the name of its file are on the disk. A crash leaves at most a
torn last line, for which nobody was answered; a process never appends to another's file.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sync.landing.delivery import Landed, RequestCount

# A build reads a file that has grown from its start: small enough for that, few enough to list.
_LARGEST_FILE = 64 * 1024 * 1024
_LONGEST_OPEN = 3600.0


@dataclass(slots=True)
class _Open:
    descriptor: int
    day: str
    opened_at: float
    # Bytes that are safe.
    size: int = 0


class FileSink:
    """Implements Sink; one open file per source."""

    def __init__(
        self,
        landing: Path,
        *,
        sync: bool = True,
        largest_file: int = _LARGEST_FILE,
        longest_open: float = _LONGEST_OPEN,
    ) -> None:
        """sync: whether a group waits for the disk, which all but measurements must.

        largest_file: bytes, longest_open: seconds, after which a new file is begun.
        """
        self._largest_file = largest_file
        self._longest_open = longest_open
        self.place = str(landing)
        self._landing = landing
        self._sync = sync
        self._open: dict[str, _Open] = {}
        started = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        self._stem = f"{started}-{os.getpid()}-{secrets.token_hex(4)}"
        self._numbers = itertools.count(1)

    def write(self, rows: Sequence[Landed]) -> list[Exception | None]:
        """See Sink. One write and one fsync per source."""
        outcomes: dict[str, Exception | None] = {}
        lines: dict[str, list[str]] = {}
        for row in rows:
            lines.setdefault(row.source, []).append(_line(row))
        # One day for the whole group: the day's folder only sorts the files.
        day = f"{rows[-1].received_at:%Y-%m-%d}" if rows else ""
        for source, texts in lines.items():
            try:
                self._append(source, day, "".join(texts).encode())
                outcomes[source] = None
            except OSError as error:
                outcomes[source] = error
        return [outcomes[row.source] for row in rows]

    def write_counts(self, counts: Sequence[RequestCount]) -> None:
        """See Sink."""
        day = f"{counts[-1].counted_at:%Y-%m-%d}"
        folder = self._landing / "webhook_requests" / f"date={day}"
        folder.mkdir(parents=True, exist_ok=True)
        rows = [{**row._asdict(), "counted_at": row.counted_at.isoformat()} for row in counts]
        with (folder / f"{self._stem}.ndjson").open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)

    def close(self) -> None:
        """See Sink."""
        for source in list(self._open):
            self._forget(source)

    def _append(self, source: str, day: str, data: bytes) -> None:
        file = self._file(source, day)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(file.descriptor, rest) :]
            if self._sync:
                os.fdatasync(file.descriptor)
        except OSError:
            # What was half written is answered as not landed, and must not be believed.
            with contextlib.suppress(OSError):
                os.ftruncate(file.descriptor, file.size)
                os.fsync(file.descriptor)
            self._forget(source)
            raise
        file.size += len(data)

    def _file(self, source: str, day: str) -> _Open:
        file = self._open.get(source)
        if file is not None and (
            file.day != day
            or file.size >= self._largest_file
            or time.monotonic() - file.opened_at > self._longest_open
        ):
            self._forget(source)
            file = None
        return file or self._new_file(source, day)

    def _new_file(self, source: str, day: str) -> _Open:
        folder = self._landing / "webhook_deliveries" / f"source={source}" / f"date={day}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self._stem}-{next(self._numbers):05d}.ndjson"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            # The names of file and folders must survive a crash, too.
            for directory in (folder, *folder.parents[: len(folder.parts) - len(self._above())]):
                _sync_directory(directory)
        except OSError:
            os.close(descriptor)
            raise
        made = self._open[source] = _Open(descriptor, day, time.monotonic())
        return made

    def _above(self) -> tuple[str, ...]:
        return self._landing.parent.parts

    def _forget(self, source: str) -> None:
        with contextlib.suppress(OSError):
            os.close(self._open.pop(source).descriptor)


class WholeFiles:
    """Appends lines to one landing file per folder and turns to a new one when it is full.

    A file appears under its final name only when it is complete (`os.replace`), so that a build
    that runs at the same time never reads half of it.
    """

    def __init__(self, root: Path, stem: str, lines_per_file: int = 4_000) -> None:
        self._root = root
        self._stem = stem
        self._full = lines_per_file
        self._open: dict[str, list[str]] = {}
        self._numbers: dict[str, int] = {}
        self.files = 0
        self.bytes = 0

    def add(self, folder: str, line: str) -> None:
        """Adds one line (without its end) to the open file of `folder`, a path under the root."""
        lines = self._open.get(folder)
        if lines is None:
            lines = self._open[folder] = []
        lines.append(line)
        if len(lines) >= self._full:
            self._write(folder, "\n".join(lines) + "\n")

    def tear(self, folder: str, piece: str) -> None:
        """Ends the open file of `folder` with a piece of a line, as a writer's crash leaves it."""
        self._write(folder, "\n".join([*self._open.get(folder, []), piece]))

    def close(self) -> None:
        """Writes what is still open."""
        for folder in list(self._open):
            self._write(folder, "\n".join(self._open[folder]) + "\n")

    def _write(self, folder: str, text: str) -> None:
        number = self._numbers[folder] = self._numbers.get(folder, 0) + 1
        directory = self._root / folder
        directory.mkdir(parents=True, exist_ok=True)
        final = directory / f"{self._stem}-{number:05d}.ndjson"
        part = final.with_suffix(".tmp")
        data = text.encode()
        part.write_bytes(data)
        part.replace(final)
        self._open.pop(folder, None)
        self.files += 1
        self.bytes += len(data)


def _line(row: Landed) -> str:
    landed = {
        "delivery_id": row.delivery_id,
        "received_at": row.received_at.isoformat(),
        "payload": row.payload,
    }
    return json.dumps(landed, ensure_ascii=False) + "\n"


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
