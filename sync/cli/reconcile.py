"""`contact-sync reconcile`: whether a platform's lists hold what they should."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sync.cli.main import cli, stop_on_signals
from sync.cli.options import FILE, Project, guard_options, output_option, warehouse_options
from sync.cli.push import print_report, report_json
from sync.cli.tables import print_table, print_unread, show, unknown_items, unread_json
from sync.terminal import echo

if TYPE_CHECKING:
    from sync.delivery.guard import Limits
    from sync.lists.command import Reconciled


@cli.command()
@warehouse_options
@click.option("--destination", "name", required=True, metavar="NAME", help="The platform.")
@click.option(
    "--repair", is_flag=True, help="Put there what is missing, through the ledger like a push."
)
@click.option(
    "--adopt", "with_adoption", is_flag=True, help="Land what is foreign there, as events."
)
@click.option(
    "--csv", "csv_file", type=FILE, metavar="FILE", help="Write every difference to this file."
)
@guard_options
@output_option
def reconcile(
    project: Project,
    name: str,
    repair: bool,
    with_adoption: bool,
    csv_file: Path | None,
    limits: Limits,
    output: str,
) -> None:
    """Compare what a platform's lists hold with what they should, and with the ledger.

    Names what is missing there, removed behind our back, foreign there, or filed under another
    reason, and lists that are gone. A list that cannot be read is named, and
    the others are compared. It never releases anybody.

    \b
    Exit codes:
      0  no difference, or all of them repaired and adopted
      1  differences are left, or a list could not be read
      2  usage or configuration        3  the guard stopped the repair, nothing was sent

    \b
    Examples:
      contact-sync reconcile --destination sendgrid --csv differences.csv
      contact-sync reconcile --destination sendgrid --adopt --repair
    """
    from sync.lists.command import reconcile
    from sync.progress import Counter, Quiet, make_progress, make_steps

    warehouse = project.open(read_only=not repair)
    stop, _ = stop_on_signals()
    steps = make_steps()
    is_quiet = isinstance(steps, Quiet)
    done = reconcile(
        project.target,
        warehouse,
        name,
        os.environ,
        repairs=repair,
        adopts=with_adoption,
        csv_file=csv_file,
        limits=limits,
        advance=Counter(f"entries of {name} read").advance if is_quiet else steps.advance,
        steps=steps,
        progress=make_progress(),
        stop=stop,
        tombstones=project.tombstones(),
    )
    show(output, done, print_reconciled, reconciled_json)
    sys.exit(done.exit_code)


def print_reconciled(done: Reconciled) -> None:
    """Counts and examples of the differences, and what was done about them."""
    from sync.lists.reconcile import KINDS

    found = done.comparison
    echo(
        f"{found.destination}: {found.wanted:,} should be there, {found.entries:,} entries are; "
        + (f"{found.items:,} to settle" if found.items else "no difference")
    )
    if found.differences:
        print_table(
            ("channel", "scope", "difference", "items", "meaning", "for example"),
            [
                (
                    one.channel,
                    one.scope,
                    one.kind,
                    one.items,
                    KINDS[one.kind],
                    ", ".join(one.examples),
                )
                for one in found.differences
            ],
        )
    if found.unknown:
        echo(f"{found.destination}: {unknown_items(found.unknown)}")
    print_unread(found.destination, found.unread)
    if found.forgotten:
        echo(f"{found.forgotten:,} entries are of people who were forgotten: no difference")
    if done.written is not None:
        echo(f"{done.written:,} rows written to {done.csv_file}")
    if done.adopted:
        echo(f"{done.adopted:,} foreign entries landed as events: run `dbt build`")
    if done.report is not None:
        print_report(done.report)
    if found.items and not (done.adopted or done.report):
        echo("Next: the same with --repair, --adopt, or both; then `dbt build`.")


def reconciled_json(done: Reconciled) -> dict[str, Any]:
    """The same as data."""
    found = done.comparison
    return {
        "destination": found.destination,
        "wanted": found.wanted,
        "entries": found.entries,
        "forgotten": found.forgotten,
        "unknown": found.unknown,
        "unreadable": unread_json(found.unread),
        "items": found.items,
        "differences": [one._asdict() for one in found.differences],
        "adopted": done.adopted,
        "repair": None if done.report is None else report_json(done.report),
        "exit_code": done.exit_code,
    }
