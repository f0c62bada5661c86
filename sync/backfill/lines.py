"""The text of a file, with the number of its line before each record: what DuckDB then reads.

DuckDB reads the fields, and names the records that are none. What it cannot know is done here: how
the file is encoded, on which line a record begins, and that a quote which is never closed costs its
own line alone.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from sync.errors import ConfigError

#: Characters of a record, and lines: quoted notes have some, a quote that is never closed no end.
LONGEST: Final = 1 << 20
_MOST_LINES: Final = 50
#: In place of bytes that are not of the encoding, and of NUL.
UNREADABLE: Final = "\ufffd"
TOO_LONG: Final = f"broken line: longer than {LONGEST:,} characters"
NOT_CLOSED: Final = "broken line: a quote is not closed"

_SEPARATORS: Final = (",", ";", "\t", "|")
_ADDRESS: Final = re.compile(r"\S@\S|\d{6}")
_GZIP: Final = b"\x1f\x8b"
_MARKS: Final = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)

Line = tuple[int, str | None]


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a file. lines: how many lines they and what is before them take."""

    names: tuple[str, ...]
    separator: str
    lines: int


def read_header(path: Path, encoding: str | None) -> Header:
    """The first record. Raises ConfigError where there is none, or the file cannot be read."""
    text = ""
    with _lines(path, encoding, lambda _: None) as lines:
        for number, line in lines:
            if line is None or number > _MOST_LINES:
                break
            text += line
            # Blank lines, and Excel's own first one, which names the separator.
            if re.fullmatch(r"(sep=.)?\s*", text):
                text = ""
            elif (header := _header(text.rstrip("\n"), number)) is not None:
                return header
        else:
            if not text:
                raise ConfigError(f"{path} is empty: there is no header in it.")
    raise ConfigError(f"{path}: its header is too long, or a quote in it is not closed.")


def number_records(
    path: Path, encoding: str | None, header: Header, into: IO[str], advance: Callable[[int], None]
) -> Iterator[tuple[int, str]]:
    """Writes the records below the header, while it gives line and reason of what is no record.

    advance: told how many bytes of the file were read.
    """
    blank = f'{header.separator}" \t\n'
    with _lines(path, encoding, advance) as lines:
        for number, record in _records(lines, header):
            if number <= header.lines:
                continue
            if record in (TOO_LONG, NOT_CLOSED):
                yield number, record
            elif record.strip(blank):
                into.write(f"{number}{header.separator}{record}")


def _header(text: str, lines: int) -> Header | None:
    """The names in a text; None where it ends within one."""
    separator = max(_SEPARATORS, key=re.sub(r'"[^"]*"', "", text).count)
    if not _whole_pattern(separator).fullmatch(text):
        return None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    try:
        names = next(reader)
    except csv.Error:
        # A field of more than 128 KB.
        names = text.split(separator)
    return Header(tuple(names), separator, lines)


def _records(lines: Iterator[Line], header: Header) -> Iterator[tuple[int, str]]:
    """The line that a record begins on, and the record; in its place what is wrong with it."""
    is_whole = _whole_pattern(header.separator).fullmatch
    again: deque[Line] = deque()
    while (first := again.popleft() if again else next(lines, None)) is not None:
        number, text = first
        taken: list[Line] = []
        while text is not None and '"' in text and not is_whole(text.rstrip("\n")):
            following = again.popleft() if again else next(lines, None)
            if following is not None:
                taken.append(following)
            if (
                following is None
                or following[1] is None
                or len(taken) == _MOST_LINES
                or _is_a_record(following[1], header)
            ):
                again.extendleft(reversed(taken))
                text = NOT_CLOSED
            else:
                text = text + following[1] if len(text) < LONGEST else None
        yield number, TOO_LONG if text is None else text


def _is_a_record(line: str, header: Header) -> bool:
    """Whether a line is no part of a note, but names somebody: a quote before it was not closed."""
    is_as_wide = line.count(header.separator) == len(header.names) - 1
    return is_as_wide and '"' not in line and _ADDRESS.search(line) is not None


def _whole_pattern(separator: str) -> re.Pattern[str]:
    """A record in which every quoted field ends."""
    s = re.escape(separator)
    field = rf' *+(?:"(?:[^"]|"")*+"[^{s}]*+|[^"{s}][^{s}]*+|)'
    return re.compile(rf"{field}(?:{s}{field})*+", re.DOTALL)


@contextmanager
def _lines(
    path: Path, encoding: str | None, advance: Callable[[int], None]
) -> Iterator[Iterator[Line]]:
    """The lines and their numbers, from 1; None for one that is too long."""
    try:
        with path.open("rb") as raw:
            start = raw.peek(2)[:2]
            packed = gzip.GzipFile(fileobj=raw) if start == _GZIP else None
            plain = io.BufferedReader(cast(io.RawIOBase, packed)) if packed else raw
            found = encoding or _encoding(cast(io.BufferedReader, plain).peek(4)[:4])
            # A name in a wrong encoding must not hide the opt-out beside it.
            with io.TextIOWrapper(plain, encoding=found, errors="replace") as text:
                yield _numbered(text, raw, advance)
    except (OSError, EOFError, zlib.error) as error:
        said = getattr(error, "strerror", None) or "it is cut off or no gzip file"
        raise ConfigError(f"{path} cannot be read: {said}.") from None
    except (LookupError, UnicodeError):
        raise ConfigError(f"{path} cannot be read: it is not text in {encoding}.") from None


def _encoding(start: bytes) -> str:
    """By its mark, or the NULs of UTF-16 that has none; else UTF-8."""
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    if len(start) == 4 and start[0] and not start[1] and start[2] and not start[3]:
        return "utf-16-le"
    if len(start) == 4 and not start[0] and start[1] and not start[2] and start[3]:
        return "utf-16-be"
    return "utf-8-sig"


def _numbered(text: IO[str], raw: IO[bytes], advance: Callable[[int], None]) -> Iterator[Line]:
    number = position = 0
    while line := text.readline(LONGEST):
        number += 1
        if len(line) == LONGEST and not line.endswith("\n"):
            while (rest := text.readline(LONGEST)) and not rest.endswith("\n"):
                pass
            yield number, None
        else:
            # The last line may have no end.
            yield number, (line if line.endswith("\n") else f"{line}\n").replace("\0", UNREADABLE)
        if number % 20_000 == 0:
            advance(raw.tell() - position)
            position = raw.tell()
    advance(raw.tell() - position)
