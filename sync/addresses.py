"""Addresses in the one form that is compared: what macros/text.sql makes of them, in Python."""

from __future__ import annotations

import bisect
import csv
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sync.domain_letters import NO_DOMAIN_LETTERS
from sync.phone_numbers import NUMBERS, TRUNK_ZERO_CODES

CHANNELS: Final = ("email", "sms", "push")

# What trim_blanks removes; str.strip() alone would remove more.
_BLANKS: Final = " \t\n\x0b\x0c\r\xa0\u3000\ufeff"
_PLAIN_EMAIL: Final = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]*[A-Za-z0-9-]")
_NOT_IN_EMAIL: Final = frozenset('<>,;:"()[]\\')
_LONGEST_EMAIL: Final = 400
_PLAIN_DOMAIN: Final = re.compile(r"[ -~]*")
_DOMAIN_CATEGORIES: Final = frozenset(("Ll", "Lo", "Lm", "Mn", "Mc", "Nd"))
# Points and quotes of Catalan, Japanese and Hebrew domains.
_DOMAIN_SIGNS: Final = frozenset("\u00b7\u30fb\u05f3\u05f4")
_DOMAIN_ASCII: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")
_LONGEST_PHONE: Final = 64
#: Of each calling code, what follows it.
_NUMBERS: Final = {
    code: re.compile(rest) for rest, codes in NUMBERS.items() for code in codes.split()
}
# Around a zero that is none of the number's digits. Any further zero in brackets is not certain.
_BRACKETED: Final = "[^0-9(]*[(]0[)][^(]*(?:[(][^0(][^(]*)*"
_TRUNK_ZERO: Final = re.compile(f"[^0-9(]*[+]{TRUNK_ZERO_CODES}{_BRACKETED}")
# RE2's \s, which is ASCII's without \v: Python's knows more.
_SPACES: Final = frozenset(" \t\n\f\r")
_PHONE_PREFIX: Final = re.compile(r"^[ \t\n\f\r]*(?:whatsapp|rcs|sms|tel):|\(0\)", re.IGNORECASE)
# A spreadsheet's number, which would become another one's without its point.
_DECIMAL: Final = re.compile(
    r"[ \t\n\f\r]*\+?[0-9]{6,15}[.](?:0+|[0-9]{1,3})[ \t\n\f\r]*|.*[0-9][.]0[ \t\n\f\r]*"
)
_NO_TOKENS: Final = frozenset(("null", "undefined", "0"))


def normalize_email(text: str) -> str | None:
    """Trimmed, lower-cased, composed (NFC), the domain in ASCII and without a dot at its end.

    None for what is not exactly one bare address.
    """
    if len(text) > _LONGEST_EMAIL:
        return None
    if _PLAIN_EMAIL.fullmatch(text):
        return text.lower()
    if "\u0130" in text:
        # The dotted capital I is not the same letter in lower case everywhere.
        return None
    # One character at a time, as engines do: str.lower() looks at a sigma's neighbours.
    lowered = "".join(char.lower() for char in text.strip(_BLANKS))
    bare = unicodedata.normalize("NFC", lowered).removesuffix(".")
    name, at, domain = bare.partition("@")
    if not (name and at and domain) or "@" in domain or domain.endswith("."):
        return None
    if any(char in _NOT_IN_EMAIL or _is_blank(char) for char in bare):
        return None
    in_ascii = ascii_domain(domain)
    return None if in_ascii is None else f"{name}@{in_ascii}"


def ascii_domain(domain: str) -> str | None:
    """A domain, in lower case and composed, as the network knows it (IDNA 2008, UTS 46).

    None where it has letters that UTS 46 maps to others or IDNA 2008 forbids.
    """
    if _PLAIN_DOMAIN.fullmatch(domain):
        return domain
    if not all(map(_is_of_domains, domain)):
        return None
    return ".".join(
        label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}"
        for label in domain.split(".")
    )


def unicode_domain(domain: str) -> str:
    """A domain as people write it; as it is where a label beyond ASCII cannot be read."""
    try:
        return ".".join(
            label[4:].encode("ascii").decode("punycode") if label.startswith("xn--") else label
            for label in domain.split(".")
        )
    except UnicodeError:
        return domain


def _is_of_domains(char: str) -> bool:
    if char.isascii():
        return char in _DOMAIN_ASCII
    if unicodedata.category(char) not in _DOMAIN_CATEGORIES:
        return char in _DOMAIN_SIGNS
    place = bisect.bisect(NO_DOMAIN_LETTERS, (ord(char), 0x110000))
    return place == 0 or NO_DOMAIN_LETTERS[place - 1][1] < ord(char)


@dataclass(frozen=True, slots=True)
class Country:
    """How numbers are written within a country: a row of seeds/phone_countries.csv."""

    calling_code: str
    #: Digits, or a pattern where there are several.
    international_prefix: str
    trunk_prefix: str
    #: Whether a number without prefixes may begin with 0.
    keeps_zero: bool
    #: Digits of a number without prefixes; none where such numbers cannot be read by these rules.
    lengths: tuple[int, ...]
    #: The same of all numbers, also of services.
    all_lengths: tuple[int, ...]

    def in_full(self, digits: str) -> bool:
        """Whether these may be all digits of a number, without prefixes."""
        return len(digits) in self.lengths and (self.keeps_zero or not digits.startswith("0"))

    def read(self, digits: str) -> str | None:
        """E.164 of what is dialled there; None for what may be several numbers, or is none."""
        code, trunk, international = self.calling_code, self.trunk_prefix, self.international_prefix
        if international and re.match(f"(?:{international})", digits):
            # One prefix and no pattern of several: else it is not certain which digits follow it.
            abroad = f"+{digits[len(international) :]}"
            is_one = international.isdigit() and len(international) > 1
            return abroad if is_one and _is_number(abroad) else None
        rest = digits.removeprefix(code)
        with_code = rest != digits and self.in_full(rest)
        if trunk and trunk != code and digits.startswith(trunk):
            # None of the number's digits.
            rest = digits.removeprefix(trunk)
            number = f"+{code}{rest}" if self.in_full(rest) and not with_code else ""
        elif self.in_full(digits):
            in_doubt = rest != digits and len(rest) in self.all_lengths
            number = "" if in_doubt else f"+{code}{digits}"
        else:
            number = f"+{digits}" if with_code else ""
        return number if _is_number(number) else None

    def is_trunk_zero(self, text: str) -> bool:
        """Whether its zero in brackets is the trunk prefix of a number of this country."""
        if self.trunk_prefix != "0" or self.keeps_zero:
            return False
        return bool(re.fullmatch(f"[^0-9(+]*(?:(?:00)?{self.calling_code})?{_BRACKETED}", text))


def read_country(calling_code: str, seeds: Path) -> Country | None:
    """The rules of a calling code (digits), from the folder of seeds; None for no country's."""
    code = calling_code.strip().removeprefix("+")
    with (seeds / "phone_countries.csv").open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            if row["calling_code"] == code:
                return Country(
                    code,
                    row["international_prefix"],
                    row["trunk_prefix"],
                    row["keeps_zero"] == "true",
                    tuple(map(int, row["lengths"].split())),
                    tuple(map(int, row["all_lengths"].split())),
                )
    return None


def normalize_phone(text: str, country: Country | None = None) -> str | None:
    """E.164; None for what is no number. country: whose rules read a number without a plus."""
    if _is_number(text):
        return text
    if len(text) > _LONGEST_PHONE or _DECIMAL.fullmatch(text):
        return None
    if "(0)" in text and not (
        _TRUNK_ZERO.fullmatch(text) or (country is not None and country.is_trunk_zero(text))
    ):
        return None
    rest = _PHONE_PREFIX.sub("", text)
    bare = "".join(char for char in rest if char not in "()./" and not _is_format(char))
    if _is_number(bare):
        return bare
    if country is None or not re.fullmatch(r"[0-9]{5,18}", bare):
        return None
    return country.read(bare)


def _is_number(text: str) -> bool:
    """Whether it may be E.164: a calling code, and as many digits as its numbers have."""
    if not text.startswith("+"):
        return False
    # No code is the beginning of another.
    for length in (1, 2, 3):
        rest = _NUMBERS.get(text[1 : 1 + length])
        if rest:
            return bool(rest.fullmatch(text, 1 + length))
    return False


def normalize_push_token(text: str) -> str | None:
    """As it is, without blanks around it; None where it says that there is none."""
    trimmed = text.strip(_BLANKS)
    if not trimmed or trimmed[0] in "{[" or trimmed.lower() in _NO_TOKENS:
        return None
    if any(char in _SPACES or unicodedata.category(char) in ("Cc", "Cs") for char in trimmed):
        return None
    return trimmed


def normalizer(channel: str, country: Country | None = None) -> Callable[[str], str | None]:
    """The function that normalizes addresses of a channel."""
    if channel == "sms":
        return lambda text: normalize_phone(text, country)
    return {"email": normalize_email, "push": normalize_push_token}[channel]


def readings(text: str, country: Country | None = None) -> Mapping[str, str]:
    """What the text may be, as an address of each channel where it can be one."""
    found = {name: normalizer(name, country)(text) for name in CHANNELS}
    return {name: address for name, address in found.items() if address is not None}


def _is_blank(char: str) -> bool:
    # Cs: a byte that was no UTF-8; no such address is on any list.
    return char.isspace() or unicodedata.category(char) in ("Zs", "Zl", "Zp", "Cc", "Cf", "Cs")


def _is_format(char: str) -> bool:
    return char in _SPACES or unicodedata.category(char) in ("Zs", "Zl", "Zp", "Pd", "Cf")
