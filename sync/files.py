"""Text files that a user names: read whole, or line by line, and told in one sentence where not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from sync.errors import ConfigError

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
