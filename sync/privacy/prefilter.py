"""Tells quickly that bytes hold nothing of a person: what is left is read line by line.

Never the other way: what it passes over holds no name in any form that `Person` finds.
"""

from __future__ import annotations

import re
import string

from sync.privacy.person import Person

# What may stand between the digits of a phone number. The letters i, k and s are left out because
# letters beyond ASCII are the same in another case; those, as all bytes beyond ASCII, too.
_PASSED_OVER = bytes(
    [*b" \t\n\r\v\f\x1c\x1d\x1e\x1f().-", *b"iIkKsS", *range(0x80, 0x100)],
)
_LOWER = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())
#: How the @ of an address may be written.
_AT = ("@", "%40", "\\u0040", "=")
_RARE = 10
# What JSON never escapes. Beside the rest, a slash is escaped by PHP, a plus sign by .NET.
_NEVER_ESCAPED = re.compile(r"[A-Za-z0-9._:-]+")


class Prefilter:
    """Looks for what is left of each name when all that may be written in two ways is left out."""

    def __init__(self, person: Person) -> None:
        forms = {text for name in person.names for text in _forms(name.kind, name.value)}
        self._needles = sorted({_plain(form.encode("ascii", "ignore")) for form in forms})

    def may_hold(self, data: bytes) -> bool:
        """False: no name of the person is in the data."""
        plain = _plain(data)
        return any(needle in plain for needle in self._needles)


def _forms(kind: str, value: str) -> list[str]:
    if kind == "platform_id":
        # Bodies have it without the platform's name.
        return [_longest_piece(value.partition(":")[2])]
    if kind == "email":
        local, _, domain = value.partition("@")
        if "xn--" in domain:
            # People write it with letters beyond ASCII.
            return [_longest_piece(local)]
        if not (_NEVER_ESCAPED.fullmatch(local) and _NEVER_ESCAPED.fullmatch(domain)):
            return [_longest_piece(local)]
        # One look in place of three where hardly anybody else is called so.
        return [local] if len(local) >= _RARE else [f"{local}{at}{domain}" for at in _AT]
    return [value.lstrip("+") if kind == "sms" else _longest_piece(value)]


def _longest_piece(text: str) -> str:
    """Of what no escape can hide; nothing, which everything holds, where there is no such piece."""
    pieces = _NEVER_ESCAPED.findall(text)
    return max(pieces, key=lambda piece: len(_plain(piece.encode())), default="")


def _plain(data: bytes) -> bytes:
    return data.translate(_LOWER, _PASSED_OVER)
