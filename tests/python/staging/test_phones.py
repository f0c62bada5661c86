"""National phone numbers, against Google's libphonenumber: the right number, or none."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from sync.addresses import Country, normalize_phone, read_country
from tests.python.conftest import ROOT

SEEDS = ROOT / "seeds"
with (SEEDS / "phone_countries.csv").open(encoding="utf-8") as rows:
    CODES = {row["region"]: row["calling_code"] for row in csv.DictReader(rows)}
KINDS = (
    PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.VOIP,
)  # fmt: skip
PER_REGION = 200
#: Countries whose numbers, as they write them, are not certain: only those with a plus are read.
UNREAD = frozenset(("AR", "BY", "MG", "NF", "NU", "SM", "TK"))


def country(region: str) -> Country:
    found = read_country(CODES[region], SEEDS)
    assert found is not None
    return found


def numbers(region: str) -> list[phonenumbers.PhoneNumber]:
    """Valid numbers of a region: the examples of every kind, with other last digits."""
    dice = random.Random(region)
    examples = [phonenumbers.example_number_for_type(region, kind) for kind in KINDS]
    found = [example for example in examples if example is not None]
    for example in list(found):
        for _ in range(4):
            other = phonenumbers.PhoneNumber()
            other.merge_from(example)
            assert other.national_number is not None
            other.national_number += dice.randrange(-900, 900)
            if phonenumbers.is_valid_number(other):
                found.append(other)
    return found


def spellings(number: phonenumbers.PhoneNumber) -> Iterator[str]:
    """How people and spreadsheets write it, whole and spoiled."""
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    whole = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    significant = phonenumbers.national_significant_number(number)
    yield from (national, whole, significant, whole.removeprefix("+"), f"00{whole[1:]}")
    yield from (f"0{significant}", f"{significant}.0", f"{whole}.0", f"{national}.0")
    yield from (national[:-1], f"{national}5", f"8{significant}", f"06{significant}")


def oracle(text: str, region: str) -> str | None:
    try:
        return phonenumbers.format_number(phonenumbers.parse(text, region), PhoneNumberFormat.E164)
    except phonenumbers.NumberParseException:
        return None


def is_better(number: str, text: str, region: str) -> bool:
    """Whether it is a number that exists, and the library's reading is none."""
    theirs = oracle(text, region)
    return is_valid(number) and not (theirs and is_valid(theirs))


def is_valid(number: str) -> bool:
    return phonenumbers.is_valid_number(phonenumbers.parse(number))


@pytest.mark.parametrize("region", sorted(CODES))
def test_a_national_number_is_read_as_its_countrys_or_not_at_all(region: str) -> None:
    rules = country(region)
    texts = [text for number in numbers(region) for text in spellings(number)][:PER_REGION]
    read = {text: normalize_phone(text, rules) for text in texts}
    others = {
        text: (number, oracle(text, region))
        for text, number in read.items()
        if number is not None
        and number != oracle(text, region)
        and not is_better(number, text, region)
    }
    assert others == {}
    assert not any(number for text, number in read.items() if text.endswith(".0"))


@pytest.mark.parametrize("region", sorted(CODES))
def test_a_number_as_the_country_writes_it_is_read(region: str) -> None:
    rules = country(region)
    unread = []
    for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE):
        example = phonenumbers.example_number_for_type(region, kind)
        if example is not None:
            national = phonenumbers.format_number(example, PhoneNumberFormat.NATIONAL)
            whole = phonenumbers.format_number(example, PhoneNumberFormat.E164)
            if normalize_phone(national, rules) != whole:
                unread.append(national)
    assert bool(unread) == (region in UNREAD), unread


def test_a_code_of_no_country_has_no_rules() -> None:
    assert read_country("999", SEEDS) is None
