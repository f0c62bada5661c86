"""`contact-sync scrub`: who of a file may be contacted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sync.cli.main import cli
from sync.cli.options import CHANNEL, DURATION, FILE, Project, output_option, warehouse_options
from sync.cli.tables import show
from sync.terminal import echo

if TYPE_CHECKING:
    from sync.reports.scrub import Scrubbed


@cli.command()
@warehouse_options
@click.argument("file", type=FILE)
@click.option(
    "--column",
    metavar="NAME",
    help="Header of the column that holds the address.  [default: recognized, as email or phone]",
)
@click.option(
    "--channel", type=CHANNEL, help="Whose suppression list counts.  [default: told by the column]"
)
@click.option(
    "--may",
    type=FILE,
    metavar="FILE",
    help="Who may be contacted.  [default: FILE's name with .may.csv]",
)
@click.option(
    "--may-not",
    type=FILE,
    metavar="FILE",
    help="Who may not, with reason and since.  [default: FILE's name with .may-not.csv]",
)
@click.option(
    "--hashed-in",
    type=click.Choice(["sha256", "md5"]),
    help="The column holds hex digests of the normalized address, as ad platforms exchange them.",
)
@click.option(
    "--hashed-out",
    type=click.Choice(["sha256"]),
    help="Write such digests in place of the address; of what is no address, nothing.",
)
@click.option(
    "--max-age", type=DURATION, default="26h", help="Oldest build whose list may be relied on."
)
@output_option
def scrub(project: Project, file: Path, output: str, **options: Any) -> None:
    """Split a file of recipients into who may be contacted and who may not, before a send.

    FILE is a CSV, also gzipped, with a header; comma, semicolon or tab between the fields. All
    columns stay as they are. What cannot be read as an address may not be contacted. Nothing is
    written where the newest build failed or is older than --max-age: its list may lack a refusal.

    \b
    Exit codes:
      0  both files are written
      2  usage or configuration, or a file that cannot be read
      3  the list cannot be relied on, nothing is written
      4  a build, or another program, had DuckDB's file for longer than --wait

    \b
    Examples:
      contact-sync scrub recipients.csv
      contact-sync scrub audience.csv.gz --column em --channel email --hashed-in sha256
    """
    from sync.reports.scrub import Options, Scrubbed, scrub

    # Never a copy: its list may lack a refusal.
    warehouse = project.open(read_only=True)
    how = Options(country=project.country(), **options)
    done = scrub(warehouse, file, how, os.environ)
    show(output, done, print_scrubbed, Scrubbed.as_json)


def print_scrubbed(done: Scrubbed) -> None:
    """The counts, by reason, and where the rows are."""
    echo(f"{done.rows:,} rows, by the {done.channel} addresses of {done.column}")
    echo(f"  may      {done.rows - done.refused:>10,}  {done.may}")
    echo(f"  may not  {done.refused:>10,}  {done.may_not}")
    for reason, count in done.reasons.items():
        echo(f"           {count:>10,}  {reason}")
