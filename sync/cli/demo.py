"""`contact-sync demo`: the whole loop on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from sync.cli.main import cli
from sync.cli.options import FOLDER


@cli.command()
@click.option(
    "--events",
    type=click.IntRange(100, 100_000_000),
    default=2000,
    help="How many webhook events to make up.",
)
@click.option(
    "--directory", type=FOLDER, default=Path(".demo"), help="Where the demo works; emptied first."
)
@click.option("--seed", type=int, default=1, help="Same seed, same events.")
@click.option(
    "--days",
    type=click.IntRange(2, 3),
    default=2,
    help="3: a third day, on which all other platforms are connected.",
)
@click.option("--keep", is_flag=True, help="Leave the sandbox running at the end.")
def demo(**options: Any) -> None:
    """Show the whole loop: webhooks land, dbt builds, a push, a second day.

    \b
    Examples:
      contact-sync demo
      contact-sync demo --days 3
      contact-sync demo --events 20000
    """
    from sync.demo import run

    sys.exit(run(**options))
