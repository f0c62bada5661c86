"""`contact-sync forget`: erases a person, keeps the refusal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from sync.cli.main import cli
from sync.cli.options import Project, output_option, warehouse_options
from sync.cli.tables import print_json, print_table, show
from sync.terminal import echo

if TYPE_CHECKING:
    from sync.privacy.forget import Forgotten


@cli.command()
@click.argument("person", required=False)
@click.option(
    "--returned",
    is_flag=True,
    help="Look for the forgotten among those who were named since; their refusals land again. "
    "`push` and `backfill` do it by themselves.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be erased; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@warehouse_options
@output_option
def forget(
    person: str | None, returned: bool, dry_run: bool, yes: bool, project: Project, output: str
) -> None:
    """Erase PERSON, by address or external_id, and keep the refusal.

    What landed, events, state, history and profile are taken out, and the ledger keeps its rows
    under no name. What the person refused stays as a keyed hash (CONTACT_SYNC_FORGET_KEY): should
    the address come back, it is suppressed again. Platforms keep what they were told. Let no build
    run meanwhile. It cannot be undone.

    \b
    Examples:
      contact-sync forget noa@example.com --dry-run
      contact-sync forget user-4711 --yes
      contact-sync forget --returned
    """
    from sync.privacy.forget import forget
    from sync.privacy.returns import land_returned
    from sync.progress import make_steps

    if (person is None) != returned:
        raise click.UsageError("Name a person, or say --returned.")
    warehouse = project.open(read_only=dry_run)
    if person is None:
        with make_steps() as steps:
            steps.begin("the forgotten among those who were named since")
            landed = land_returned(project.target, warehouse, os.environ)
        if output == "json":
            print_json({"landed": landed})
        else:
            click.echo(f"{landed:,} refusals of the forgotten landed again.")
        return
    if not (yes or dry_run):
        click.confirm("This cannot be undone. Erase the person?", abort=True, err=True)
    with make_steps() as steps:
        done = forget(
            project.target,
            warehouse,
            person,
            os.environ,
            dry_run=dry_run,
            country=project.country(),
            steps=steps,
        )
    show(output, done, print_forgotten, forgotten_json)


def print_forgotten(done: Forgotten) -> None:
    """What was taken out, without a name."""
    if done.is_unknown:
        echo("Nothing of this person is here.")
        return
    if done.is_dry_run:
        echo("Dry run: nothing is changed. It would be:")
    names = ", ".join(f"{count} {kind}" for kind, count in done.names.items())
    echo(f"Known by: {names or 'nothing'}; {done.refusals} refusals are kept by their hash.")
    if done.shared:
        echo(f"{done.shared} addresses are other contacts' too, and stay theirs.")
    if done.landed or done.logs:
        echo(f"Taken out of {done.landed:,} landed deliveries, {done.logs:,} log lines.")
    if done.tables:
        print_table(("table", "rows"), sorted(done.tables.items()))


def forgotten_json(done: Forgotten) -> dict[str, Any]:
    """The same as data."""
    return {
        "names": dict(done.names),
        "refusals": done.refusals,
        "shared": done.shared,
        "landed": done.landed,
        "logs": done.logs,
        "tables": dict(done.tables),
        "dry_run": done.is_dry_run,
    }
