"""`contact-sync publish`: a copy of the marts for readers."""

from __future__ import annotations

import click

from sync.cli.main import cli
from sync.cli.options import Project, warehouse_options
from sync.errors import ConfigError
from sync.terminal import echo


@cli.command()
@warehouse_options
@click.option("--parquet", is_flag=True, help="Write each mart as a Parquet file, too.")
def publish(project: Project, parquet: bool) -> None:
    """Copy DuckDB's file for readers, who then keep no build waiting and wait for none.

    `contact-sync build` and `run` do this by themselves; after a plain `dbt build`, run this. The
    copy is DATABASE.published/DATABASE, replaced in one step: a program that has it open keeps
    what it opened. --parquet adds a file per mart beside it, for programs that cannot open this
    version of DuckDB's files; they are as of this command, not of later builds.

    \b
    Example:
      contact-sync publish --parquet
    """
    from sync.warehouse.published import publish

    place = project.place()
    if place.database is None:
        raise ConfigError(
            f"Target {place.target.name!r} is no DuckDB file: its readers need no copy."
        )
    # What the commands show of them is in folders of its own.
    names = sorted(path.stem for path in place.project.glob("models/marts/*.sql"))
    if parquet and not names:
        raise ConfigError(
            f"There are no marts in {place.project}. Name the folder of dbt_project.yml with "
            "--project-dir."
        )
    done = publish(
        place.database,
        wait=project.wait,
        schema=place.target.schema,
        parquet=[*names, "contact_state"] if parquet else (),
    )
    echo(f"{done.path}: {done.size / 1e6:,.1f} MB in {done.seconds:.1f} s")
    for file in done.parquet:
        echo(f"{file}: {file.stat().st_size / 1e6:,.1f} MB")
