"""Domains beyond ASCII, against the library idna (UTS 46, IDNA 2008): the same name, or none."""

from __future__ import annotations

import random
import unicodedata

import idna
import pytest

from scripts import domain_letters
from sync.addresses import ascii_domain, normalize_email, unicode_domain

#: Of ten scripts, with a sign, with a letter beyond 65,536, and in all that Punycode counts.
DOMAINS = (
    "bücher.example", "müller.straße.de", "例え.テスト", "пример.рф", "παράδειγμα.ελ",
    "مثال.إختبار", "דוגמה.קום", "한국.kr", "भारत.भारत", "ไทย.ไทย", "col·legi.cat", "𠀀.example",
    "a.ü", "ü", "x" * 50 + "ü", "ü" * 25 + ".com", "aàbâcã.ñ-ñ.de", "zürich-1.zürich.ch", "ёж.рф",
)  # fmt: skip
#: Domains of no certain name: letters that stand for others, forbidden, mixed with signs.
UNCERTAIN = (
    "ﬁn.example",
    "\uff46\uff49\uff4e.example",
    "i❤.example",
    "ü_b.example",
    "例え。テスト",
    "ü\u0640.example",
)

_DICE = random.Random(3492)
#: Addresses at made-up domains of all scripts, and at those above.
ADDRESSES = [
    f"mia@{domain}.example"
    for domain in (
        *DOMAINS,
        *UNCERTAIN,
        *(
            "".join(_DICE.choices("aabz09-éßøñçąжλהب日本ข한𠀀", k=_DICE.randint(1, 20)))
            for _ in range(1_500)
        ),
    )
]


def theirs(domain: str) -> str | None:
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return None


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_has_one_form_however_it_is_written(domain: str) -> None:
    known = f"mia@{theirs(domain)}"
    for form in ("NFC", "NFD"):
        spelled = unicodedata.normalize(form, domain)
        for text in (f"Mia@{spelled}", f" mia@{spelled.upper()}. ".replace("SS", "ß"), known):
            assert normalize_email(text) == known, text
    assert unicode_domain(known.partition("@")[2]) == domain


@pytest.mark.parametrize("domain", UNCERTAIN)
def test_a_domain_of_letters_that_stand_for_others_is_none(domain: str) -> None:
    assert normalize_email(f"mia@{domain}") is None


def test_a_letter_that_is_not_the_same_in_lower_case_everywhere_is_in_no_address() -> None:
    assert normalize_email("mia@bank\u0130.example") is None
    assert normalize_email("M\u0130A@bank.example") is None


def test_no_letter_of_unicode_becomes_another_domain() -> None:
    wrong, read = {}, 0
    for point in (*range(0x80, 0x3000), *range(0x3000, 0x20000, 7)):
        # Not a mark or letter that joins the one before it.
        domain = unicodedata.normalize("NFC", f"b{chr(point).lower()}b")
        mine = None if 0xD800 <= point < 0xE000 else ascii_domain(domain)
        if mine is not None:
            read += 1
            # What IDNA 2008 allows in company only is nobody's domain alone.
            if mine != (theirs(f"b{chr(point)}b") or mine):
                wrong[hex(point)] = mine
    assert wrong == {}
    assert read > 8_000


def test_the_letters_are_those_that_the_library_refuses() -> None:
    """What scripts/domain_letters.py would write."""
    ranges = domain_letters.refused()
    assert domain_letters.MACRO.read_text(encoding="utf-8") == domain_letters.macro(ranges)
    assert domain_letters.MODULE.read_text(encoding="utf-8") == domain_letters.module(ranges)
