"""Text files that a user names, read or written, and told in one sentence where not."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final

from sync.errors import ConfigError
from sync.terminal import csv_cells

# Of characters. A file of one endless line would fill the memory.
_LONGEST_LINE: Final = 1 << 24


def read_text(path: Path) -> str:
    """The file as text. Raises ConfigError where it cannot be read, or is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} cannot be read: it is not UTF-8.") from None


def lines_of(file: IO[str], path: Path) -> Iterator[str]:
    """The lines of an open file. Raises ConfigError at one that no file of text has."""
    number = 1
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE and not line.endswith(("\n", "\r")):
            raise ConfigError(
                f"{path} cannot be read: it has a line of more than {_LONGEST_LINE:,} characters "
                f"(line {number:,})."
            )
        yield line
        number += 1


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """A CSV file that only this user reads: it may tell of persons."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
    with open(descriptor, "w", encoding="utf-8", newline="") as out:  # noqa: PTH123
        writer = csv.writer(out)
        writer.writerow(header)
        writer.writerows(csv_cells(row) for row in rows)
