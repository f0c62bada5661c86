"""What may be told of a text that comes from outside: no address, number, token or secret."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LONGEST_ERROR = 300
# So much of a text is read: the patterns take quadratic time on a long one.
_LONGEST_READ = 2000
_ADDRESS = re.compile(r"[^\s\"'<>,;:()\[\]{}]+(?:@|%(?:25)*40)[^\s\"'<>,;:()\[\]{}]+")
_NUMBER = re.compile(r"\+?\d[\d\s().-]{6,}\d")
_TOKEN = re.compile(r"\b(?:SG\.|Bearer\s+|Basic\s+)[\w.~+/=-]+|(?:\b[\w-]+:)?\b[\w-]{32,}\b")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """text without addresses, phone numbers, tokens, the given secrets and control characters."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "<secret>")
    text = text[:_LONGEST_READ]
    text = _TOKEN.sub("<secret>", text)
    text = _ADDRESS.sub("<address>", text)
    text = _NUMBER.sub("<number>", text)
    text = "".join(char if char.isprintable() else " " for char in text)
    return text if len(text) <= _LONGEST_ERROR else text[: _LONGEST_ERROR - 1] + "…"
