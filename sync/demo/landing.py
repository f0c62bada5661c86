"""Writes landing files the way the receiver does: whole or not at all."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

_DAY: Final = 86_400
_EPOCH: Final = date(1970, 1, 1)


class Clock:
    """Formats epoch seconds (UTC) fast: one table for the time of day, one entry per day seen."""

    def __init__(self) -> None:
        self._times = [
            f"{hour:02d}:{minute:02d}:{second:02d}"
            for hour in range(24)
            for minute in range(60)
            for second in range(60)
        ]
        self._dates: dict[int, str] = {}

    def date(self, seconds: int) -> str:
        """The day of `seconds`, `YYYY-MM-DD`."""
        day = seconds // _DAY
        text = self._dates.get(day)
        if text is None:
            text = self._dates[day] = (_EPOCH + timedelta(days=day)).isoformat()
        return text

    def iso(self, seconds: int) -> str:
        """`seconds` as `YYYY-MM-DDTHH:MM:SS`, no zone."""
        return f"{self.date(seconds)}T{self._times[seconds % _DAY]}"


def epoch(day: date) -> int:
    """Epoch seconds of the start of `day`, UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


class Lander:
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
        os.replace(part, final)  # noqa: PTH105 (the promise is os.replace's)
        self._open.pop(folder, None)
        self.files += 1
        self.bytes += len(data)
