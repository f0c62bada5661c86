"""The console command: a file for each command, with what it prints.

Options in, a function of the package called, its result printed.
"""

from sync.cli import (  # noqa: F401  (each adds its commands to the group)
    adopt,
    alert,
    backfill,
    build,
    check,
    demo,
    explain,
    forget,
    plan,
    publish,
    push,
    receive,
    reconcile,
    report,
    run,
    sandbox,
    scrub,
    segment,
    simulate,
    status,
    suppress,
)
from sync.cli.main import cli, main

__all__ = ["cli", "main"]
