"""What the quick look through the landing passes over holds nothing of the person."""

from __future__ import annotations

import json
import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.privacy import landing
from sync.privacy.person import Name, Person, unescaped
from sync.privacy.prefilter import Prefilter

NAMES = (
    Name("email", "kiss.ivy@skis.example"),
    Name("email", "a@b.io"),
    Name("email", "zoë@ünï.example"),
    Name("sms", "+14155550123"),
    Name("push", "Tok-en:1_K"),
    Name("external_id", "user-4711"),
    Name("external_id", "日本"),
    Name("external_id", "shop/4711"),
    Name("email", "ivy+offers/2@skis.example"),
)
# What a name is rewritten with: another case, other separators, letters that are the same to a
# pattern that ignores case, and bytes around it.
VARIANTS = {"k": "kK\u212a", "s": "sS\u017f", "i": "iI", "@": ["@", "%40", "\\u0040"]}
#: As encoders write them that keep to ASCII, or are careful with HTML.
ESCAPES = {"ë": ["\\u00eb"], "+": ["\\u002B", "\\\\u002b"], "/": ["\\/", "\\\\/"]}
BETWEEN = st.sampled_from(["", " ", "-", "(", ")", ".", "\t", "\u2003", "\u00a0"])


@st.composite
def texts(draw: st.DrawFn) -> tuple[Name, str]:
    name = draw(st.sampled_from(NAMES))
    around = st.sampled_from(["", " ", '"', "\u00e9", "x", "1", "<", "\\n"])
    written = ""
    for char in name.value:
        choices = VARIANTS.get(char.lower(), [char]) if name.kind == "email" else [char]
        choices = [*choices, *ESCAPES.get(char, [])]
        written += draw(st.sampled_from([*choices, char]))
        written += draw(BETWEEN) if name.kind == "sms" else ""
    return name, f"{draw(around)}{written}{draw(around)}"


@given(texts())
def test_nothing_that_the_full_look_finds_is_passed_over(written: tuple[Name, str]) -> None:
    name, text = written
    person = Person(frozenset({name}))
    if person.is_quoted_in(text) or any(one in unescaped(text) for one in person.external_ids):
        assert Prefilter(person).may_hold(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "ivy@xn--bcher-kva.example", "Ivy@B\u00dcCHER.example", "ivy@bu\u0308cher.example",
        '"ivy@b\\u00fccher.example"', "ivy%40b\u00fccher.example",
    ],
)  # fmt: skip
def test_an_address_is_found_however_its_domain_is_written(text: str) -> None:
    person = Person(frozenset({Name("email", "ivy@xn--bcher-kva.example")}))
    assert person.is_quoted_in(text)
    assert Prefilter(person).may_hold(text.encode())
    assert not person.is_quoted_in(text.replace("example", "example.com"))


def test_only_i_k_and_s_have_another_case_beyond_ascii() -> None:
    beyond = "".join(map(chr, [*range(0x80, 0xD800), *range(0xE000, 0x20000)]))
    letters = "|".join(sorted(set(string.printable) & set(string.ascii_letters)))
    found = set(re.findall(f"(?i:{letters})", beyond))
    assert {char.casefold()[0] for char in found} <= set("iks\u0131")


@pytest.mark.parametrize(
    ("address", "payload"),
    [
        ("josé@example.com", r'[{"email": "jos\u00e9@example.com"}]'),
        ("ivy+offers@example.com", r'[{"email": "ivy\u002Boffers@example.com"}]'),
        ("foo/bar@example.com", r'[{"email": "foo\/bar@example.com"}]'),
        ("josé@example.com", r'[{"email": "jos\u00e9@example.com'),
        (
            "josé@example.com",
            r'[{"email": "ben@x.io", "reason": "{\"to\": \"jos\u00e9@example.com"}]',
        ),
    ],
    ids=["beyond ASCII", "a sign", "a slash", "a body that is cut off", "an inner text that is"],
)
def test_who_is_written_in_jsons_escapes_is_erased(
    tmp_path: Path, address: str, payload: str
) -> None:
    path = tmp_path / "x.ndjson"
    path.write_text(json.dumps({"delivery_id": "d", "payload": payload}) + "\n")
    assert landing.erase_files(tmp_path, Person(frozenset({Name("email", address)}))) == 1
    left = unescaped(path.read_text())
    assert address.partition("@")[0] not in left
    assert landing.erase_files(tmp_path, Person(frozenset({Name("email", address)}))) == 0


def test_who_is_not_named_is_passed_over() -> None:
    prefilter = Prefilter(Person(frozenset({NAMES[0], NAMES[3], NAMES[5]})))
    assert not prefilter.may_hold(b'{"email": "ben@x.io", "phone": "+14155550124", "id": 4711}')


@pytest.mark.parametrize("block", [1, 50, 4096])
def test_a_line_is_found_wherever_a_block_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(landing, "_BLOCK", block)
    person = Person(frozenset({Name("email", "a@b.io")}))
    rows = [{"payload": json.dumps([{"email": one}])} for one in ("c@d.io", "A@b.io") * 5]
    path = tmp_path / "x.ndjson"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    before = path.read_bytes()
    assert landing.erase_files(tmp_path, person, dry_run=True) == 5
    assert path.read_bytes() == before
    assert landing.erase_files(tmp_path, person) == 5
    kept = [line for line in path.read_text().splitlines() if line.strip()]
    assert kept == [json.dumps(rows[0])] * 5
    assert len(path.read_bytes()) == len(before)
