"""`contact-sync adopt`: takes over a platform's own lists."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from sync.cli.main import cli, stop_on_signals
from sync.cli.options import Project, output_option, warehouse_options
from sync.cli.tables import print_table, print_unread, show, unread_json
from sync.terminal import echo

if TYPE_CHECKING:
    from sync.lists.adopt import Adopted


@cli.command()
@warehouse_options
@click.option("--destination", "name", required=True, metavar="NAME", help="The platform.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="LIST",
    help="The platform's list (stream, domain, audience, group); may be repeated.  [default: those "
    "of the enabled rows of seeds/destinations.csv]",
)
@output_option
def adopt(project: Project, name: str, scopes: tuple[str, ...], output: str) -> None:
    """Take over a platform's own suppression lists, with their reasons and original dates.

    How a team starts, and how it moves from one platform to another. Bounces, complaints,
    unsubscribes and groups are read page by page and landed as events of that platform; the next
    build resolves them with everything else. Repeating it adds nothing, and what we put there
    ourselves is known by the ledger and decides nothing. A list that cannot be
    read is named, and the others are taken over.

    \b
    Exit codes:
      0  taken over, but for lists that the platform shows to nobody
      1  another list could not be read       2  usage, configuration, or no list to read

    \b
    Examples:
      contact-sync adopt --destination sendgrid
      contact-sync adopt --destination mailgun --scope mg.example.com
    """
    from sync.lists.adopt import adopt
    from sync.lists.reading import rows_of
    from sync.progress import Counter

    rows = rows_of(project.open(read_only=True), name, scopes)
    stop, _ = stop_on_signals()
    done = adopt(
        project.target,
        name,
        rows,
        os.environ,
        advance=Counter(f"entries of {name} landed").advance,
        stop=stop,
        tombstones=project.tombstones(),
    )
    show(output, done, print_adopted, adopted_json)
    sys.exit(done.exit_code)


def print_adopted(done: Adopted) -> None:
    """How many entries of which list were landed."""
    print_unread(done.destination, done.unread)
    if done.forgotten:
        echo(f"{done.destination}: {done.forgotten:,} entries are of people who were forgotten")
    if not done.entries:
        echo(f"{done.destination}: nothing else is on its lists, nothing was landed.")
        return
    echo(f"{done.destination}: {done.entries:,} entries landed as events of it")
    print_table(
        ("channel", "scope", "list", "entries"),
        [(*key, count) for key, count in done.counts.items()],
    )
    echo("They count from the next `dbt build`.")


def adopted_json(done: Adopted) -> dict[str, Any]:
    """The same as data."""
    lists = [
        {"channel": channel, "scope": scope, "list": listed_in, "entries": count}
        for (channel, scope, listed_in), count in done.counts.items()
    ]
    return {
        "destination": done.destination,
        "entries": done.entries,
        "forgotten": done.forgotten,
        "unreadable": unread_json(done.unread),
        "lists": lists,
    }
