"""`contact-sync status`: how things are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sync.cli.main import cli
from sync.cli.options import Project, output_option, warehouse_options
from sync.cli.tables import print_json, print_table
from sync.clock import duration
from sync.terminal import echo

if TYPE_CHECKING:
    from sync.reports.status import Status

#: Characters of what a part of a run says.
_DETAIL = 160


@cli.command()
@warehouse_options
@output_option
def status(project: Project, output: str) -> None:
    """Show builds, events, what could not be read, the list, the ledger and what is pending.

    \b
    Example:
      contact-sync status --output json
    """
    from sync.reports.status import read_status
    from sync.run.parts import read

    place = project.place()
    found = read_status(project.open_to_read(may_be_older=True), os.environ)
    run = read(place.state)
    if output == "json":
        print_json(status_json(found, run))
    else:
        print_status(found, run)


def print_status(status: Status, run: Mapping[str, Any] | None) -> None:
    """The sections that have rows, and what to do about them. run: as sync.run.parts.read says."""
    from sync.reports.status import SECTIONS

    build = status.build
    if build is None:
        echo("No build is recorded. Next: dbt build\n")
    else:
        verdict = "ok" if build["ok"] else "FAILED (or a test of it): run `dbt build`"
        echo(f"Newest build: {verdict}, {duration(build['age_seconds'])} ago\n")
    if run is not None:
        _print_run(run)
    if status.unready:
        echo("Cannot be pushed to from here")
        print_table(("destination", "why"), list(status.unready.items()))
        echo()
    for section in SECTIONS:
        rows = status.sections[section.key]
        if not rows:
            continue
        echo(section.title)
        print_table(section.columns, [[row[column] for column in section.columns] for row in rows])
        echo(f"{section.hint}\n" if section.hint else "")


def _print_run(run: Mapping[str, Any]) -> None:
    from sync.run.parts import OVER

    is_over = all(part["state"] in OVER for part in run["parts"].values())
    if run["is_alive"]:
        echo(f"contact-sync run, process {run['pid']}")
    else:
        echo("contact-sync run: stopped" if is_over else "contact-sync run: DIED, start it again")
    if run["is_alive"] or not is_over:
        rows = [
            (name, part["state"], part["since"], _cut(" ".join(part["detail"].split())))
            for name, part in run["parts"].items()
        ]
        print_table(("part", "state", "since", "detail"), rows)
    echo()


def _cut(text: str) -> str:
    return text if len(text) <= _DETAIL else f"{text[: _DETAIL - 1]}…"


def status_json(status: Status, run: Mapping[str, Any] | None) -> dict[str, Any]:
    """The status as data: `build`, `run`, `unready` (why, by destination), and one list per
    section, empty ones included.
    """
    return {"build": status.build, "run": run, "unready": status.unready, **status.sections}
