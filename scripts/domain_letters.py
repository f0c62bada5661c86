"""Writes macros/domain_letters.sql and sync/domain_letters.py: letters that no domain has.

Of the letters, marks and digits beyond ASCII these are the ones that UTS 46 maps to others or that
IDNA 2008 forbids, and those that Unicode did not know when the classes of our engines were made.
Source: the tables of the library idna (https://www.unicode.org/reports/tr46,
https://www.iana.org/assignments/idna-tables).
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

import idna
from idna import idnadata

ROOT = Path(__file__).parents[1]
MACRO = ROOT / "macros" / "domain_letters.sql"
MODULE = ROOT / "sync" / "domain_letters.py"
#: Unicode's categories of what a domain may be made of.
CATEGORIES = ("Ll", "Lo", "Lm", "Mn", "Mc", "Nd")


def valid() -> set[int]:
    """Code points beyond ASCII that IDNA 2008 allows in any place."""
    # Ranges, two numbers in one.
    packed = idnadata.codepoint_classes["PVALID"]
    return {point for one in packed for point in range(one >> 32, one & 0xFFFFFFFF) if point > 127}


def is_mapped(letter: str) -> bool:
    """Whether a domain has another letter in its place."""
    try:
        return idna.uts46_remap(letter, False, False) != letter
    except idna.IDNAError:
        return True


def refused() -> list[tuple[int, int]]:
    """Ranges of code points. What is in no category of ours may be in one or not."""
    allowed = valid()
    found: list[tuple[int, int]] = []
    is_open = False
    for point in range(0x80, 0x110000):
        category = unicodedata.category(chr(point))
        is_new = category == "Cn" and point in allowed
        if category not in CATEGORIES and not is_new:
            continue
        letter = chr(point)
        is_bad = is_new or point not in allowed or is_mapped(letter) or letter.lower() != letter
        if is_bad:
            found[-1:] = [(found[-1][0], point)] if is_open else [*found[-1:], (point, point)]
        is_open = is_bad
    return found


def macro(ranges: list[tuple[int, int]]) -> str:
    """The text of macros/domain_letters.sql."""
    pieces = [f"\\\\x{{{first:x}}}-\\\\x{{{last:x}}}" for first, last in ranges]
    lines = ["".join(pieces[start : start + 6]) for start in range(0, len(pieces), 6)]
    text = "\n".join(f"    '{line}'," for line in lines)
    return f"""\
{{#- Written by scripts/domain_letters.py. -#}}

{{# Letters beyond ASCII that no domain has, as ranges of an RE2 class. #}}
{{% macro no_domain_letters() %}}{{{{ return([
{text}
] | join('')) }}}}{{% endmacro %}}
"""


def module(ranges: list[tuple[int, int]]) -> str:
    """The text of sync/domain_letters.py."""
    text = "\n".join(f"    (0x{first:04X}, 0x{last:04X})," for first, last in ranges)
    return f'''\
"""Written by scripts/domain_letters.py."""

#: Letters beyond ASCII that no domain has: the first and last of each range.
NO_DOMAIN_LETTERS = (
{text}
)
'''


def main() -> None:
    """Writes both."""
    ranges = refused()
    MACRO.write_text(macro(ranges), encoding="utf-8")
    MODULE.write_text(module(ranges), encoding="utf-8")


if __name__ == "__main__":
    main()
