"""`contact-sync status`: how things are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sync.cli.main import cli
from sync.cli.options import Project, output_option, warehouse_options
from sync.cli.tables import print_json, print_table
from sync.clock import duration
from sync.terminal import echo

if TYPE_CHECKING:
    from sync.reports.status import Section, Status

#: Characters of what a part of a run says.
_DETAIL = 160
#: Rows of a table that are shown without --all.
_BRIEF = 5

Row = TypeVar("Row")


@cli.command()
@warehouse_options
@click.option("--all", "is_whole", is_flag=True, help="Every table, and all of its rows.")
@output_option
def status(project: Project, output: str, is_whole: bool) -> None:
    """Show whether all is well, and what needs a person.

    The first line is the verdict: fine, attention (somebody should look), or act now (an opt-out
    may not be obeyed, or nothing is pushed). Then what was found and what to do about it, the
    newest build, the list and what is pending. --all adds what arrived, what could not be read,
    the ledger and the last runs.

    \b
    Examples:
      contact-sync status
      contact-sync status --all
      contact-sync status --output json
    """
    from sync.reports.status import read_status
    from sync.run.parts import read

    place = project.place()
    found = read_status(project.open_to_read(may_be_older=True), os.environ, read(place.state))
    if output == "json":
        print_json(status_json(found))
    else:
        print_status(found, is_whole=is_whole)


def print_status(status: Status, *, is_whole: bool) -> None:
    """The verdict, what to do, and the sections that have rows."""
    from sync.reports.status import SECTIONS

    _print_verdict(status)
    if status.build is not None:
        outcome = "ok" if status.build["ok"] else "FAILED (or a test of it)"
        echo(f"Newest build: {outcome}, {duration(status.build['age_seconds'])} ago\n")
    if status.run is not None:
        _print_run(status.run)
    if status.unready:
        echo("Cannot be pushed to from here")
        print_table(("destination", "why"), _brief(list(status.unready.items()), is_whole))
        _print_rest(len(status.unready), is_whole)
        echo()
    for section in SECTIONS:
        if is_whole or section.is_brief:
            _print_section(section, status.sections[section.key], is_whole=is_whole)
    if not is_whole:
        echo("What arrived, what could not be read, the ledger and the last runs: --all")


def _print_verdict(status: Status) -> None:
    urgent = [one for one in status.findings if one.severity == status.findings[0].severity]
    why = "; ".join(one.says for one in urgent) or "nothing needs a person"
    echo(f"{status.level.capitalize()}: {why}.\n")
    if status.findings:
        rows = [(one.says, one.since, one.next) for one in status.findings]
        print_table(("what", "since", "what to do"), rows)
        echo()


def _print_section(section: Section, rows: list[dict[str, Any]], *, is_whole: bool) -> None:
    if not rows:
        return
    shown = _brief(rows, is_whole)
    echo(section.title)
    print_table(section.columns, [[row[column] for column in section.columns] for row in shown])
    _print_rest(len(rows), is_whole)
    echo(f"{section.hint}\n" if section.hint else "")


def _brief(rows: list[Row], is_whole: bool) -> list[Row]:
    return rows[:_BRIEF] if _is_cut(len(rows), is_whole) else rows


def _is_cut(number: int, is_whole: bool) -> bool:
    """One or two more rows take no more room than the line that says that they are left out."""
    return not is_whole and number > _BRIEF + 2


def _print_rest(number: int, is_whole: bool) -> None:
    if _is_cut(number, is_whole):
        echo(f"... and {number - _BRIEF} more: --all")


def _print_run(run: Mapping[str, Any]) -> None:
    from sync.run.parts import has_died

    if run["is_alive"]:
        echo(f"contact-sync run, process {run['pid']}")
    else:
        echo(f"contact-sync run: {'DIED, start it again' if has_died(run) else 'stopped'}")
    if run["is_alive"] or has_died(run):
        rows = [
            (name, part["state"], part["since"], _cut(" ".join(part["detail"].split())))
            for name, part in run["parts"].items()
        ]
        print_table(("part", "state", "since", "detail"), rows)
    echo()


def _cut(text: str) -> str:
    return text if len(text) <= _DETAIL else f"{text[: _DETAIL - 1]}…"


def status_json(status: Status) -> dict[str, Any]:
    """The status as data: `verdict`, `findings`, `build`, `run`, `unready` (why, by destination),
    and one list per section, empty ones included.
    """
    return {
        "verdict": status.level,
        "findings": [one.as_json() for one in status.findings],
        "build": status.build,
        "run": status.run,
        "unready": status.unready,
        **status.sections,
    }
