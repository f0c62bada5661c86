"""`contact-sync plan`: what a push would send."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, Any

import click

from sync.cli.main import cli
from sync.cli.options import (
    Project,
    guard_options,
    output_option,
    selection_options,
    warehouse_options,
)
from sync.cli.tables import named, print_json, print_table, unknown_items
from sync.clock import duration
from sync.terminal import counted, echo

if TYPE_CHECKING:
    from sync.delivery.guard import Limits
    from sync.delivery.plan import DestinationPlan, Plan
    from sync.delivery.shard import Shard
    from sync.destinations.base import Item


@cli.command()
@warehouse_options
@selection_options
@guard_options
@click.option(
    "--rows",
    type=click.IntRange(0, 100_000),
    metavar="N",
    default=0,
    help="Name the first so many items of each platform, the most urgent first, with addresses.",
)
@output_option
def plan(
    project: Project,
    destinations: tuple[str, ...],
    limit: int | None,
    shard: Shard | None,
    limits: Limits,
    rows: int,
    output: str,
) -> None:
    """Show what a push would send, and a hash of exactly that.

    Per destination: items by action and reason, calls, time at the platform's limit, and what the
    guard would say. Nothing is sent, no credential is needed.

    \b
    Examples:
      contact-sync plan --destination sendgrid
      contact-sync plan --rows 20
    """
    from sync.delivery.plan import make_plan
    from sync.delivery.shard import Shard

    warehouse = project.open(read_only=True)
    part = shard or Shard.of_environment(os.environ)
    made = make_plan(
        warehouse, destinations, limits, os.environ, limit=limit, shard=part, rows=rows
    )
    if output == "json":
        print_json(plan_json(made))
    else:
        options: list[tuple[str, object]] = [("--destination", name) for name in destinations]
        options += [("--limit", limit), ("--shard", shard), *project.options]
        given = (f" {name} {shlex.quote(str(value))}" for name, value in options if value)
        print_plan(made, "".join(given))
    if any(part.problem for part in made.destinations):
        sys.exit(2)


def print_plan(plan: Plan, options: str = "") -> None:
    """The plan as a table per destination, the guard's verdict and the next command.

    options: those of the plan that a push of it needs too.
    """
    for part in plan.destinations:
        _print_destination_plan(part)
    faults = plan.guard + [fault for part in plan.destinations for fault in part.guard]
    echo(f"Plan {plan.hash}")
    if faults:
        echo("The guard would stop `contact-sync push`:")
        for fault in faults:
            echo(f"  - {fault}")
    held = [fault for part in plan.destinations for fault in part.held]
    if held:
        echo(f"The guard would hold back what would free people: {'; '.join(held)}")
    items = sum(part.items for part in plan.destinations)
    if items:
        echo(f"Send exactly this: contact-sync push{options} --plan {plan.hash}")
    else:
        echo("Nothing to send.")


def _print_destination_plan(part: DestinationPlan) -> None:
    if part.problem:
        echo(f"{part.destination}: {part.problem}")
        return
    for warning in part.warnings:
        echo(f"Warning: {warning}")
    if part.unknown:
        echo(f"{named(part)}: {unknown_items(part.unknown)}")
    if not part.counts:
        echo(f"{named(part)}: nothing to send\n")
        return
    echo(
        f"{named(part)}: {part.items:,} to send, about {counted(part.calls, 'call')}, "
        f"about {duration(part.seconds)}"
    )
    print_table(
        ("channel", "scope", "action", "reason", "items"),
        [
            (count.channel, count.scope, count.action, count.reason, count.items)
            for count in part.counts
        ],
    )
    if part.first:
        echo("the first of them:" if len(part.first) < part.items else "all of them:")
        print_table(ROW_COLUMNS, [[*_row(item).values()] for item in part.first])
    echo()


#: What is told of an item; a profile has no address.
ROW_COLUMNS = (
    "action", "reason", "channel", "scope", "address", "contact_id", "event_timestamp", "event_id",
)  # fmt: skip


def _row(item: Item) -> dict[str, Any]:
    return {name: getattr(item, name) for name in ROW_COLUMNS}


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan as data."""
    return {
        "hash": plan.hash,
        "guard": plan.guard + [fault for part in plan.destinations for fault in part.guard],
        "held": [fault for part in plan.destinations for fault in part.held],
        "destinations": [
            {
                "destination": part.destination,
                "place": part.place,
                "items": part.items,
                "unknown": part.unknown,
                "calls": part.calls,
                "seconds": round(part.seconds, 1),
                "guard": part.guard,
                "held": part.held,
                "warnings": part.warnings,
                "problem": part.problem,
                "counts": [
                    {
                        "channel": count.channel,
                        "scope": count.scope,
                        "action": count.action,
                        "reason": count.reason,
                        "items": count.items,
                    }
                    for count in part.counts
                ],
                "rows": [_row(item) for item in part.first],
            }
            for part in plan.destinations
        ],
    }
