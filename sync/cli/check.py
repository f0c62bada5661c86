"""`contact-sync check`: whether the platforms will let a push do its work."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sync.cli.main import cli
from sync.cli.options import Project, destinations_option, output_option, warehouse_options
from sync.cli.tables import named, show
from sync.terminal import echo

if TYPE_CHECKING:
    from sync.delivery.check import Checked


@cli.command()
@warehouse_options
@destinations_option
@output_option
def check(project: Project, destinations: tuple[str, ...], output: str) -> None:
    """Verify credentials, rights and scopes of the destinations, before the night's run does.

    Harmless calls only: nothing is changed at any platform, nothing is recorded.

    \b
    Exit codes:
      0  every destination can be pushed to
      1  a platform refuses a credential, a right or a scope
      2  usage or configuration

    \b
    Example:
      contact-sync check --destination postmark
    """
    from sync.delivery.check import check
    from sync.scratch import readable_by_others

    warehouse = project.open(read_only=True)
    found = check(warehouse, destinations, os.environ)
    show(output, found, print_check, check_json)
    for path in readable_by_others(Path(".env"), *warehouse.local_files()):
        echo(f"Warning: other users of this machine may read {path}: chmod go= {path}", err=True)
    if any(one.is_configuration for one in found):
        sys.exit(2)
    sys.exit(0 if all(one.is_ok for one in found) else 1)


def print_check(found: Sequence[Checked]) -> None:
    """A line per probe, and what to do about those that failed."""
    if not found:
        echo("No destination is enabled in seeds/destinations.csv.")
    for one in found:
        echo(f"{named(one)}: {'ready' if one.is_ok else 'NOT READY'}")
        for finding in one.findings:
            echo(f"  {'ok     ' if finding.error is None else 'missing'} {finding.probe}")
            if finding.error is not None:
                echo(f"          {finding.error}")
        for warning in one.warnings:
            echo(f"  Warning: {warning}")


def check_json(found: Sequence[Checked]) -> dict[str, Any]:
    """The findings as data."""
    return {
        "destinations": [
            {
                "destination": one.destination,
                "place": one.place,
                "ok": one.is_ok,
                "warnings": one.warnings,
                "findings": [asdict(finding) for finding in one.findings],
            }
            for one in found
        ]
    }
