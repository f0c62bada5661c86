"""`contact-sync scrub`: who of a file may be contacted, and never one too many."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.addresses import normalize_email, normalize_phone, normalize_push_token, read_country
from sync.errors import ConfigError
from sync.reports.scrub import Options
from sync.reports.scrub import scrub as the_command
from tests.python.conftest import ROOT
from tests.python.sync.engines import ENGINES
from tests.python.sync.world import World

SINCE = "2026-05-01T10:00:00Z"


@pytest.fixture
def listing(world: World) -> World:
    """A world whose list holds an address of each channel and some more."""
    for channel, address, reason in (
        ("email", "left@example.com", "unsubscribe"),
        ("email", "bounced@example.com", "bounce"),
        ("email", "müller@example.com", "complaint"),
        ("sms", "+15550100100", "unsubscribe"),
        ("push", "Token-A", "unsubscribe"),
        # Listed by email alone.
        ("email", "+15550100200@example.com", "block"),
    ):
        world.sql(
            "insert into suppression_list values"
            f" ('{channel}', '{address}', '{reason}', timestamp '2026-05-01 10:00:00')"
        )
    return world


def write(world: World, text: str, name: str = "people.csv") -> Path:
    path = world.directory / name
    path.write_bytes(text.encode())
    return path


def scrub(world: World, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = world.cli("scrub", *arguments, "--output", "json")
    assert done.returncode == code, done.stderr
    found: dict[str, Any] = json.loads(done.stdout) if code == 0 else {"error": done.stderr}
    return found


def read(path: Path, delimiter: str = ",") -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_a_file_is_split_with_reasons_and_all_its_columns(listing: World) -> None:
    write(
        listing,
        "id,Email,name\n"
        '1, LEFT@Example.com ,"Ann, B"\n'
        "2,free@example.com,Bob\n"
        "3,Müller@example.com,Cy\n"
        "4,no address,Di\n"
        "5,,Ed\n"
        "6,bounced@example.com,Flo\n",
    )
    found = scrub(listing, "people.csv")
    assert (found["channel"], found["rows"], found["may"], found["may_not"]) == ("email", 6, 1, 5)
    assert found["reasons"] == {
        "invalid address": 2,
        "bounce": 1,
        "complaint": 1,
        "unsubscribe": 1,
    }
    assert read(listing.directory / "people.may.csv") == [
        ["id", "Email", "name"],
        ["2", "free@example.com", "Bob"],
    ]
    assert read(listing.directory / "people.may-not.csv") == [
        ["id", "Email", "name", "reason", "since"],
        ["1", " LEFT@Example.com ", "Ann, B", "unsubscribe", SINCE],
        ["3", "Müller@example.com", "Cy", "complaint", SINCE],
        ["4", "no address", "Di", "invalid address", ""],
        ["5", "", "Ed", "invalid address", ""],
        ["6", "bounced@example.com", "Flo", "bounce", SINCE],
    ]


@pytest.mark.parametrize(("algorithm", "case"), [("sha256", str.upper), ("md5", str.lower)])
def test_digests_are_found_in_either_case(listing: World, algorithm: str, case: Any) -> None:
    def digest(text: str) -> str:
        return str(case(hashlib.new(algorithm, text.encode()).hexdigest()))

    write(
        listing,
        f"em\n{digest('left@example.com')}\n{digest('free@example.com')}\nleft@example.com\n",
    )
    arguments = ("people.csv", "--column", "em", "--channel", "email", "--hashed-in", algorithm)
    found = scrub(listing, *arguments)
    assert found["reasons"] == {"invalid address": 1, "unsubscribe": 1}
    assert read(listing.directory / "people.may.csv") == [["em"], [digest("free@example.com")]]


def test_a_phone_is_found_by_the_digest_of_its_digits_alone(listing: World) -> None:
    write(listing, f"phone\n{hashlib.sha256(b'15550100100').hexdigest()}\n")
    assert scrub(listing, "people.csv", "--hashed-in", "sha256")["may_not"] == 1


def test_hashed_outputs_hold_no_address(listing: World) -> None:
    write(listing, "email\nFree@example.com\nleft@example.com\nAnn <ann@example.com>\n")
    scrub(listing, "people.csv", "--hashed-out", "sha256")
    (_, (free,)) = read(listing.directory / "people.may.csv")
    assert free == hashlib.sha256(b"free@example.com").hexdigest()
    refused = read(listing.directory / "people.may-not.csv")[1:]
    assert refused == [
        [hashlib.sha256(b"left@example.com").hexdigest(), "unsubscribe", SINCE],
        ["", "invalid address", ""],
    ]


def test_digests_of_one_kind_are_not_made_of_another(listing: World) -> None:
    write(listing, "email\n")
    arguments = ("people.csv", "--hashed-in", "md5", "--hashed-out", "sha256")
    assert "no such digest" in scrub(listing, *arguments, code=2)["error"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_spreadsheets_file_is_read_and_written_as_it_came(listing: World, delimiter: str) -> None:
    text = f'\ufeff"a,b;"{delimiter}Phone Number\r\nx{delimiter}+1 (555) 010-0100\r\n'
    packed = listing.directory / "people.csv.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    found = scrub(listing, "people.csv.gz", "--may-not", "refused.csv.gz")
    assert (found["channel"], found["reasons"]) == ("sms", {"unsubscribe": 1})
    assert found["files"]["may"] == "people.may.csv"
    refused = gzip.decompress((listing.directory / "refused.csv.gz").read_bytes()).decode()
    assert refused.startswith("\ufeff")
    assert refused.splitlines()[1] == delimiter.join(
        ["x", "+1 (555) 010-0100", "unsubscribe", SINCE]
    )


def test_a_token_is_compared_as_it_is(listing: World) -> None:
    write(listing, "device_token\nToken-A\ntoken-a\n")
    assert scrub(listing, "people.csv")["reasons"] == {"unsubscribe": 1}


def test_a_row_that_lost_its_shape_may_not_be_contacted(listing: World) -> None:
    write(listing, "name,email\nAnn, B,free@example.com\nBob\n,free@example.com\n")
    found = scrub(listing, "people.csv")
    assert found["reasons"] == {"wrong number of columns": 2}
    assert found["may"] == 1


def test_bytes_that_are_no_text_are_no_address_and_stay_as_they_are(listing: World) -> None:
    latin = "email,name\nmüller@example.com,Jörg\nfree@example.com,Jörg\n".encode("latin-1")
    (listing.directory / "people.csv").write_bytes(latin)
    assert scrub(listing, "people.csv")["reasons"] == {"invalid address": 1}
    assert b"J\xf6rg" in (listing.directory / "people.may.csv").read_bytes()


def test_added_columns_get_other_names_where_the_file_has_them(listing: World) -> None:
    write(listing, "email,reason\nleft@example.com,mine\n")
    scrub(listing, "people.csv")
    header = read(listing.directory / "people.may-not.csv")[0]
    assert header == ["email", "reason", "contact_sync_reason", "since"]


@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        ("email,email_address\n", (), "Several columns"),
        ("who\n", (), "--column; the file has: who"),
        ("who\n", ("--column", "who"), "--channel"),
        ("email\n", ("--column", "mail"), "--column; the file has: email"),
        ("", (), "is empty"),
        ('email\n"free@example.com\nleft@example.com\n', (), "line 3"),
        ("email\n", ("--may", "people.csv"), "three files"),
    ],
)
def test_a_file_that_does_not_say_enough_is_refused(
    listing: World, text: str, arguments: tuple[str, ...], words: str
) -> None:
    write(listing, text)
    assert words in scrub(listing, "people.csv", *arguments, code=2)["error"]
    assert [path.name for path in listing.directory.glob("*people*")] == ["people.csv"]


def test_a_list_that_may_lack_a_refusal_is_not_used(listing: World) -> None:
    write(listing, "email\nfree@example.com\n")
    listing.sql("delete from raw.builds where true")
    assert "no build is recorded" in scrub(listing, "people.csv", code=3)["error"]
    listing.build(age=timedelta(hours=30))
    assert "30 h old" in scrub(listing, "people.csv", code=3)["error"]
    assert scrub(listing, "people.csv", "--max-age", "2d")["may"] == 1
    listing.build(ok=False)
    assert "failed" in scrub(listing, "people.csv", "--max-age", "2d", code=3)["error"]


def test_a_line_without_end_is_refused_by_its_number_and_nothing_is_written(
    listing: World,
) -> None:
    text, endless = "email\nleft@example.com\nfree@example.com\n", "x" * (1 << 24)
    path = write(listing, f"{text}{endless}\nother@example.com\n")
    for kind in ("the file", "its header"):
        with pytest.raises(ConfigError, match="more than 16,777,216 characters") as told:
            the_command(listing.warehouse(), path, Options(), {})
        assert f"(line {4 if kind == 'the file' else 1})" in str(told.value)
        assert sorted(listing.directory.glob("*people*")) == [path]
        write(listing, f"{endless}\nother@example.com\n")
    write(listing, f"{text}other@example.com\n")
    done = the_command(listing.warehouse(), path, Options(), {})
    assert (done.rows, done.reasons) == (3, {"unsubscribe": 1})


def test_a_long_file_keeps_its_order_and_misses_nobody(listing: World) -> None:
    people = [f"{n},{'left' if n % 7 == 0 else f'p{n}'}@example.com" for n in range(50_000)]
    path = write(listing, "\n".join(["id,email", *people]) + "\n")
    done = the_command(listing.warehouse(), path, Options(), {})
    assert done.rows == len(people)
    for file, rest in ((done.may, ""), (done.may_not, f",unsubscribe,{SINCE}")):
        wanted = [f"{line}{rest}" for line in people if (",left@" in line) == bool(rest)]
        assert file.read_text(encoding="utf-8").splitlines()[1:] == wanted


def test_the_counts_are_printed_by_reason(listing: World) -> None:
    write(listing, "email\nleft@example.com\nfree@example.com\n")
    text = listing.cli("scrub", "people.csv").stdout
    assert text.splitlines()[0] == "2 rows, by the email addresses of email"
    assert "unsubscribe" in text
    assert "people.may-not.csv" in text


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (" Ann@Example.COM\n", "ann@example.com"),
        ("ΑΣ@example.com", "ασ@example.com"),  # noqa: RUF001
        ("a.b+tag@gmail.com", "a.b+tag@gmail.com"),
        ("Ann <ann@example.com>", None),
        ("a@b@example.com", None),
        ("a b@example.com", None),
        ("a@example.com;b@example.com", None),
        ("a\u200b@example.com", None),
        ("@example.com", None),
        ("a" * 400 + "@example.com", None),
    ],
)
def test_an_email_is_normalized_as_the_models_do(text: str, address: str | None) -> None:
    assert normalize_email(text) == address


@pytest.mark.parametrize(
    ("text", "code", "number"),
    [
        ("+49 (0) 30 / 123-456", None, "+4930123456"),
        ("whatsapp:+15550100100", None, "+15550100100"),
        ("555 010 0100", None, None),
        ("(555) 010-0100", "1", "+15550100100"),
        ("1 555 010 0100", "+1", "+15550100100"),
        ("0049 30 123456", "49", "+4930123456"),
        ("030 123456", "49", "+4930123456"),
        ("+0123456789", None, None),
    ],
)
def test_a_phone_is_normalized_as_the_models_do(
    text: str, code: str | None, number: str | None
) -> None:
    country = read_country(code, ROOT / "seeds") if code else None
    assert normalize_phone(text, country) == number


@given(st.text(max_size=40))
def test_what_is_normalized_once_stays_as_it_is(text: str) -> None:
    for normalize in (normalize_email, normalize_phone, normalize_push_token):
        once = normalize(text)
        assert once is None or normalize(once) == once
