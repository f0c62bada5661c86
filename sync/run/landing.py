"""Whether something landed: told by names, sizes and times of files, without opening one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

#: Files of earlier days' folders are complete: of such a folder only the time of its last change
#: counts, which a new file moves. A file that grows later is read by the daily build.
_OPEN_DAYS: Final = timedelta(days=2)

#: What a build reads; the receiver's counts of requests are no events.
_READ: Final = ("webhook_deliveries", "email_sends", "email_opens", "contacts")

Sign = tuple[str, int, int]


def signature(landing: Path) -> int:
    """A number that is another one after something landed. Milliseconds for a year of files."""
    oldest = f"date={datetime.now(UTC) - _OPEN_DAYS:%Y-%m-%d}"
    signs = (sign for name in _READ for sign in _signs(str(landing / name), oldest))
    return hash(tuple(sorted(signs)))


def _signs(folder: str, oldest: str) -> Iterator[Sign]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        # Not there yet, or gone meanwhile.
        return
    for entry in entries:
        try:
            found = entry.stat()
        except OSError:
            continue
        if entry.is_dir():
            if entry.name.startswith("date=") and entry.name < oldest:
                yield entry.path, 0, found.st_mtime_ns
            else:
                yield from _signs(entry.path, oldest)
        elif entry.name.endswith(".ndjson"):
            yield entry.path, found.st_size, found.st_mtime_ns
