"""Commands that take long at a large size say on a terminal what they do, and nowhere else."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from tests.python.conftest import Warehouse
from tests.python.sync.real import environment_of, run
from tests.python.sync.world import KEY, SandboxClient

SECRET = {"CONTACT_SYNC_FORGET_KEY": "a key of the tests, long enough"}
COMMANDS = {
    "forget": (("forget", "noa@example.com", "--dry-run"), "landed files"),
    "explain": (("explain", "noa@example.com"), "state, reasons and ledger"),
    "reconcile": (("reconcile", "--destination", "sendgrid"), "reading the entries of sendgrid"),
}


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
@pytest.mark.parametrize("name", COMMANDS)
def test_the_step_is_shown_on_a_terminal_only(
    warehouse: Warehouse, sandbox: SandboxClient, name: str
) -> None:
    arguments, step = COMMANDS[name]
    warehouse.landing.mkdir(exist_ok=True)
    main, terminal = pty.openpty()
    environment = {
        **environment_of(warehouse.directory),
        **warehouse.environment,
        **SECRET,
        "SENDGRID_API_KEY": KEY,
        "SENDGRID_BASE_URL": f"{sandbox.url}/sendgrid",
        "TERM": "xterm",
        "COLUMNS": "100",
    }
    done = subprocess.run(
        [sys.executable, "-m", "sync", *arguments, "--profiles-dir", warehouse.profiles.name,
         "--output", "json"],
        cwd=warehouse.directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=terminal,
        timeout=120,
        check=False,
    )  # fmt: skip
    os.close(terminal)
    shown = os.read(main, 100_000).decode()
    os.close(main)
    assert step in shown
    assert "noa@example.com" not in shown
    told = json.loads(done.stdout)
    piped = run(warehouse, sandbox, *arguments, "--output", "json", **SECRET)
    assert (piped.returncode, piped.stderr) == (done.returncode, "")
    if name != "explain":
        # Which tells how long ago things were.
        assert json.loads(piped.stdout) == told
