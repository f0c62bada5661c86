"""One request of a platform as it came."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_to_bytes

import python_multipart
from python_multipart.exceptions import FormParserError

from sync.receiver.verification import Refused

# Of one form; the largest that a platform sends has some hundred.
_MOST_FIELDS = 1_000
# Bytes of a form that are decoded in one step, so that others get their turn.
_STEP = 48 * 1024
# Of what is parsed before it is verified: members, elements and texts of JSON, and its depth.
MOST_TOKENS = 10_000
_MOST_DEPTH = 100
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{},]', re.DOTALL)


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
        if not self.is_form:
            return []
        if self.headers["content-type"].strip().lower().startswith("multipart/"):
            return self._multipart()
        fields = self.body.split(b"&", _MOST_FIELDS)
        if len(fields) > _MOST_FIELDS:
            raise Refused("the form has too many fields")
        pairs = (field.partition(b"=") for field in fields if field)
        return [(_unquoted(name), _unquoted(value)) for name, _, value in pairs]

    def _multipart(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        parts = 0

        def keep(field: Any) -> None:
            nonlocal parts
            parts += 1
            if parts > _MOST_FIELDS:
                raise Refused("the form has too many fields")
            if isinstance(field, python_multipart.multipart.File):
                field.close()
                return
            name = (field.field_name or b"").decode("utf-8", errors="replace")
            found.append((name, (field.value or b"").decode("utf-8", errors="replace")))

        try:
            headers = {"Content-Type": self.headers["content-type"].encode("latin-1")}
            python_multipart.parse_form(headers, io.BytesIO(self.body), keep, keep)
        except (FormParserError, ValueError):
            raise Refused("the form cannot be read") from None
        return found


def parsed(text: str | bytes) -> Any:
    """text as JSON. Raises Refused where it is none, or names a member twice.

    Of two members of one name, the models might read another than the one that was verified.
    """
    try:
        return json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        raise Refused("the body is not JSON") from None


def parsed_unverified(body: bytes) -> Any:
    """body as JSON, of bounded work. Raises Refused also for what no platform nests or lists so."""
    tokens = depth = 0
    for found in _TOKEN.finditer(body):
        tokens += 1
        depth += (found[0] in (b"[", b"{")) - (found[0] in (b"]", b"}"))
        if tokens > MOST_TOKENS or depth > _MOST_DEPTH:
            raise Refused("the body has too many elements")
    return parsed(body)


def _unquoted(text: bytes) -> str:
    """A name or value of a form as text; decoded in steps, for the whole would take 20x its size."""
    found = bytearray()
    start = 0
    while start < len(text):
        end = start + _STEP
        # No step ends within a %XX.
        cut = text.rfind(b"%", end - 2, end)
        end = cut if cut > start else end
        found += unquote_to_bytes(text[start:end].replace(b"+", b" "))
        start = end
    return found.decode("utf-8", errors="replace")


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise Refused("the body names a member twice")
    return found
