"""`contact-sync segment`: who is in an audience."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sync.cli.main import cli
from sync.cli.options import DURATION, Project, output_option, warehouse_options
from sync.cli.tables import print_json, print_table, show
from sync.terminal import echo

if TYPE_CHECKING:
    from sync.reports.segment import Written


@cli.command()
@warehouse_options
@click.argument("name", required=False)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where the members go: CSV, or Parquet where FILE ends with .parquet.  "
    "[default: NAME.csv]",
)
@click.option(
    "--max-age", type=DURATION, default="26h", help="Oldest build whose list may be relied on."
)
@output_option
def segment(
    project: Project, output: str, name: str | None, out: Path | None, max_age: timedelta
) -> None:
    """Count the segments of seeds/segments.csv, or write the contacts of NAME to a file.

    A contact is in a segment where every row of it holds: `subscribed` (an act or a positive trait
    is known), `not_subscribed`, `unknown`, `suppressed` or `not_suppressed` on a channel. That
    somebody is not suppressed is no consent. The file is of the newest build: send from it at once,
    or write it anew.

    \b
    Exit codes:
      0  counted, or written
      2  usage or configuration
      3  the list cannot be relied on, nothing is written
      4  a build, or another program, had DuckDB's file for longer than --wait

    \b
    Examples:
      contact-sync segment
      contact-sync segment push_and_email_not_sms --out audience.csv
    """
    from sync.reports.segment import Written, read_segments, write_segment

    if name is None:
        if out is not None:
            raise click.UsageError("--out needs the NAME of a segment.")
        segments = read_segments(project.open_to_read(may_be_older=True))
        if output == "json":
            print_json([asdict(one) for one in segments])
        else:
            print_table(("segment", "contacts"), [(one.segment, one.contacts) for one in segments])
        return
    # Never a copy: its list may lack an opt-out.
    warehouse = project.open(read_only=True)
    done = write_segment(warehouse, name, out or Path(f"{name}.csv"), max_age)
    show(output, done, print_written, Written.as_json)


def print_written(done: Written) -> None:
    """How many, and where."""
    echo(f"{done.file}: {done.contacts:,} contacts of {done.segment}")
