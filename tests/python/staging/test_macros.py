"""Texts that others wrote, read by the macros in a session whose time zone is not UTC."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest

from sync.addresses import normalize_email, normalize_phone, normalize_push_token, read_country
from tests.python.conftest import ROOT, Warehouse
from tests.python.staging.test_domains import ADDRESSES

MACROS = (
    "parse_time",
    "normalize_email",
    "normalize_phone",
    "normalize_external_id",
    "normalize_push_token",
    "parse_boolean",
    "fold_width",
)
Reader = Callable[[str, str | None], Any]


def compiled(warehouse: Warehouse, **variables: Any) -> dict[str, str]:
    """The SQL of each macro over a column named given."""
    assert warehouse.dbt("seed", "--select", "phone_countries").success
    separator = "\n-- next\n"
    inline = separator.join(f"select {{{{ {name}('given') }}}} from texts" for name in MACROS)
    result = warehouse.dbt("compile", "--inline", inline, **variables)
    assert result.success, result.exception
    statements = result.result.results[0].node.compiled_code.split(separator)
    return dict(zip(MACROS, statements, strict=True))


def reader(statements: dict[str, str], connection: duckdb.DuckDBPyConnection) -> Reader:
    def read(macro: str, text: str | None) -> Any:
        connection.execute(
            "create or replace temp table texts as select ?::varchar as given", [text]
        )
        row = connection.execute(statements[macro]).fetchone()
        assert row is not None
        return row[0]

    return read


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("set timezone = 'America/New_York'")
        yield opened


@pytest.fixture(scope="module")
def read(new_warehouse: Callable[[], Warehouse], connection: duckdb.DuckDBPyConnection) -> Reader:
    return reader(compiled(new_warehouse()), connection)


@pytest.fixture(scope="module")
def read_in_america(
    new_warehouse: Callable[[], Warehouse], connection: duckdb.DuckDBPyConnection
) -> Reader:
    return reader(compiled(new_warehouse(), default_country_code="+1"), connection)


@pytest.fixture(scope="module")
def read_in_germany(
    new_warehouse: Callable[[], Warehouse], connection: duckdb.DuckDBPyConnection
) -> Reader:
    return reader(compiled(new_warehouse(), default_country_code="49"), connection)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("1777706130", "2026-05-02 07:15:30"),
        (" 1777706130 ", "2026-05-02 07:15:30"),
        ("1777706130.118", "2026-05-02 07:15:30.118000"),
        ("1.77770613e9", "2026-05-02 07:15:30"),
        ("1777706130000", "2026-05-02 07:15:30"),
        ("1777706130123456", "2026-05-02 07:15:30.123456"),
        ("2026-05-02T07:15:30Z", "2026-05-02 07:15:30"),
        ("2026-05-02T07:15Z", "2026-05-02 07:15:00"),
        ("2026-05-02t07:15:30z", "2026-05-02 07:15:30"),
        ("2026-05-02T03:15:30-04:00", "2026-05-02 07:15:30"),
        ("2026-05-02T03:15:30.1234567-04:00", "2026-05-02 07:15:30.123456"),
        ("2026-05-02T07:15:30.123456789Z", "2026-05-02 07:15:30.123456"),
        ("2026-05-02T07:15:30.1Z", "2026-05-02 07:15:30.100000"),
        ("2026-05-02T07:15:30,5Z", "2026-05-02 07:15:30.500000"),
        ("2026-05-02T07:15:30+0000", "2026-05-02 07:15:30"),
        ("2026-05-02 07:15:30 +00:00", "2026-05-02 07:15:30"),
        ("2026-05-02 07:15:30+00", "2026-05-02 07:15:30"),
        ("2026-05-02 07:15:30 UTC", "2026-05-02 07:15:30"),
        ("2026-05-02 07:15:30", "2026-05-02 07:15:30"),
        ("2026-05-02T07:15:30", "2026-05-02 07:15:30"),
        ("2026-05-02", "2026-05-02 00:00:00"),
        ("Sat, 02 May 2026 07:15:30 +0000", "2026-05-02 07:15:30"),
        ("Sat, 2 May 2026 03:15:30 -0400 (EDT)", "2026-05-02 07:15:30"),
        ("Mon, 02 May 2026 07:15:30 GMT", "2026-05-02 07:15:30"),
        ("2 May 2026 07:15 +0000", "2026-05-02 07:15:00"),
        ("2005-01-01", "2005-01-01 00:00:00"),
    ],
)
def test_a_time_is_read(read: Reader, text: str, time: str) -> None:
    found = read("parse_time", text)
    assert str(found) == time
    assert found.tzinfo is None


@pytest.mark.parametrize(
    "text",
    [
        None, "", " ", "soon", "{}", '{"at":1777706130}', "[1777706130]", "inf", "-inf", "nan",
        "1e400", "1e17", "99999999999999999999", "-1777706130", "0", "0000-00-00",
        "0000-00-00 00:00:00", "99999-01-01", "9999-12-31T23:59:59Z", "2026-02-30T00:00:00Z",
        "2026-05-02T25:00:00Z", "2026-05-02T07:15:30+25:00", "2026-05-02 07:15:30 Mars/Phobos",
        "infinity", "epoch", "now", "2004-12-31T23:59:59Z", "1104537599", "1 May 26 07:15:30 +0000",
        "\x00", "2026-05-02T07:15:30Z" * 10_000, "9" * 100_000,
    ],
    ids=lambda text: repr(text)[:40],
)  # fmt: skip
def test_what_is_no_usable_time_is_null(read: Reader, text: str | None) -> None:
    assert read("parse_time", text) is None


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("mia@example.org", "mia@example.org"),
        (" Mia@Example.ORG\t\r\n", "mia@example.org"),
        ("\u00a0mia@example.org", "mia@example.org"),
        ("mia+spring.sale@example.org", "mia+spring.sale@example.org"),
        ("o'brien@example.ie", "o'brien@example.ie"),
        ("Müller@Exämple.de", "müller@xn--exmple-cua.de"),
        ("Rene\u0301@example.fr", "rené@example.fr"),
        ("RENE\u0301@example.fr", "rené@example.fr"),
        ("mia@example.org.", "mia@example.org"),
        ("mia@b\u0075\u0308cher.example. ", "mia@xn--bcher-kva.example"),
        ("mia@localhost", "mia@localhost"),
    ],
)
def test_an_email_address_is_normalized(read: Reader, text: str, email: str) -> None:
    assert read("normalize_email", text) == email


@pytest.mark.parametrize(
    "text",
    [
        None, "", "5", "mia", "mia@", "@example.org", "mia@@example.org", "mia@example@org",
        "mia @example.org", "mia@exam ple.org", "mia@example.org\x00", "mia\u200b@example.org",
        "mia\u00a0x@example.org", "Mia <mia@example.org>", "<mia@example.org>",
        "mia@example.org,noa@example.org", "mia@example.org;noa@example.org",
        "mailto:mia@example.org",
        '["mia@example.org"]', '{"email":"mia@example.org"}', "m" * 500 + "@example.org",
    ],
    ids=lambda text: repr(text)[:40],
)  # fmt: skip
def test_what_is_no_single_bare_email_address_is_null(read: Reader, text: str | None) -> None:
    assert read("normalize_email", text) is None


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("+12025550141", "+12025550141"),
        (" +1 (202) 555-0141 ", "+12025550141"),
        ("+1\u2013202\u2013555.0141", "+12025550141"),
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("whatsapp:+12025550141", "+12025550141"),
        ("RCS:+12025550141", "+12025550141"),
        ("+39 06 1234 5678", "+390612345678"),
    ],
)
def test_a_phone_number_is_normalized(read: Reader, text: str, phone: str) -> None:
    assert read("normalize_phone", text) == phone


@pytest.mark.parametrize(
    "text",
    [
        None, "", "12345", "2025550141", "12025550141", "0044 20 7946 0958", "+02025550141",
        "+123456",
        "+12025550102.0", "+12025550102.0000", "+1 202 555 0102.0", "+12025550102.00",
        "+1234567890123456", "+1202555014x", "messenger:1234567890", "{}", "+" * 100_000,
        "+49 0151 23456789", "+4402079460958", "+39 (0)6 1234 5678", "+1202555014", "+120255501411",
    ],
    ids=lambda text: repr(text)[:40],
)  # fmt: skip
def test_a_number_without_its_country_is_null(read: Reader, text: str | None) -> None:
    assert read("normalize_phone", text) is None


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("(202) 555-0141", "+12025550141"),
        ("1-202-555-0141", "+12025550141"),
        ("+442079460958", "+442079460958"),
        ("12345", None),
        ("011442079460958", "+442079460958"),
    ],
)
def test_a_national_number_of_america_is_read_where_the_setting_says_so(
    read_in_america: Reader, text: str, phone: str | None
) -> None:
    assert read_in_america("normalize_phone", text) == phone


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("0151 23456789", "+4915123456789"),
        ("0044 20 7946 0958", "+442079460958"),
        ("+12025550141", "+12025550141"),
        ("12", None),
    ],
)
def test_a_national_number_of_germany_is_read_where_the_setting_says_so(
    read_in_germany: Reader, text: str, phone: str | None
) -> None:
    assert read_in_germany("normalize_phone", text) == phone


SPELLED = [
    f"{before}{prefix}{number}{after}"
    for number in (
        "2025550141", "12025550102.0", "202-555-0141.0", "01 23 45 67 89", "9161234567",
        "(202) 555-0141", "202\u2011555.0141", "151 23456789", "(0)151 23456789",
        "12", "12345", "20 7946 0958", "0207946095", "202555014x",
        "2025550141\u200b", "\u0662025550141",
        "Mia@Example.ORG", "mia@example.org.", "mia@example.org..", "mia@.",
        "Rene\u0301@example.fr", "ren\u00e9@Bu\u0308cher.example.", "a@\ufb01n.de",
        "m\u00fcller\u0130@example.de", "\u03a3\u03a3@x.io", "a@b@c", "{}",
        "a@b.c, d@e.f", "202\u000b5550141", "202\u001c5550141", "202\u00855550141",
        "202\u00a05550141", "151 (0)23456789",
    )
    for prefix in (
        *("", "0", "00", "1", "+1", "+", "+44 ", "0049", "011", "tel:", " WhatsApp:+49"),
        *("+49 (0)", "+39(0) "),
    )
    for before, after in (("", ""), ("\u00a0\t", "\r\n"), ("\ufeff", "\u3000"))
]  # fmt: skip


def test_the_command_normalizes_as_the_models_do_in_every_region(
    new_warehouse: Callable[[], Warehouse], connection: duckdb.DuckDBPyConnection
) -> None:
    differing = []
    texts = [*SPELLED, *ADDRESSES]
    for code in (None, "+1", "49", "44", "36", "7", "225", "54"):
        variables = {} if code is None else {"default_country_code": code}
        country = None if code is None else read_country(code.strip("+"), ROOT / "seeds")
        statements = compiled(new_warehouse(), **variables)
        connection.execute(
            "create or replace temp table texts as select unnest(?::varchar[]) as given", [texts]
        )
        for macro, python in (
            ("normalize_email", normalize_email),
            ("normalize_phone", lambda text, country=country: normalize_phone(text, country)),
            ("normalize_push_token", normalize_push_token),
        ):
            found = [row[0] for row in connection.execute(statements[macro]).fetchall()]
            differing += [
                (code, text, there, python(text))
                for text, there in zip(texts, found, strict=True)
                if there != python(text)
            ]
    assert differing == []


@pytest.mark.parametrize(
    ("text", "external_id"),
    [
        ("c-901", "c-901"), (" c-901\n", "c-901"), ("42", "42"), ("00", "00"), ("Ünal 7", "Ünal 7"),
        ("0", None), ("", None), (" ", None), ("null", None), ("NULL", None), ("Undefined", None),
        (None, None), ("{}", None), ('["c-901"]', None),
    ],
)  # fmt: skip
def test_an_id_that_says_none_is_none(read: Reader, text: str, external_id: str | None) -> None:
    assert read("normalize_external_id", text) == external_id


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("eT0k:APA91bSample", "eT0k:APA91bSample"),
        (" Token\n", "Token"),
        ("to ken", None), ("to\nken", None), ("", None), ("null", None), ("{}", None), (None, None),
    ],
)  # fmt: skip
def test_a_push_token_keeps_its_case(read: Reader, text: str, token: str | None) -> None:
    assert read("normalize_push_token", text) == token


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("True", True), ("1", True), ("yes", True), ("false", False),
        (" FALSE ", False), ("0", False), ("no", False), ("", None), ("maybe", None), (None, None),
    ],
)  # fmt: skip
def test_a_boolean_is_read_from_words(read: Reader, text: str, value: bool | None) -> None:
    assert read("parse_boolean", text) is value


@pytest.mark.parametrize(
    ("text", "plain"), [("\uff53\uff54\uff4f\uff50", "stop"), ("stop", "stop"), ("Ü", "Ü")]
)
def test_wide_letters_become_plain_ones(read: Reader, text: str, plain: str) -> None:
    assert read("fold_width", text) == plain
