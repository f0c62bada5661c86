"""A refusal that is posted to a run is obeyed; what fails stops nothing else; it ends in time."""

from __future__ import annotations

import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sync.run.parts import Parts, read
from tests.python.sync.real import cli
from tests.python.sync.real import run as command
from tests.python.sync.world import SandboxClient, wait_until

from .conftest import Run, ledger, open_elsewhere, pushed_once, running_run, start


def test_a_refusal_is_on_the_platforms_list_without_a_schedule(run: Run) -> None:
    run.wait_until_listed(run.complain("obeyed"))
    run.wait_for("push", "idle")
    health = run.health()
    assert health["status"] == "ok"
    assert {name: part["state"] for name, part in health["parts"].items()} == {
        "receive": "working",
        "build": "idle",
        "push": "idle",
    }


def test_what_another_command_lands_is_built_too(run: Run, sandbox: SandboxClient) -> None:
    run.wait_for("build", "idle")
    why = ("--channel", "email", "--by", "ann", "--because", "a letter")
    done = command(run.warehouse, sandbox, "suppress", "told@example.com", *why)
    assert done.returncode == 0, done.stderr
    run.wait_until_listed("told@example.com")


def test_nothing_is_built_where_nothing_landed(run: Run) -> None:
    run.wait_until_listed(run.complain("before-the-silence"))
    run.wait_for("push", "idle")
    builds = run.builds()
    time.sleep(4)
    assert run.builds() == builds


def test_a_platform_that_fails_stops_neither_receiver_nor_builds(run: Run) -> None:
    run.sandbox.fault("error")
    address = run.complain("while-the-platform-is-down")
    run.wait_for("push", "failing")
    builds = run.builds()
    later = run.complain("while-it-is-still-down")
    wait_until(lambda: run.builds() > builds, "a build beside it")
    run.sandbox.heal()
    run.wait_until_listed(address, later)
    run.wait_for("push", "idle")


def test_a_reader_of_the_file_delays_the_build_and_never_the_receiver(run: Run) -> None:
    run.wait_for("build", "idle")
    run.wait_for("push", "idle")
    with open_elsewhere(run.warehouse):
        address = run.complain("while-somebody-reads")
        run.wait_for("build", "waiting")
        assert "PID" in run.said().splitlines()[-1]
    run.wait_until_listed(address)


def test_status_says_what_each_part_does(run: Run, sandbox: SandboxClient) -> None:
    run.wait_for("build", "idle")
    _, status = cli(run.warehouse, sandbox, "status")
    assert status["run"]["is_alive"]
    assert set(status["run"]["parts"]) == {"receive", "build", "push"}
    text = command(run.warehouse, sandbox, "status").stdout
    assert f"contact-sync run, process {run.process.pid}" in text


def test_a_second_run_of_one_warehouse_is_refused(
    run: Run, project: Path, sandbox: SandboxClient
) -> None:
    second = start(run.warehouse, project, sandbox)
    assert second.process.wait(30) == 2
    assert f"process {run.process.pid} is at work on this warehouse already" in second.said()


def test_a_run_that_is_ended_amid_a_build_loses_nothing(
    tmp_path: Path, project: Path, sandbox: SandboxClient
) -> None:
    warehouse = pushed_once(tmp_path, sandbox)
    with running_run(warehouse, project, sandbox) as run:
        run.wait_for("build", "idle")
        addresses = [run.complain(f"at-the-end-{number}") for number in range(3)]
        run.wait_for("build", "working")
        began = time.monotonic()
        assert run.stop() == 0
        assert time.monotonic() - began < 30
    state = read(warehouse.directory / "warehouse.duckdb.run.json")
    assert state is not None
    assert {part["state"] for part in state["parts"].values()} == {"stopped"}
    with running_run(warehouse, project, sandbox, "--no-receiver") as run:
        run.wait_until_listed(*addresses)
        assert run.stop(signal.SIGINT) == 0
    told = Counter(address for address, _ in ledger(warehouse))
    assert told == Counter(["first@example.com", *addresses])


def test_a_daily_build_that_was_missed_is_made_up_for(
    tmp_path: Path, project: Path, sandbox: SandboxClient
) -> None:
    warehouse = pushed_once(tmp_path, sandbox)
    parts = Parts(warehouse.directory / "warehouse.duckdb.run.json", lambda *_: None)
    parts.note("daily", datetime.now(UTC) - timedelta(days=2))
    parts.note("weekly", datetime.now(UTC))
    with running_run(warehouse, project, sandbox, "--no-receiver") as run:
        wait_until(lambda: "daily build: ok" in run.said(), "the daily build", 90)
    assert warehouse.values("select count(*) > 0 from main.contact_state") == [True]
