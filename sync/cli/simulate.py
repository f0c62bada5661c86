"""`contact-sync simulate`: what a change of seeds or vars would do before it is merged."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sync.cli.main import cli
from sync.cli.options import FOLDER, ParsedType, Project, output_option, warehouse_options
from sync.cli.tables import print_table, show
from sync.errors import ConfigError
from sync.terminal import echo

if TYPE_CHECKING:
    from sync.simulation.simulate import Simulated


def _variables(text: str) -> dict[str, Any]:
    try:
        variables = json.loads(text)
    except json.JSONDecodeError:
        variables = None
    if not isinstance(variables, dict):
        raise ValueError("it is no JSON object like '{\"unengaged_window_days\": 60}'")
    if set(variables) & {"as_of", "is_simulation"}:
        raise ValueError("as_of and is_simulation are set by this command itself")
    return variables


@cli.command()
@warehouse_options
@click.option(
    "--seeds",
    type=FOLDER,
    metavar="DIR",
    help="A folder of changed seeds; of those that it lacks, the project's own are taken.",
)
@click.option(
    "--revision",
    metavar="REV",
    help="A git revision (branch, tag, commit) whose seeds, vars and models are taken.",
)
@click.option(
    "--vars",
    "variables",
    type=ParsedType("json", _variables),
    help="Changed variables of dbt_project.yml, as a JSON object.",
)
@click.option(
    "--rows",
    type=click.IntRange(0, 1000),
    metavar="N",
    default=0,
    help="Name the first N of each change. They are people: this prints their addresses.",
)
@click.option(
    "--max",
    "most",
    type=click.IntRange(0),
    metavar="N",
    help="Exit code 1 where more than N would be added to, or freed from, one list.",
)
@output_option
def simulate(
    project: Project,
    seeds: Path | None,
    revision: str | None,
    variables: dict[str, Any] | None,
    rows: int,
    most: int | None,
    output: str,
) -> None:
    """Show whom a change of seeds, vars or models would suppress or free, before it is merged.

    The project is built twice, as it stands and with the change, as of one instant and over the
    same events: in a copy of DuckDB's file, or in a dataset of BigQuery that is deleted afterwards.
    The real tables, the ledger and the platforms are not touched. Per list: who would be added,
    freed, or stand there for another reason.

    The change is built with a full refresh, so this takes as long as one (on BigQuery: two).

    \b
    Exit codes:
      0  done
      1  more than --max, or one of the builds failed
      2  usage or configuration
      4  another program did not let go of the database file in time

    \b
    Examples:
      contact-sync simulate --seeds changed/ --rows 5
      contact-sync simulate --revision my-branch --max 1000
      contact-sync simulate --vars '{"unengaged_window_days": 60}'
    """
    if seeds is None and revision is None and not variables:
        raise ConfigError("Say what would change: --seeds, --revision or --vars.")
    if seeds is not None and revision is not None:
        raise ConfigError("A revision has seeds of its own: give --seeds or --revision, not both.")
    done = _simulated(project, seeds, revision, variables or {}, rows)
    show(output, done, _print, _data)
    if most is not None and done.most > most:
        echo(f"More than --max {most:,}: {done.most:,} on one list.", err=True)
        sys.exit(1)


def _simulated(
    project: Project,
    seeds: Path | None,
    revision: str | None,
    variables: dict[str, Any],
    rows: int,
) -> Simulated:
    import shutil

    from sync.clock import utc_now
    from sync.profile import dbt_variable
    from sync.scratch import new_folder
    from sync.simulation.project import as_it_stands, of_revision, with_seeds
    from sync.simulation.scratch import scratch
    from sync.simulation.simulate import simulate

    place = project.place()
    logs = Path(dbt_variable("LOG_PATH") or place.project / "logs")
    folder = new_folder()
    try:
        before = as_it_stands(place.project, folder / "before")
        if revision is not None:
            after = of_revision(place.project, folder / "after", revision)
        elif seeds is not None:
            after = with_seeds(place.project, folder / "after", seeds)
        else:
            after = as_it_stands(place.project, folder / "after")
        with scratch(
            place.target,
            folder,
            profiles_dir=project.profiles_dir,
            project=place.project,
            wait=project.wait,
        ) as made:
            return simulate(
                made,
                before=before,
                after=after,
                variables=variables,
                as_of=utc_now(),
                rows=rows,
                logs=logs,
                say=lambda text: echo(text, err=True),
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _print(done: Simulated) -> None:
    if not done.changes:
        echo("Nobody would be added or freed.")
    else:
        print_table(
            ("list", "channel", "scope", "reason", "added", "freed", "other reason"),
            [
                (c.destination, c.channel, c.scope, c.reason, c.added, c.freed, c.other_reason)
                for c in done.changes
            ],
        )
        echo()
    for change in done.changes:
        for what, subject in change.first:
            place = " ".join(filter(None, (change.destination, change.channel, change.scope)))
            echo(f"{what}: {subject} ({place}, {change.reason})")
    print_table(
        ("list", "channel", "scope", "before", "after"),
        [(one.destination, one.channel, one.scope, one.before, one.after) for one in done.lists],
    )


def _data(done: Simulated) -> dict[str, Any]:
    return {
        "as_of": done.as_of,
        "most": done.most,
        "lists": [
            {
                "list": one.destination,
                "channel": one.channel,
                "scope": one.scope,
                "before": one.before,
                "after": one.after,
            }
            for one in done.lists
        ],
        "changes": [
            {
                "list": change.destination,
                "channel": change.channel,
                "scope": change.scope,
                "reason": change.reason,
                "added": change.added,
                "freed": change.freed,
                "other_reason": change.other_reason,
                "rows": [{"what": what, "subject": subject} for what, subject in change.first],
            }
            for change in done.changes
        ],
    }
