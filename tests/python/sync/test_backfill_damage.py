"""`contact-sync backfill` of damaged files: it ends with a report, or with one sentence.

A bad line costs itself alone; all others land.
"""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from sync.errors import ConfigError
from tests.python.size import sized
from tests.python.sync.exports import Exports

#: Half of the files are damaged in lines, and half anywhere.
FILES = sized(small=150, deep=10_000)
FILES_OF_A_RUN = 15

#: Header and rows of exports: each row says one thing of the person of its number.
EXPORTS: list[tuple[str, Callable[[int], str]]] = [
    (
        "external_id,email,phone,email_status,email_status_at,note",
        lambda n: f"u{n},p{n}@x.com,+1202555{1000 + n},stop,2025-01-{1 + n % 28:02d},note {n}",
    ),
    (
        "Email,Klaviyo ID,External ID,Email Marketing Consent,Email Suppressions,"
        "Email Suppressions Timestamp",
        lambda n: f"p{n}@x.com,K{n},u{n},SUBSCRIBED,HARD_BOUNCE,2025-01-{1 + n % 28:02d}T10:00:00Z",
    ),
    (
        "user_id,braze_id,email,unsubscribed_from_emails_at,country",
        lambda n: f"u{n},b{n},p{n}@x.com,2025-01-{1 + n % 28:02d} 10:00:00 UTC,US",
    ),
    (
        "external_user_id,identifier,device_type,notification_types,invalid_identifier",
        lambda n: f"u{n},p{n}@x.com,11,-2,f",
    ),
]
PEOPLE = 25

PIECES: list[bytes] = [
    b'"', b'""', b"'", b",", b",,,,", b";", b"\t", b"\0", b"\n", b"\r", b"\r\n", b'"\n"', b' "',
    b'"a" b', b"\\", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\x1a", b"\x1e", b"\x85", b"\x80",
    b"\xe2\x80\xa8", b"\xc3\x28", b"45383", b"+12025550102.0", b"2024-13-45", b"31/12/2024", b"nan",
    b"-1e400", b"9" * 400, b"=cmd()", b'{"a": 1}', b"x" * 70_000, b'"' + b"y" * 3_000 + b"\n",
    b"--", b"/*", b"$1", b"{}", b"%s",
]  # fmt: skip


def damaged(data: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.choice([1, 1, 2, 5])):
        at = chance.randrange(len(data) + 1)
        how = chance.random()
        if how < 0.5:
            data = data[:at] + chance.choice(PIECES) + data[at:]
        elif how < 0.7:
            data = data[:at] + data[at + chance.randrange(1, 8) :]
        elif how < 0.85:
            data = data[:at] + chance.randbytes(chance.randrange(1, 20)) + data[at:]
        else:
            data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
    return data


def whom(statements: Iterable[dict[str, object]], file: str) -> set[object]:
    return {one.get("external_id") for one in statements if one["by"] == file}


@pytest.mark.parametrize("run", range(FILES // 2 // FILES_OF_A_RUN))
def test_a_damaged_line_costs_itself_alone(exports: Exports, run: int) -> None:
    chance = random.Random(run)
    paths: list[Path] = []
    wanted: dict[str, set[object]] = {}
    for number in range(FILES_OF_A_RUN):
        header, row = chance.choice(EXPORTS)
        bad = set(chance.sample(range(PEOPLE), chance.choice([1, 3, 10])))
        lines = [header.encode()]
        for person in range(PEOPLE):
            line = row(person).encode()
            lines.append(damaged(line, chance) if person in bad else line)
        data = b"\n".join(lines) + b"\n"
        data = gzip.compress(data) if chance.random() < 0.1 else data
        paths.append(exports.write(f"{number}.csv", data))
        wanted[f"{number}.csv"] = {f"u{person}" for person in range(PEOPLE) if person not in bad}
    report = exports.backfill(*paths)
    landed = exports.statements()
    for file in report.files:
        lost = wanted[file.name] - whom(landed, file.name)
        assert lost == set(), f"run {run}, {file.name}"
        assert len(wanted[file.name]) <= file.landed <= file.rows
    assert report.exit_code == bool(report.reasons)
    assert len({(name, line) for name, line, _ in exports.rejected()}) == sum(
        file.rejected for file in report.files
    )
    assert "@x.com" not in str(exports.rejected())


@pytest.mark.parametrize("part", range(5))
def test_whatever_a_file_holds_it_ends_with_a_report_or_one_sentence(
    exports: Exports, part: int
) -> None:
    for number in range(part, FILES - FILES // 2, 5):
        chance = random.Random(f"anywhere {number}")
        header, row = chance.choice(EXPORTS)
        text = "\n".join([header, *map(row, range(5))]) + "\n"
        separator = chance.choice([",", ",", ";", "\t", "|"])
        encoding = chance.choice(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "utf-32"])
        data = damaged(text.replace(",", separator).encode(encoding), chance)
        data = data[: chance.randrange(len(data))] if chance.random() < 0.2 else data
        data = damaged(gzip.compress(data), chance) if chance.random() < 0.1 else data
        path = exports.write("a.csv", data)
        try:
            report = exports.backfill(path, is_dry_run=True)
        except ConfigError as error:
            sentence = str(error)
        else:
            sentence = "a.csv was read"
            assert report.exit_code == (1 if report.reasons else 0)
            assert report.files[0].landed <= report.files[0].rows
        assert "a.csv" in sentence
        assert "@x.com" not in sentence, number


TEXT = "Email ADDRESS,name,email_opted_out_at\na@x.com,Jürgen Ødegård,2025-01-01\n"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TEXT.encode("utf-16"), None),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), None),
        (TEXT.encode("utf-16-le"), None),
        (TEXT.encode("utf-16-be"), None),
        (TEXT.encode("utf-32"), None),
        (TEXT.encode("utf-8-sig"), None),
        (TEXT.encode("latin-1"), None),
        (TEXT.encode("latin-1"), "latin-1"),
        (TEXT.encode("cp1252"), "windows-1252"),
        (TEXT.replace("ü", "ц").replace("Ødegård", "").encode("koi8-r"), "koi8-r"),
        (gzip.compress(TEXT.encode("utf-16")), None),
        (TEXT.replace("\n", "\r").encode(), None),
        (TEXT.replace("\n", "\r\n").encode(), None),
        (TEXT.rstrip("\n").encode(), None),
    ],
)
def test_an_encoding_is_told_by_its_mark_or_by_name(
    exports: Exports, data: bytes, encoding: str | None
) -> None:
    path = exports.write("a.csv", data)
    assert exports.said(path, encoding=encoding) == [
        ("opted_out", "email", None, "a@x.com", "2025-01-01T00:00:00")
    ]


@pytest.mark.parametrize("encoding", ["klingon", "hex", "undefined"])
def test_an_encoding_that_nobody_knows_is_an_error(exports: Exports, encoding: str) -> None:
    with pytest.raises(ConfigError, match="it is not text in"):
        exports.backfill(exports.write("a.csv", TEXT), encoding=encoding)


def test_an_address_of_another_encoding_is_rejected_and_read_where_it_is_named(
    exports: Exports,
) -> None:
    text = "email,email_status\njürgen@x.com,stop\nb@x.com,stop\n"
    path = exports.write("a.csv", text.encode("latin-1"))
    assert [one[3] for one in exports.said(path)] == ["b@x.com"]
    assert exports.rejected() == [["a.csv", "2", "not an email address: column email"]]
    assert exports.backfill(path, encoding="latin-1").exit_code == 0


@pytest.mark.parametrize(
    "cell", ["\0", "a\0b", "x" * 900_000, '"' + "two\nlines\n" * 20 + '"', "\u2028", "\x1a\x1e"]
)
@pytest.mark.parametrize("place", ["first", "last"])
def test_a_strange_cell_of_a_note_costs_nothing(exports: Exports, cell: str, place: str) -> None:
    if place == "first":
        text = f"note,email,email_status\n{cell},a@x.com,stop\nnone,b@x.com,stop\n"
    else:
        text = f"email,email_status,note\na@x.com,stop,{cell}\nb@x.com,stop,\n"
    said = exports.said(exports.write("a.csv", text))
    assert [one[3] for one in said] == ["a@x.com", "b@x.com"]


@pytest.mark.parametrize("closed_by", ['",x', 'say "hello"', '"'])
def test_a_quote_that_is_closed_by_another_row_hides_no_row_between(
    exports: Exports, closed_by: str
) -> None:
    text = (
        "email,email_status,note\n"
        'a@x.com,stop,"never closed\n'
        "b@x.com,stop,\n"
        "c@x.com,stop,\n"
        f"d@x.com,stop,{closed_by}\n"
        "e@x.com,stop,\n"
    )
    said = exports.said(exports.write("a.csv", text))
    assert {"b@x.com", "c@x.com", "e@x.com"} <= {one[3] for one in said}
    assert ["a.csv", "2", "broken line: a quote is not closed"] in exports.rejected()


def test_a_quote_within_a_header_hides_no_row(exports: Exports) -> None:
    text = 'email,19" rack,email_status\na@x.com,,stop\nb@x.com,"19""",stop\nc@x.com,,stop\n'
    said = exports.said(exports.write("a.csv", text))
    assert [one[3] for one in said] == ["a@x.com", "b@x.com", "c@x.com"]


def test_many_broken_lines_are_all_named(exports: Exports) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([f"p{number}@x.com"] for number in range(12_000))
    path = exports.write("a.csv", "email,email_status\n" + out.getvalue() + "z@x.com,stop\n")
    (file,) = exports.backfill(path).files
    assert (file.rows, file.landed, file.rejected) == (12_001, 1, 12_000)
    assert [int(line) for _, line, _ in exports.rejected()] == list(range(2, 12_002))
