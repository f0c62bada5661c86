"""Addresses in the one form that is compared: what macros/text.sql makes of them, in Python."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final

CHANNELS: Final = ("email", "sms", "push")

# What trim_blanks removes; str.strip() alone would remove more.
_BLANKS: Final = " \t\n\x0b\x0c\r\xa0\u3000\ufeff"
_PLAIN_EMAIL: Final = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+")
_NOT_IN_EMAIL: Final = frozenset('<>,;:"()[]\\')
_LONGEST_EMAIL: Final = 400
_LONGEST_PHONE: Final = 64
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
# RE2's \s, which is ASCII's without \v: Python's knows more.
_SPACES: Final = frozenset(" \t\n\f\r")
_PHONE_PREFIX: Final = re.compile(r"^[ \t\n\f\r]*(?:whatsapp|rcs|sms|tel):|\(0\)", re.IGNORECASE)
_NO_TOKENS: Final = frozenset(("null", "undefined", "0"))


def normalize_email(text: str) -> str | None:
    """Trimmed and lower-cased; None for what is not exactly one bare address."""
    if len(text) > _LONGEST_EMAIL:
        return None
    if _PLAIN_EMAIL.fullmatch(text):
        return text.lower()
    trimmed = text.strip(_BLANKS)
    name, at, domain = trimmed.partition("@")
    if not (name and at and domain) or "@" in domain:
        return None
    if any(char in _NOT_IN_EMAIL or _is_blank(char) for char in trimmed):
        return None
    return "".join(_lower(char) for char in trimmed)


def normalize_phone(text: str, country_code: str | None = None) -> str | None:
    """E.164; None for what is no number. country_code: digits, put before a national number."""
    if _E164.fullmatch(text):
        return text
    if len(text) > _LONGEST_PHONE:
        return None
    rest = _PHONE_PREFIX.sub("", text)
    bare = "".join(char for char in rest if char not in "()./" and not _is_format(char))
    if _E164.fullmatch(bare):
        return bare
    code = (country_code or "").strip().replace("+", "")
    if not code:
        return None
    if code == "1":
        return f"+1{bare[-10:]}" if re.fullmatch(r"1?[2-9][0-9]{9}", bare) else None
    if re.fullmatch(r"00[1-9][0-9]{6,14}", bare):
        return f"+{bare[2:]}"
    if re.fullmatch(r"0?[1-9][0-9]{4,12}", bare):
        return f"+{code}{bare.lstrip('0')}"
    return None


def normalize_push_token(text: str) -> str | None:
    """As it is, without blanks around it; None where it says that there is none."""
    trimmed = text.strip(_BLANKS)
    if not trimmed or trimmed[0] in "{[" or trimmed.lower() in _NO_TOKENS:
        return None
    if any(char in _SPACES or unicodedata.category(char) in ("Cc", "Cs") for char in trimmed):
        return None
    return trimmed


def normalizer(channel: str, country_code: str | None = None) -> Callable[[str], str | None]:
    """The function that normalizes addresses of a channel."""
    if channel == "sms":
        return lambda text: normalize_phone(text, country_code)
    return {"email": normalize_email, "push": normalize_push_token}[channel]


def readings(text: str, country_code: str | None = None) -> Mapping[str, str]:
    """What the text may be, as an address of each channel where it can be one."""
    found = {name: normalizer(name, country_code)(text) for name in CHANNELS}
    return {name: address for name, address in found.items() if address is not None}


def _is_blank(char: str) -> bool:
    # Cs: a byte that was no UTF-8; no such address is on any list.
    return char.isspace() or unicodedata.category(char) in ("Zs", "Zl", "Zp", "Cc", "Cf", "Cs")


def _is_format(char: str) -> bool:
    return char in _SPACES or unicodedata.category(char) in ("Zs", "Zl", "Zp", "Pd", "Cf")


def _lower(char: str) -> str:
    # One character at a time, as engines do: str.lower() looks at a sigma's neighbours. A dotted
    # capital I becomes two characters in Python only.
    return "i" if char == "\u0130" else char.lower()
