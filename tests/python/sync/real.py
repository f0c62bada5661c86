"""The command over what dbt really builds: how tests run it, and what they read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.python.commands import Command
from tests.python.conftest import Warehouse
from tests.python.sync.world import KEY, SandboxClient


def run(
    warehouse: Warehouse, sandbox: SandboxClient, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """A command as a user runs it beside the database."""
    process = started(warehouse, sandbox, *arguments, **environment)
    out, errors = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


def environment_of(home: Path) -> dict[str, str]:
    """What every command needs, and nothing of the caller's."""
    return {"PATH": "", "HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[3])}


def started(
    warehouse: Warehouse, sandbox: SandboxClient, *arguments: str, **environment: str
) -> subprocess.Popen[str]:
    """The same, under way."""
    return Command(
        [sys.executable, "-m", "sync", *arguments, "--profiles-dir", warehouse.profiles.name],
        cwd=warehouse.directory,
        env={
            **environment_of(warehouse.directory),
            **warehouse.environment,
            "SENDGRID_API_KEY": KEY,
            "SENDGRID_BASE_URL": f"{sandbox.url}/sendgrid",
            "SENDGRID_RATE": "0",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def cli(
    warehouse: Warehouse, sandbox: SandboxClient, *arguments: str, **environment: str
) -> tuple[int, Any]:
    """Exit code and JSON of a command."""
    done = run(warehouse, sandbox, *arguments, "--output", "json", **environment)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)
