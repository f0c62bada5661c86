"""A command that tests fork is the command that a user starts (tests/python/commands.py)."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.python.commands import ROOT, Command, run
from tests.python.sync.world import World, wait_until

COMMANDS: Sequence[Sequence[str]] = (
    [],
    ["--help"],
    ["push", "--help"],
    ["push", "--limit", "none"],
    ["status"],
    ["plan"],
    ["push"],
    ["check"],
    ["explain", "a@example.com"],
    ["scrub", "list.csv"],
    ["backfill", "list.csv", "--dry-run"],
    ["adopt", "--destination", "sendgrid"],
    ["reconcile", "--destination", "sendgrid"],
    ["suppress", "a@example.com", "--channel", "email", "--because", "x", "--by", "y"],
    ["release", "a@example.com", "--channel", "email", "--because", "x", "--by", "y"],
    ["forget", "a@example.com", "--yes"],
    ["receive", "--port", "none"],
)


def line(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "sync", *arguments]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_it_exits_and_says_as_a_process_that_imports_for_itself(
    tmp_path: Path, arguments: Sequence[str]
) -> None:
    (tmp_path / "profiles.yml").write_text((ROOT / "profiles.example.yml").read_text())
    (tmp_path / "list.csv").write_text("email,email_status\na@example.com,unsubscribed\n")
    environment = {"PATH": "", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "COLUMNS": "90"}
    forked = run(line(*arguments), cwd=tmp_path, env=environment)
    started = subprocess.run(
        line(*arguments),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        started.returncode,
        started.stdout,
        started.stderr,
    )
    assert forked.stdout + forked.stderr


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_it_ends_by_a_signal(world: World, sent: signal.Signals, code: int) -> None:
    world.already_pushed()
    world.want("a@example.com")
    world.sandbox.fault("slow", seconds=20)
    process = world.start("push", CONTACT_SYNC_TIMEOUT="2")
    wait_until(lambda: world.sandbox.call_count() > 0, "a call")
    process.send_signal(sent)
    process.communicate(timeout=60)
    assert isinstance(process, Command)
    assert process.returncode == code


def test_a_plan_is_the_same_whatever_seed_of_hashes_a_process_has(world: World) -> None:
    world.want(*(f"person{number}@example.com" for number in range(20)))
    plans = {
        subprocess.run(
            line("plan", "--output", "json"),
            cwd=world.directory,
            env=world.full_environment(PYTHONHASHSEED=seed),
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(plans) == 1
