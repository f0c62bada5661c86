"""Texts for people, spreadsheets and programs: what came from outside is harmless in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import click

# Not the plus or minus of a number: a phone number stays one.
_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d ().-]+$)")


def shown(text: str) -> str:
    """The text with what a terminal would obey, or not show, in JSON's escapes.

    That is C0 and C1 controls, direction marks, other invisible characters and lone surrogates;
    not the line feed.
    """
    return "".join(char if char.isprintable() or char == "\n" else _escaped(char) for char in text)


def echo(text: str = "", *, err: bool = False) -> None:
    """Prints a line, on standard error where `err` says so."""
    click.echo(shown(text), err=err)


def csv_cells(row: Iterable[Any]) -> list[Any]:
    """A row of a CSV file in which no cell is a formula: such a text begins with an apostrophe."""
    return [f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell for cell in row]


def json_text(value: Any, *, indent: int | None = None) -> str:
    """The value as JSON; instants in ISO form, UTC, and as text what JSON has no word for."""
    return json.dumps(value, default=_json_value, indent=indent, ensure_ascii=False)


def counted(number: int, what: str) -> str:
    """A number of things: `1 call`, `2,300 calls`. what: in the singular."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _json_value(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat() + ("" if value.tzinfo else "Z")
    return str(value)


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))
