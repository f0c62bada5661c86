"""Phone numbers, against Google's libphonenumber: the right number, or none."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from scripts import phone_countries
from sync.addresses import Country, normalize_phone, read_country
from tests.python.conftest import ROOT

SEEDS = ROOT / "seeds"
with (SEEDS / "phone_countries.csv").open(encoding="utf-8") as rows:
    CODES = {
        row["region"]: row["calling_code"] for row in csv.DictReader(rows) if row["region"] != "001"
    }
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


def everywhere() -> Iterator[phonenumbers.PhoneNumber]:
    """A valid number of each kind that people have, of every region and of those of no country."""
    kinds = (
        PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.VOIP,
        PhoneNumberType.PERSONAL_NUMBER,
    )  # fmt: skip
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        found = (phonenumbers.example_number_for_type(region, kind) for kind in kinds)
        yield from (one for one in found if one is not None)
    for code in sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS):
        if one := phonenumbers.example_number_for_non_geo_entity(code):
            yield one


def test_every_valid_number_with_a_plus_is_read() -> None:
    texts = [phonenumbers.format_number(one, PhoneNumberFormat.E164) for one in everywhere()]
    assert len(texts) > 500
    assert [text for text in texts if normalize_phone(text) != text] == []


def test_a_number_with_a_plus_that_is_spoiled_becomes_no_other() -> None:
    """A trunk prefix after the code, a digit too many or too few, a zero in brackets."""
    wrong, read = {}, 0
    for number in everywhere():
        code, digits = number.country_code, phonenumbers.national_significant_number(number)
        spoiled = (
            *(f"+{code}0{digits}", f"+{code} 0 {digits}", f"+{code} (0){digits}"),
            *(f"+{code} (0) (0){digits}", f"+{code}{digits}5", f"+{code}{digits}55555"),
            *(f"+{code}{digits[:-1]}", f"+{code}{digits[:4]}", f"+0{code}{digits}"),
            f"+{code}{code}{digits}",
        )
        for text in spoiled:
            mine = normalize_phone(text)
            if mine is not None:
                theirs = phonenumbers.parse(text, None)
                # Mexican mobiles, as WhatsApp writes them.
                is_possible = phonenumbers.is_possible_number(theirs) or code == 52
                as_theirs = phonenumbers.format_number(theirs, PhoneNumberFormat.E164)
                read += 1
                if mine != as_theirs or not is_possible:
                    wrong[text] = (mine, as_theirs)
    assert wrong == {}
    assert read > 500


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("+49 (0) (151) 23456789", "+4915123456789"),
        ("whatsapp:+5215512345678", "+5215512345678"),
        ("+39 06 1234 5678", "+390612345678"),
        # Where numbers keep their zero, or have none, brackets around it say nothing certain.
        ("+39 (0)6 1234 5678", None),
        ("+1 (0) 202 555 0141", None),
        ("+49 0151 23456789", None),
        ("+44020 7946 0958", None),
        ("+1 202 555 01411", None),
        ("+33 6 12 34 56 7", None),
        ("+999 123 456 789", None),
    ],
)
def test_a_number_with_a_plus(text: str, phone: str | None) -> None:
    assert normalize_phone(text) == phone


def test_the_patterns_are_of_the_seeds_rows() -> None:
    """What scripts/phone_countries.py would write."""
    with phone_countries.SEED.open(encoding="utf-8", newline="") as seed:
        rows = list(csv.DictReader(seed))
    assert phone_countries.MACRO.read_text(encoding="utf-8") == phone_countries.macro(rows)
    assert phone_countries.MODULE.read_text(encoding="utf-8") == phone_countries.module(rows)


def test_a_code_of_no_country_has_no_rules() -> None:
    assert read_country("999", SEEDS) is None
