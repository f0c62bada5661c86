"""Writes seeds/phone_countries.csv from the metadata of Google's libphonenumber (phonenumbers).

How numbers are written within the main country of a calling code. Source:
https://github.com/google/libphonenumber (resources/PhoneNumberMetadata.xml).
"""

from __future__ import annotations

import csv
import random
import re
from pathlib import Path

import phonenumbers
from phonenumbers.phonemetadata import PhoneMetadata

# What is dialled before a number may be its beginning as well (Belarus: 8 and 8 0).
UNCERTAIN = ("BY",)
SEED = Path(__file__).parents[1] / "seeds" / "phone_countries.csv"


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
        lengths |= set(known.general_desc.possible_length)
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
        "all_lengths": " ".join(map(str, known.general_desc.possible_length)),
    }


def main() -> None:
    """Writes a row per calling code of a country."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    # 001 stands for what is no country's (freephone, satellites).
    rows = [row(code, named[0]) for code, named in sorted(regions.items()) if named != ("001",)]
    with SEED.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
