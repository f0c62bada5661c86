"""Results as tables for people and as JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from sync.terminal import echo, json_text

if TYPE_CHECKING:
    from sync.delivery.check import Checked
    from sync.delivery.plan import DestinationPlan
    from sync.errors import SyncError
    from sync.lists.reading import Row

Result = TypeVar("Result")

# Where the output is no terminal: wide enough that no row is folded.
_WIDE = 200


def print_json(value: Any) -> None:
    """One JSON document on standard output; instants in ISO form, UTC."""
    echo(json_text(value, indent=2))


def show(
    output: str, done: Result, text: Callable[[Result], None], data: Callable[[Result], Any]
) -> None:
    """The result as --output asks for: printed by `text`, or what `data` makes of it as JSON."""
    if output == "json":
        print_json(data(done))
    else:
        text(done)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table for people; columns that hold nothing are left out."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    body = [[_cell(value) for value in row] for row in rows]
    # A column of blanks (a scope that no row has) says nothing.
    kept = [index for index in range(len(columns)) if any(row[index] for row in body)]
    for index in kept:
        numeric = all(row[index].replace(",", "").isdigit() for row in body)
        table.add_column(columns[index], justify="right" if numeric else "left", no_wrap=numeric)
    for row in body:
        table.add_row(*(row[index] for index in kept))
    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False, markup=False)
    with console.capture() as capture:
        console.print(table)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    echo("\n".join(line for line in lines if line))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return str(value)


def named(part: DestinationPlan | Checked) -> str:
    """The destination, and where it is if not at the platform."""
    return part.destination if part.place is None else f"{part.destination} at {part.place}"


def unknown_items(items: int) -> str:
    """What a call without an answer leaves behind."""
    return (
        f"{items:,} in an unknown state (a call without an answer yet): what holds of them is sent"
    )


def print_unread(name: str, unread: Mapping[Row, SyncError]) -> None:
    """The rows whose list was not read, and why; to standard error what has to be mended."""
    from sync.lists.reading import is_fault

    for row, error in unread.items():
        place = f"{name} {row.channel} {row.scope}".strip()
        echo(f"{place} was passed over: {error}", err=is_fault(error))


def unread_json(unread: Mapping[Row, SyncError]) -> list[dict[str, str]]:
    """The same as data."""
    return [
        {"channel": row.channel, "scope": row.scope, "error": str(error)}
        for row, error in unread.items()
    ]
