"""What came from outside on a terminal and in a CSV file."""

from __future__ import annotations

import json

import pytest

from sync.terminal import csv_cells, shown
from tests.python.sync.engines import ENGINES
from tests.python.sync.world import World


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\x1b]0;title\x07", "\\u001b]0;title\\u0007"),
        ("\x9b31m", "\\u009b31m"),
        ("a\u202eb\u2066", "a\\u202eb\\u2066"),
        ("\udcff", "\\udcff"),
        ("\U000e0041", "\\udb40\\udc41"),
        ("Zoë 日本\n€", "Zoë 日本\n€"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text: str, told: str) -> None:
    assert shown(text) == told
    assert json.loads(f'"{shown(text)}"', strict=False) == json.loads(json.dumps(text))


def test_no_cell_of_a_csv_is_a_formula_and_a_phone_number_stays_one() -> None:
    row = ["=HYPERLINK(1)", "@x", "+cmd|' /C calc'!A0", "-1+1|x", "+12025550141", "-7", 3, None]
    assert csv_cells(row) == [
        "'=HYPERLINK(1)",
        "'@x",
        "'+cmd|' /C calc'!A0",
        "'-1+1|x",
        "+12025550141",
        "-7",
        3,
        None,
    ]


@pytest.mark.parametrize("engine", ENGINES[:1], indirect=True)
@pytest.mark.parametrize("output", ["text", "json"])
def test_a_platforms_word_cannot_write_on_the_operators_terminal(world: World, output: str) -> None:
    world.sql(
        "insert into int_events_unioned (source, provider_event, is_unmapped)"
        " values ('sendgrid', 'x\x1b[2J\u202e', true)",
    )
    done = world.cli("status", "--all", "--output", output)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    assert "\\u001b[2J\\u202e" in done.stdout
