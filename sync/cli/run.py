"""`contact-sync run`: receives, builds and pushes, until stopped."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import click

from sync.cli.main import cli, stop_on_signals
from sync.cli.measured import measured
from sync.cli.options import (
    DURATION,
    ParsedType,
    Project,
    guard_options,
    profile_options,
    publish_option,
    receiver_options,
    shortened,
)
from sync.cli.receive import needs_receiver
from sync.errors import ConfigError

if TYPE_CHECKING:
    from sync.delivery.guard import Limits
    from sync.run.schedule import Moment


def _moment(text: str, *, is_weekly: bool) -> Moment:
    from sync.run.schedule import Moment

    try:
        moment = Moment.parse(text)
    except ValueError:
        moment = None
    if moment is None or (moment.weekday is not None) != is_weekly:
        example = "'sunday 04:00'" if is_weekly else "03:00"
        raise ValueError(f"{shortened(text)} is not a time (UTC) like {example}")
    return moment


@cli.command()
@profile_options
@receiver_options(
    host="Address to listen on.",
    port="Port to listen on; 0: a free one.",
    unsigned="As of `contact-sync receive`; may be repeated.",
)
@click.option(
    "--no-receiver", is_flag=True, help="Another process receives; only build and push here."
)
@click.option(
    "--every",
    type=DURATION,
    help="A frequent build at least so often.  [default: on BigQuery 2m; on DuckDB only when "
    "something landed]",
)
@click.option(
    "--daily",
    type=ParsedType("time", partial(_moment, is_weekly=False)),
    metavar="HH:MM",
    default="03:00",
    help="When the daily build runs, UTC.",
)
@click.option(
    "--weekly",
    type=ParsedType("time", partial(_moment, is_weekly=True)),
    metavar="'DAY HH:MM'",
    default="sunday 04:00",
    help="When the weekly build runs, UTC.",
)
@guard_options
@publish_option
@measured(is_long=True)
def run(
    project: Project,
    host: str,
    port: int,
    unsigned: tuple[str, ...],
    no_receiver: bool,
    every: timedelta | None,
    daily: Moment,
    weekly: Moment,
    limits: Limits,
    publish: bool,
) -> None:
    """Do all of it, until stopped: receive webhooks, build when something landed, push.

    One process in place of `receive` and of the schedule: a refusal that is posted here is on the
    platforms' lists within seconds. Builds run in a process of their own; a build or a platform
    that fails is tried again, and never stops the receiver. What each part does is said in a line,
    at GET /healthz and in `contact-sync status`. Where CONTACT_SYNC_ALERT_URLS is set, it tells
    people what is wrong, as `contact-sync alert` does; where OTEL_EXPORTER_OTLP_ENDPOINT is set,
    it sends metrics every minute (docs/metrics.md); where CONTACT_SYNC_REPORT_TOKEN is set, GET
    /report shows the page of `contact-sync report`. SIGTERM or Ctrl-C ends it within 30 s; nothing
    that was answered is lost.

    \b
    Exit codes:
      0  stopped as asked
      1  the receiver ended by itself
      2  usage or configuration, or another run is at work on this warehouse

    \b
    Examples:
      contact-sync run --port 8080
      contact-sync run --no-receiver --every 2m --daily 02:30
    """
    from sync.alerts.channels import read_channels
    from sync.run.line import make_line
    from sync.run.loop import Times
    from sync.run.service import run

    place = project.place()
    if not (place.project / "dbt_project.yml").is_file():
        raise ConfigError(
            f"There is no dbt_project.yml in {place.project}. Name its folder with --project-dir."
        )
    least = every or (None if place.target.engine == "duckdb" else timedelta(minutes=2))
    server = None
    if not no_receiver:
        needs_receiver()
        from sync.receiver.settings import read_settings
        from sync.run.receiver import server_of

        settings = read_settings(os.environ, unsigned=unsigned)
        page = None
        if settings.report_tokens:
            from sync.run.page import Page

            page = Page(place)
        server = server_of(settings, place.target, place.project, host=host, port=port, page=page)
    channels = read_channels(os.environ)
    stop, _ = stop_on_signals()
    times = Times(daily, weekly, least)
    tell = make_line().tell
    run(
        place,
        times,
        limits,
        stop,
        tell=tell,
        server=server,
        is_published=publish,
        channels=channels,
    )
