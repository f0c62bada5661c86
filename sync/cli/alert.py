"""`contact-sync alert`: tells people when something is wrong, and when it is over."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from sync.cli.main import cli
from sync.cli.measured import measured
from sync.cli.options import Project, warehouse_options
from sync.errors import ConfigError
from sync.terminal import counted, echo

if TYPE_CHECKING:
    from sync.alerts.tell import Done

_HINT = "`apprise -vv --body test URL` says why."


@cli.command()
@warehouse_options
@click.option("--dry-run", is_flag=True, help="Print what would be told; tell and write nothing.")
@measured()
def alert(project: Project, dry_run: bool) -> None:
    """Tell people when an incident begins, again after 24 hours, and when it has ended.

    What is one are the rows of seeds/alert_rules.csv: a source that is silent, requests that are
    refused, a build that failed, a `contact-sync run` that died here, an opt-out that waits.
    Messages go to the URLs of Apprise in CONTACT_SYNC_ALERT_URLS (Slack, Teams, mail, PagerDuty
    ...: docs/alerts.md), and hold nobody's address. Run it from cron; `contact-sync run` does it
    by itself. Needs the extra `alert`: pip install 'contact-sync[alert]'.

    \b
    Exit codes:
      0  nothing to tell, or all told
      1  a channel took no message: the next run tells it
      2  usage or configuration
      4  a build, or another program, had DuckDB's file for longer than --wait

    \b
    Examples:
      contact-sync alert
      contact-sync alert --dry-run
    """
    from sync.alerts.channels import VARIABLE, read_channels
    from sync.alerts.tell import local_run, tell
    from sync.metrics.state import measure_state

    channels = read_channels(os.environ)
    if dry_run:
        _print_dry(project, [channel.name for channel in channels])
        return
    if not channels:
        raise ConfigError(
            f"{VARIABLE} is not set: put one or more URLs of Apprise into it, with blanks between "
            "them (docs/alerts.md). --dry-run needs none."
        )
    run = local_run(project.place())
    done = tell(project.open(read_only=False), channels, project.target.name, run)
    print_done(done)
    measure_state(project.target)
    sys.exit(1 if done.failed else 0)


def print_done(done: Done) -> None:
    """What was told, and who did not take it."""
    for channel, message in done.told:
        echo(f"{channel}: {message.title}")
    for channel in done.failed:
        echo(f"{channel} took no message; the next run tells it. {_HINT}", err=True)
    if done.is_another_at_work:
        echo("Another run is telling it.")
    elif not done.told and not done.failed:
        lasting = f", {counted(done.lasting, 'incident')} known" if done.lasting else ""
        echo(f"Nothing to tell{lasting}.")


def _print_dry(project: Project, channels: list[str]) -> None:
    from sync.alerts.tell import local_run, look
    from sync.alerts.words import message_of

    # Without a channel, all that holds is what a new one would be told.
    news, _ = look(
        project.open(read_only=True), channels or ["a new channel"], local_run(project.place())
    )
    for channel, items in news.items():
        for one in items:
            message = message_of(one, project.target.name)
            echo(f"{channel}: {message.title}")
            echo("".join(f"  {line}\n" for line in message.body.splitlines()))
    if not any(news.values()):
        echo("Nothing to tell.")
