"""One request of a platform as it came."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import python_multipart
from python_multipart.exceptions import FormParserError

from sync.receiver.verification import Refused

# Of one form; the largest that a platform sends has some hundred.
_MOST_FIELDS = 10_000


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
        try:
            return parse_qsl(
                self.text(), keep_blank_values=True, errors="replace", max_num_fields=_MOST_FIELDS
            )
        except ValueError:
            raise Refused("the form has too many fields") from None

    def _multipart(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []

        def keep(field: Any) -> None:
            name = (field.field_name or b"").decode("utf-8", errors="replace")
            found.append((name, (field.value or b"").decode("utf-8", errors="replace")))

        try:
            headers = {"Content-Type": self.headers["content-type"].encode("latin-1")}
            python_multipart.parse_form(headers, io.BytesIO(self.body), keep, lambda _: None)
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


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise Refused("the body names a member twice")
    return found
