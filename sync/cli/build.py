"""`contact-sync build`: a schedule's `dbt build`, one line of output."""

from __future__ import annotations

from datetime import timedelta

import click

from sync.cli.main import cli
from sync.cli.measured import measured
from sync.cli.options import DURATION, Project, profile_options, publish_option
from sync.errors import SyncError
from sync.terminal import echo

#: The selectors of selectors.yml, and everything there is.
SELECTIONS = ("frequent", "daily", "weekly", "everything")


@cli.command()
@profile_options
@click.argument(
    "selection", metavar="[SELECTION]", type=click.Choice(SELECTIONS), default="frequent"
)
@click.option("--wait", type=DURATION, default="5m", help="How long to wait for another build.")
@click.option("--full-refresh", is_flag=True, help="Make every table anew from all that landed.")
@publish_option
@measured()
def build(
    project: Project, selection: str, wait: timedelta, full_refresh: bool, publish: bool
) -> None:
    """Run `dbt build` for a schedule: one build at a time, one line of output.

    SELECTION: frequent (every few minutes: what a push needs), daily, weekly, or everything. After
    a change of code, seeds or vars everything is built, whatever was asked for. What dbt says in
    detail goes to logs/build.log.

    \b
    Exit codes:
      0  all was built, and its tests passed
      1  a model or a test failed: nothing will be pushed on this build
      2  usage or configuration
      4  another build, or a reader of the database file, was not done in time; nothing was built

    \b
    Examples:
      contact-sync build
      contact-sync build daily --wait 30m
    """
    from sync.build import build, dbt_command, measure

    place = project.place()
    try:
        done = build(
            selection,
            project=place.project,
            lock=place.lock,
            options=[*place.options, *(["--full-refresh"] if full_refresh else [])],
            wait=wait,
            announce=lambda text: echo(text, err=True),
            waiting=lambda text: echo(text, err=True) if text else None,
            dbt=dbt_command,
            database=place.database,
        )
    except SyncError as error:
        measure(selection, error)
        raise
    measure(selection, done)
    echo(str(done))
    if publish and place.database is not None:
        from sync.warehouse.published import publish as publish_copy

        try:
            publish_copy(place.database, wait=wait, schema=place.target.schema, parquet=())
        except SyncError as error:
            # The build is what it is; readers have the copy of the one before.
            echo(f"Not published: {error}", err=True)
