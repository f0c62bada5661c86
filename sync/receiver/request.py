"""One request of a platform as it came."""

from __future__ import annotations

import binascii
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# Of one form; the largest that a platform sends has some hundred.
_MOST_FIELDS = 1_000
# Of one part of a form with files.
_MOST_HEAD_BYTES = 4 * 1024
# Bytes of a form that are decoded in one step, so that others get their turn.
_STEP = 48 * 1024
# In one step; an encoder writes none.
_MOST_LONE_PERCENTS = 100
# Of JSON that is read before it is verified; platforms send some hundred.
_MOST_TOKENS = 4_000
_MOST_DEPTH = 100
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{},]', re.DOTALL)
_LONE_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_BOUNDARY = re.compile(r';\s*+boundary="?([^";,\s]{1,70})', re.IGNORECASE)
_NAME = re.compile(rb';\s*+name="([^"\r\n]*+)"', re.IGNORECASE)
_FILE = re.compile(rb";\s*+filename\*?=", re.IGNORECASE)


class Refused(Exception):
    """A request that is not shown to be the platform's. reason: for the operator, no values."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request of a platform.

    url: what the platform called, query and all, for the schemes that sign it. headers: names in
    lower case. received_at: aware, UTC.
    """

    url: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime

    @property
    def is_form(self) -> bool:
        """Whether the body says that it is a form."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return kind in ("application/x-www-form-urlencoded", "multipart/form-data")

    def text(self) -> str:
        """The body as text; bytes that are no UTF-8 become U+FFFD, as JSON cannot hold them."""
        return self.body.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """The body as JSON. Raises Refused where it is none."""
        return parsed(self.body)

    def form(self) -> list[tuple[str, str]]:
        """Names and values of a form, in its order, without files; none where the body is no form.

        Raises Refused where it cannot be read.
        """
        return [(_text(name), _text(value)) for name, value in self.fields()]

    def fields(self) -> list[tuple[bytes, bytes]]:
        """The same as bytes, which are what platforms sign, and take no more than the body."""
        if not self.is_form:
            return []
        if self.headers["content-type"].strip().lower().startswith("multipart/"):
            return list(self._parts())
        return list(self._pairs())

    def _pairs(self) -> Iterator[tuple[bytes, bytes]]:
        for start, end in _spans(self.body, b"&", 0):
            equals = self.body.find(b"=", start, end)
            cut = end if equals < 0 else equals
            if start < end:
                yield _unquoted(self.body, start, cut), _unquoted(self.body, cut + 1, end)

    def _parts(self) -> Iterator[tuple[bytes, bytes]]:
        found = _BOUNDARY.search(self.headers["content-type"])
        mark = b"\r\n--" + found[1].encode("latin-1") if found else b""
        if not found or not self.body.startswith(mark[2:]):
            raise Refused("the form cannot be read")
        for start, end in _spans(self.body, mark, len(mark) - 2):
            if self.body.startswith(b"--", start, end):
                return
            blank = self.body.find(b"\r\n\r\n", start, min(end, start + _MOST_HEAD_BYTES))
            head = self.body[start : max(start, blank)]
            name = _NAME.search(head)
            if name is None:
                raise Refused("the form cannot be read")
            if not _FILE.search(head):
                yield name[1], self.body[blank + 4 : end]
        raise Refused("the form is cut off")


def parsed(text: str | bytes) -> Any:
    """text as JSON. Raises Refused where it is none, or names a member twice.

    Of two members of one name, the models might read another than the one that was verified.
    """
    try:
        return json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        raise Refused("the body is not JSON") from None


def outlined(body: bytes) -> Any:
    """body as JSON, read with bounded work: of its texts those of ASCII without escapes are right.

    Raises Refused also for what has more elements than any platform sends.
    """
    depth = 0
    for number, found in enumerate(_TOKEN.finditer(body)):
        sign = body[found.start()]
        depth += (sign in b"[{") - (sign in b"]}")
        if number >= _MOST_TOKENS or depth > _MOST_DEPTH:
            raise Refused("the body has too many elements")
    # One wide character would make four bytes of each; `\\u` stays an escape that is as long.
    return parsed(body.replace(b"\\u", b"\\n").decode("latin-1"))


def _spans(body: bytes, mark: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Where the fields between marks begin and end. Raises Refused where they are too many."""
    for _ in range(_MOST_FIELDS):
        end = _found(body, mark, start)
        yield start, len(body) if end < 0 else end
        if end < 0:
            return
        start = end + len(mark)
    raise Refused("the form has too many fields")


def _found(body: bytes, mark: bytes, start: int) -> int:
    """As body.find; in steps, for of what looks much like the mark one takes long."""
    for step in range(start, len(body), _STEP):
        found = body.find(mark, step, step + _STEP + len(mark) - 1)
        if found >= 0:
            return found
    return -1


def _unquoted(body: bytes, start: int, end: int) -> bytes:
    """A name or value of a form; in steps, for one would take three times as much."""
    found = io.BytesIO()
    while start < end:
        stop = min(start + _STEP, end)
        # No step ends within a %XX.
        cut = body.rfind(b"%", stop - 2, stop) if stop < end else -1
        stop = cut if cut > start else stop
        found.write(_step_unquoted(body[start:stop]))
        start = stop
    return found.getvalue()


def _step_unquoted(text: bytes) -> bytes:
    text = text.replace(b"+", b" ")
    if b"%" not in text:
        return text
    text, lone = _LONE_PERCENT.subn(b"%25", text, _MOST_LONE_PERCENTS + 1)
    if lone > _MOST_LONE_PERCENTS:
        raise Refused("the form cannot be read")
    # Quoted-printable is the same with another sign, and is decoded in C.
    return binascii.a2b_qp(text.replace(b"=", b"%3D").replace(b"%", b"="))


def _text(value: bytes) -> str:
    return value.decode("utf-8", errors="replace")


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise Refused("the body names a member twice")
    return found
