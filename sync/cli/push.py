"""`contact-sync push`: sends what is pending."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from sync.cli.main import cli, stop_on_signals
from sync.cli.measured import measured
from sync.cli.options import (
    Project,
    guard_options,
    output_option,
    selection_options,
    warehouse_options,
)
from sync.cli.tables import print_json, show
from sync.errors import SyncError
from sync.terminal import echo

if TYPE_CHECKING:
    from sync.delivery.guard import Limits
    from sync.delivery.report import Report
    from sync.delivery.shard import Shard
    from sync.destinations.base import Request
    from sync.profile import Target
    from sync.warehouse.base import Warehouse

# Addresses of one body that a dry run prints as text; JSON has them all.
_SHOWN_ADDRESSES = 3


@cli.command()
@warehouse_options
@selection_options
@click.option(
    "--plan",
    "plan_hash",
    metavar="HASH",
    help="Send exactly the set that `plan` printed this hash of; overrides the guard.",
)
@click.option("--dry-run", is_flag=True, help="Print the requests, send and record nothing.")
@guard_options
@output_option
@measured()
def push(
    project: Project,
    destinations: tuple[str, ...],
    limit: int | None,
    shard: Shard | None,
    plan_hash: str | None,
    dry_run: bool,
    limits: Limits,
    output: str,
) -> None:
    """Send what is pending to the platforms, and record each answer in the ledger.

    A run that is cut off loses nothing: what is not recorded is sent again by the next one. Where
    OTEL_EXPORTER_OTLP_ENDPOINT is set, it sends metrics when it ends (docs/metrics.md; the extra
    `metrics`).

    \b
    Exit codes:
      0    all confirmed or accepted     3    stopped by the guard: nothing sent, or nobody freed
      1    something rejected or failed  4    another run holds the lock, or another program
                                             the database file
      2    usage or configuration        143  stopped by SIGTERM, in-flight work recorded

    \b
    Examples:
      contact-sync push
      contact-sync push --plan 120-9f86d081884c7d65
      contact-sync push --destination sendgrid --limit 10 --dry-run
      contact-sync push --shard 1/4
    """
    from sync.delivery.dry_run import dry_run_requests
    from sync.delivery.push import push
    from sync.delivery.report import Options
    from sync.delivery.shard import Shard
    from sync.metrics.state import measure_state
    from sync.progress import make_progress

    warehouse = project.open(read_only=dry_run)
    part = shard or Shard.of_environment(os.environ)
    options = Options(destinations, limit, plan_hash, limits, part)
    if dry_run:
        requests = dry_run_requests(warehouse, options, os.environ)
        if output == "json":
            print_json({"requests": [request_json(*pair) for pair in requests]})
        else:
            for name, request in requests:
                print_request(name, request)
            click.echo("Dry run: nothing was sent.")
        return
    unseen = _land_returned(project.target, warehouse)
    stop, signals = stop_on_signals()
    with make_progress() as progress:
        report = push(warehouse, options, os.environ, progress=progress, stop=stop)
    show(output, report, print_report, report_json)
    # After the push: what ends that as well is said once, by it.
    if unseen is not None:
        click.echo(f"Error: nobody looked for the forgotten who may be back: {unseen}", err=True)
    measure_state(project.target)
    # Ctrl-C ends as shells expect it, SIGTERM with the code of design section 8.
    is_interrupted = signal.SIGINT in signals and report.exit_code == 143
    unlooked = 0 if unseen is None else unseen.exit_code
    sys.exit(130 if is_interrupted else report.exit_code or unlooked)


def _land_returned(target: Target, warehouse: Warehouse) -> SyncError | None:
    """Looks for the forgotten who came back; gives what kept it from looking, else None.

    What is pending is sent all the same: a missing key must not keep suppressions back.
    """
    from sync.privacy.returns import land_returned

    try:
        landed = land_returned(target, warehouse, os.environ)
    except SyncError as error:
        return error
    if landed:
        click.echo(
            f"{landed:,} refusals of people who were forgotten landed again, for they came back: "
            "run `dbt build`.",
            err=True,
        )
    return None


def print_report(report: Report) -> None:
    """What was sent, per destination; errors go to standard error."""
    for part in report.parts:
        echo(f"{part.destination}: {part.summary}")
        for warning in part.warnings:
            echo(f"Warning: {warning}")
        if part.held_policy:
            echo(
                f"{part.destination}: {part.held_policy:,} releases that no event explains (reason "
                "policy) were left out: they are sent by `push --plan HASH` only"
            )
        if part.held is not None:
            echo(f"Error: {part.held}", err=True)
        if part.error is not None:
            echo(f"Error: {part.error}", err=True)
        elif part.failure is not None:
            echo(
                f"{part.destination}: failed items are tried again by the next run; the last: "
                f"{part.failure}",
                err=True,
            )
        if part.tally.rejected:
            echo(
                f"{part.destination}: `contact-sync status` shows why items were rejected", err=True
            )


def report_json(report: Report) -> dict[str, Any]:
    """The report as data."""
    return {
        "run_id": report.run_id,
        "plan": report.plan_hash,
        "exit_code": report.exit_code,
        "destinations": [
            {
                "destination": part.destination,
                "status": part.status,
                "exit_code": part.exit_code,
                "items": part.items,
                **asdict(part.tally),
                "held_policy": part.held_policy,
                "warnings": part.warnings,
                "calls": part.calls,
                "rate_limited": part.refusals,
                "seconds": round(part.seconds, 3),
                "failure": part.failure,
                "held": None if part.held is None else str(part.held),
                "error": None if part.error is None else str(part.error),
            }
            for part in report.parts
        ],
    }


def print_request(destination: str, request: Request) -> None:
    """A request of a dry run in one line; of a long body the first addresses."""
    content = [f"{name}={value}" for name, value in request.form] or request.json
    body = "" if content is None else f" {json.dumps(_shortened(content))}"
    echo(f"{destination}: {request.method} {request.encoded_path()}{body}")


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, list) and len(value) > _SHOWN_ADDRESSES:
        return [*value[:_SHOWN_ADDRESSES], f"... and {len(value) - _SHOWN_ADDRESSES:,} more"]
    return value


def request_json(destination: str, request: Request) -> dict[str, Any]:
    """A request of a dry run as data."""
    return {
        "destination": destination,
        "method": request.method,
        "path": request.encoded_path(),
        "body": [list(pair) for pair in request.form] or request.json,
    }
