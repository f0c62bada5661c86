"""Writes seeds/phone_countries.csv from the metadata of Google's libphonenumber (phonenumbers).

How numbers are written within the main country of a calling code. Source:
https://github.com/google/libphonenumber (resources/PhoneNumberMetadata.xml).
Of the same rows, what may be a number with `+`: macros/phone_numbers.sql, sync/phone_numbers.py.
"""

from __future__ import annotations

import csv
import random
import re
from pathlib import Path

import phonenumbers
from phonenumbers import PhoneNumberType
from phonenumbers.phonemetadata import PhoneMetadata

# What is dialled before a number may be its beginning as well (Belarus: 8 and 8 0).
UNCERTAIN = ("BY",)
ROOT = Path(__file__).parents[1]
SEED = ROOT / "seeds" / "phone_countries.csv"
MACRO = ROOT / "macros" / "phone_numbers.sql"
MODULE = ROOT / "sync" / "phone_numbers.py"
# Digits of a number in E.164 form, its calling code included.
SHORTEST, LONGEST = 7, 15
# Stands for what is no country's: satellites, freephone everywhere.
NOWHERE = "001"
# WhatsApp names Mexican mobiles with the 1 that was dropped in 2019.
STILL_WRITTEN = {"MX": [11]}


def begins_with_zero(pattern: str, lengths: set[int]) -> bool:
    """Whether a number without prefixes may begin with 0: tried, as a pattern does not say so."""
    digits = random.Random(1)
    tried = (
        "0" + "".join(digits.choices("0123456789", k=length - 1))
        for length in lengths
        for _ in range(5_000)
    )
    return any(re.fullmatch(pattern, number) for number in tried)


def is_rewritten(rule: str | None) -> bool:
    """Whether a number that is dialled within the country has other digits than in full."""
    return bool(re.search("[0-9]", re.sub(r"\$[0-9]|\\[0-9]", "", rule or "")))


def lengths_of(known: PhoneMetadata) -> list[int]:
    """How many digits the numbers of a region have without prefixes."""
    assert known.general_desc is not None
    return list(known.general_desc.possible_length)


def row(calling_code: int, region: str) -> dict[str, str]:
    """The rules of a calling code's main region."""
    known = PhoneMetadata.metadata_for_region(region, None)
    assert known is not None, region
    # 8~10: a tone to wait for.
    international = (known.international_prefix or "").replace("~", "")
    # Lines that people have: short, free and shared ones have other lengths and first digits.
    lines = [one for one in (known.fixed_line, known.mobile) if one and one.national_number_pattern]
    lengths = {length for one in lines for length in one.possible_length if length > 0}
    # Of one that says none, those of the country hold.
    if any(not one.possible_length for one in lines) or not lengths:
        lengths |= set(lengths_of(known))
    patterns = [one.national_number_pattern for one in lines if one.national_number_pattern]
    is_uncertain = region in UNCERTAIN or is_rewritten(known.national_prefix_transform_rule)
    return {
        "calling_code": str(calling_code),
        "region": region,
        "international_prefix": international,
        "trunk_prefix": known.national_prefix or "",
        "keeps_zero": str(
            begins_with_zero("|".join(f"(?:{one})" for one in patterns), lengths)
        ).lower(),
        # Argentina's mobiles: only those with a plus are certain.
        "lengths": "" if is_uncertain else " ".join(map(str, sorted(lengths))),
        "all_lengths": " ".join(map(str, [*lengths_of(known), *STILL_WRITTEN.get(region, [])])),
    }


def row_of_no_country(calling_code: int) -> dict[str, str]:
    """The lengths of numbers that belong to no country; nobody dials them without their code."""
    known = PhoneMetadata.metadata_for_nongeo_region(calling_code)
    assert known is not None, calling_code
    return {
        "calling_code": str(calling_code),
        "region": NOWHERE,
        "international_prefix": "",
        "trunk_prefix": "",
        "keeps_zero": "true",
        "lengths": "",
        "all_lengths": " ".join(map(str, lengths_of(known))),
    }


def runs(lengths: list[int]) -> list[str]:
    """Repetitions, one for each run of lengths: of 7 8 10 they are {7,8} and {10}."""
    ends = [n for n in lengths if n + 1 not in lengths]
    starts = [n for n in lengths if n - 1 not in lengths]
    pairs = zip(starts, ends, strict=True)
    return [f"{{{start}}}" if start == end else f"{{{start},{end}}}" for start, end in pairs]


def with_plus(rows: list[dict[str, str]]) -> dict[str, list[str]]:
    """Patterns of what follows the plus and the calling code, and the codes of each.

    A zero after the code is a trunk prefix that does not belong there, but where numbers keep it.
    """
    codes: dict[str, list[str]] = {}
    for one in rows:
        code, keeps_zero = one["calling_code"], one["keeps_zero"] == "true"
        lengths = [
            int(length) - (not keeps_zero)
            for length in one["all_lengths"].split()
            if SHORTEST <= int(length) + len(code) <= LONGEST
        ]
        rest = "|".join(f"[0-9]{run}" for run in runs(lengths))
        rest = f"(?:{rest})" if "|" in rest else rest
        codes.setdefault(rest if keeps_zero else f"[1-9]{rest}", []).append(code)
    return codes


def is_dropped(region: str) -> bool:
    """Whether a zero before a region's numbers is none of their digits (in Colombia it may be)."""
    kinds = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE)
    found = (phonenumbers.example_number_for_type(region, kind) for kind in kinds)
    return all(
        phonenumbers.parse(f"+{one.country_code} (0){one.national_number}") == one
        for one in found
        if one is not None
    )


def trunk_zero(rows: list[dict[str, str]]) -> str:
    """A pattern of the calling codes after which `(0)` is none of the number's digits."""
    codes = (
        one["calling_code"]
        for one in rows
        if one["trunk_prefix"] == "0" and one["keeps_zero"] == "false" and is_dropped(one["region"])
    )
    return f"(?:{'|'.join(codes)})"


def macro(rows: list[dict[str, str]]) -> str:
    """The text of macros/phone_numbers.sql."""
    patterns = "\n".join(
        f"    '(?:{'|'.join(codes)}){rest}'," for rest, codes in with_plus(rows).items()
    )
    return f"""\
{{#- Written by scripts/phone_countries.py from the rows of seeds/phone_countries.csv. -#}}

{{# RE2 pattern of what may be E.164: a calling code, and as many digits as its numbers have. #}}
{{% macro phone_number_pattern() %}}{{{{ return('[+](?:' ~ [
{patterns}
] | join('|') ~ ')') }}}}{{% endmacro %}}

{{# RE2 pattern of the calling codes after which `(0)` is a trunk prefix. #}}
{{% macro trunk_zero_codes() %}}{{{{ return('{trunk_zero(rows)}') }}}}{{% endmacro %}}
"""


def module(rows: list[dict[str, str]]) -> str:
    """The text of sync/phone_numbers.py."""
    patterns = "\n".join(
        f'    "{rest}": "{" ".join(codes)}",' for rest, codes in with_plus(rows).items()
    )
    return f'''\
"""Written by scripts/phone_countries.py from the rows of seeds/phone_countries.csv."""

# ruff: noqa: E501
# fmt: off
#: What may follow a plus and a calling code in E.164 form (a pattern), and which codes.
NUMBERS = {{
{patterns}
}}

#: The calling codes after which `(0)` is a trunk prefix (a pattern).
TRUNK_ZERO_CODES = "{trunk_zero(rows)}"
'''


def all_rows() -> list[dict[str, str]]:
    """The rows of the seed: one per calling code."""
    return [
        row_of_no_country(code) if regions == (NOWHERE,) else row(code, regions[0])
        for code, regions in sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items())
    ]


def main() -> None:
    """Writes the seed, and the patterns of numbers with a plus."""
    rows = all_rows()
    MACRO.write_text(macro(rows), encoding="utf-8")
    MODULE.write_text(module(rows), encoding="utf-8")
    with SEED.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
