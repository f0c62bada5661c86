"""The records of a CSV file with the line that each begins on, as a stream that pandas reads.

A record is given to pandas with its line number before it and a mark after it: one that has not as
many fields as the header does not end with the mark, and a quote that is never closed costs its own
line only.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self, cast

from sync.errors import ConfigError
from sync.files import lines_of

#: The last field of every whole record.
MARK: Final = "."
#: In place of the line, in the first record, which is none of the file.
WIDTH: Final = "0"
#: What stands in place of bytes that are not of the file's encoding.
UNREADABLE: Final = "\ufffd"

_SEPARATORS: Final = (",", ";", "\t", "|")
_GZIP: Final = b"\x1f\x8b"
# Lines of one record: quoted notes have some, a quote that is never closed has no end.
_MOST_LINES: Final = 50
_BLOCK: Final = 1 << 18


class Records:
    """One CSV file, plain or gzip, UTF-8 (with or without BOM) or UTF-16 with BOM.

    header: its fields. separator: of `,` `;` tab and `|` the one that the header has most of.
    broken: lines that are no record so far, with the reason. Raises ConfigError where the file
    cannot be read or is empty.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.broken: list[tuple[int, str]] = []
        try:
            self._raw = path.open("rb")
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
        self._lines = enumerate(self._read_lines(), 1)
        self._again: deque[tuple[int, str]] = deque()
        self._left = ""
        try:
            first = self._first_record()
        except ConfigError:
            self._raw.close()
            raise
        self.separator = max(_SEPARATORS, key=re.sub(r'"[^"]*"', "", first).count)
        self._is_whole = _whole_pattern(self.separator).fullmatch
        lines = io.StringIO(first, newline="")
        self.header = next(csv.reader(lines, delimiter=self.separator, skipinitialspace=True))
        self._stream = self._framed()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._raw.close()

    @property
    def position(self) -> int:
        """Bytes of the file that are read."""
        return self._raw.tell()

    def read(self, size: int = -1) -> str:
        """Text of framed records, as pandas asks for it; '' at the end."""
        parts = [self._left]
        length = len(self._left)
        while size < 0 or length < size:
            block = next(self._stream, "")
            if not block:
                break
            parts.append(block)
            length += len(block)
        text = "".join(parts)
        end = length if size < 0 else size
        self._left = text[end:]
        return text[:end]

    def __iter__(self) -> Iterator[str]:
        """For pandas, which asks whether it can."""
        return self._stream

    def _read_lines(self) -> Iterator[str]:
        try:
            raw: IO[bytes] = self._raw
            if raw.peek(2)[:2] == _GZIP:  # type: ignore[attr-defined]
                raw = io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=self._raw)))
            start = cast(io.BufferedReader, raw).peek(2)[:2]
            encoding = "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
            # A name in a wrong encoding must not hide the opt-out beside it.
            self._text = io.TextIOWrapper(raw, encoding=encoding, errors="replace")
            yield from lines_of(self._text, self._path)
        except (OSError, EOFError, zlib.error) as error:
            said = getattr(error, "strerror", None) or "it is cut off or no gzip file"
            raise ConfigError(f"{self._path} cannot be read: {said}.") from None

    def _next_line(self) -> tuple[int, str] | None:
        return self._again.popleft() if self._again else next(self._lines, None)

    def _first_record(self) -> str:
        text = ""
        while (line := self._next_line()) is not None and line[0] <= _MOST_LINES:
            text += line[1]
            # Blank lines, and Excel's own first one, which names the separator.
            if re.fullmatch(r"(sep=.)?\s*", text):
                text = ""
            elif text.count('"') % 2 == 0:
                return text.rstrip("\n")
        if text:
            raise ConfigError(f"{self._path}: a quote in the header is not closed.")
        raise ConfigError(f"{self._path} is empty: there is no header in it.")

    def _framed(self) -> Iterator[str]:
        # pandas takes the number of fields from the first record: this one has the right one.
        yield f"{WIDTH}{self.separator * (len(self.header) + 1)}{MARK}\n"
        block: list[str] = []
        length = 0
        blank = f'{self.separator}" \t\n'
        for number, record in self._whole_records():
            if not record.strip(blank):
                continue
            framed = f"{number}{self.separator}{record}{self.separator}{MARK}\n"
            block.append(framed)
            length += len(framed)
            if length >= _BLOCK:
                yield "".join(block)
                block, length = [], 0
        yield "".join(block)

    def _whole_records(self) -> Iterator[tuple[int, str]]:
        while (line := self._next_line()) is not None:
            number, text = line
            record = text if '"' not in text else self._completed(number, text)
            if record is not None:
                yield number, record.rstrip("\n").replace("\0", UNREADABLE)

    def _completed(self, number: int, text: str) -> str | None:
        """The record with the lines that its quotes go on in; None where they have no end."""
        taken: list[tuple[int, str]] = []
        while not self._is_whole(text.rstrip("\n")):
            following = self._next_line() if len(taken) < _MOST_LINES else None
            if following is None:
                self._again.extendleft(reversed(taken))
                self.broken.append((number, "broken line: a quote is not closed"))
                return None
            taken.append(following)
            text += following[1]
        return text


def _whole_pattern(separator: str) -> re.Pattern[str]:
    """A record in which every quoted field ends."""
    s = re.escape(separator)
    field = rf' *+(?:"(?:[^"]|"")*+"[^{s}]*+|[^"{s}][^{s}]*+|)'
    return re.compile(rf"{field}(?:{s}{field})*+", re.DOTALL)
