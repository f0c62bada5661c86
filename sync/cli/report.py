"""`contact-sync report`: one page for those who do not use a terminal."""

from __future__ import annotations

import os
from pathlib import Path

import click

from sync.cli.main import cli
from sync.cli.options import Project, warehouse_options
from sync.terminal import echo


@cli.command()
@warehouse_options
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    default=Path("report.html"),
    help="Where the page goes.",
)
def report(project: Project, out: Path) -> None:
    """Write one page that says whether every opt-out is obeyed, and what needs a person.

    The page needs no network and no script, can be mailed and printed, and holds counts, nobody's
    address. Under each chart stands its table, and the query that made it. Needs the extra
    `report`: pip install 'contact-sync[report]'.

    \b
    Example:
      contact-sync report --out report.html
    """
    from sync.reports.page.report import read_report, write_report
    from sync.run.parts import read

    run = read(project.place().state)
    found = read_report(project.open_to_read(may_be_older=True), os.environ, run)
    write_report(found, out)
    echo(f"{out}: {found.status.level}, {out.stat().st_size / 1e3:,.0f} kB")
