"""A refusal that is posted to a run is obeyed; what fails stops nothing else; it ends in time."""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import httpx
import pytest

from sync.run.parts import Parts, read
from sync.warehouse.published import copy_of, is_current
from tests.python.conftest import Warehouse, new_built_warehouse
from tests.python.sync.collector import Collector
from tests.python.sync.real import cli
from tests.python.sync.real import run as command
from tests.python.sync.world import SandboxClient, wait_until

from .conftest import (
    METRICS_TOKEN,
    REPORT_TOKEN,
    Run,
    ledger,
    open_elsewhere,
    pushed_once,
    running_run,
    start,
)


def test_a_refusal_is_on_the_platforms_list_without_a_schedule(run: Run) -> None:
    run.wait_until_listed(run.complain("obeyed"))
    expected = {"receive": "working", "build": "idle", "push": "idle", "push sendgrid": "idle"}

    def states() -> dict[str, str]:
        parts = run.health()["parts"]
        return {name: part["state"] for name, part in parts.items() if name != "publish"}

    wait_until(lambda: states() == expected, "each part is done")
    assert run.health()["status"] == "ok"


def test_its_builds_pushes_and_requests_are_measured_while_it_runs(
    run: Run, collector: Collector
) -> None:
    run.wait_until_listed(run.complain("measured"))
    wanted = {
        "contact_sync.push.items": ("sendgrid", "confirmed"),
        "contact_sync.builds": ("frequent", "ok"),
        "contact_sync.receiver.requests": ("sendgrid", "2xx"),
    }
    attributes = {
        "contact_sync.push.items": ("destination", "outcome"),
        "contact_sync.builds": ("selection", "outcome"),
        "contact_sync.receiver.requests": ("source", "status_class"),
    }
    wait_until(
        lambda: all(
            collector.sums(name, *attributes[name]).get(key, 0) >= 1 for name, key in wanted.items()
        ),
        "all of it is told",
    )
    assert 'contact_sync_receiver_requests_total{source="sendgrid"' in run.metrics()
    assert 'contact_sync_run_failing{part="build"} 0\n' in run.metrics()


def test_readers_get_a_copy_that_shows_it(run: Run) -> None:
    address = run.complain("published")
    run.wait_until_listed(address)
    wait_until(lambda: is_current(run.warehouse.database), "the copy is made")
    with duckdb.connect(str(copy_of(run.warehouse.database)), read_only=True) as readers:
        found = readers.execute(
            "select reason, outcome from suppression_list"
            " inner join raw.sync_ledger using (address) where address = ?",
            [address],
        ).fetchall()
    assert ("complaint", "confirmed") in found


def test_the_report_is_shown_to_whoever_has_its_token(run: Run) -> None:
    run.wait_until_listed(run.complain("reported"))
    wait_until(lambda: is_current(run.warehouse.database), "the copy is made")
    for password in ("", "another-password-1", METRICS_TOKEN):
        refused = httpx.get(f"{run.url}/report", auth=("anybody", password), timeout=60)
        assert refused.status_code == 401
        assert "Basic" in refused.headers["WWW-Authenticate"]
        assert "opt-out" not in refused.text
    shown = httpx.get(f"{run.url}/report", auth=("anybody", REPORT_TOKEN), timeout=60)
    assert shown.status_code == 200, shown.text
    assert "<h2>Is every opt-out obeyed?</h2>" in re.sub(r"<h2[^>]*>", "<h2>", shown.text)
    assert shown.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
    bearer = {"Authorization": f"Bearer {REPORT_TOKEN}"}
    assert httpx.get(f"{run.url}/report", headers=bearer, timeout=60).text == shown.text


def test_what_another_command_lands_is_built_too(run: Run, sandbox: SandboxClient) -> None:
    run.wait_for("build", "idle")
    why = ("--channel", "email", "--by", "ann", "--because", "a letter")
    done = command(run.warehouse, sandbox, "suppress", "told@example.com", *why)
    assert done.returncode == 0, done.stderr
    run.wait_until_listed("told@example.com")


def test_nothing_is_built_where_nothing_landed(run: Run) -> None:
    run.wait_until_listed(run.complain("before-the-silence"))
    run.wait_for("push sendgrid", "idle")
    builds = run.builds()
    time.sleep(4)
    assert run.builds() == builds


def test_a_platform_that_fails_stops_neither_receiver_nor_builds(run: Run) -> None:
    run.sandbox.fault("error")
    address = run.complain("while-the-platform-is-down")
    run.wait_for("push sendgrid", "failing")
    builds = run.builds()
    later = run.complain("while-it-is-still-down")
    wait_until(lambda: run.builds() > builds, "a build beside it")
    run.sandbox.heal()
    run.wait_until_listed(address, later)
    run.wait_for("push sendgrid", "idle")


def test_a_reader_of_the_file_delays_the_build_and_never_the_receiver(run: Run) -> None:
    run.wait_for("build", "idle")
    run.wait_for("push sendgrid", "idle")
    with open_elsewhere(run.warehouse):
        said = run.said()
        address = run.complain("while-somebody-reads")
        run.wait_for("build", "waiting")
        wait_until(lambda: "(PID" in run.said().removeprefix(said), "it says who has the file")
    run.wait_until_listed(address)


def test_status_says_what_each_part_does(run: Run, sandbox: SandboxClient) -> None:
    run.wait_until_listed(run.complain("seen-in-status"))
    run.wait_for("build", "idle")
    _, status = cli(run.warehouse, sandbox, "status")
    assert status["run"]["is_alive"]
    assert {"receive", "build", "push", "push sendgrid"} <= set(status["run"]["parts"])
    text = command(run.warehouse, sandbox, "status").stdout
    assert f"contact-sync run, process {run.process.pid}" in text


def test_a_second_run_of_one_warehouse_is_refused(run: Run, sandbox: SandboxClient) -> None:
    run.wait_for("build", "idle")
    second = start(run.warehouse, sandbox)
    assert second.process.wait(30) == 2
    assert f"process {run.process.pid} is at work on this warehouse already" in second.said()


@dataclass
class Restarted:
    """A run that was ended amid a build, and the one after it, when a daily build was missed."""

    warehouse: Warehouse
    addresses: list[str]
    seconds_to_end: float
    state_at_the_end: dict[str, Any]
    said: str


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory, sandbox: SandboxClient) -> Restarted:
    empty = new_built_warehouse(tmp_path_factory.mktemp("restarted"))
    warehouse = pushed_once(empty, sandbox)
    file = warehouse.directory / "warehouse.duckdb.run.json"
    with running_run(warehouse, sandbox) as run:
        run.wait_for("build", "idle")
        addresses = [run.complain(f"at-the-end-{number}") for number in range(3)]
        run.wait_for("build", "working")
        began = time.monotonic()
        assert run.stop() == 0
        seconds = time.monotonic() - began
    state = read(file)
    assert state is not None
    Parts(file, lambda *_: None).note("daily", datetime.now(UTC) - timedelta(days=2))
    with running_run(warehouse, sandbox, "--no-receiver") as run:
        run.wait_until_listed(*addresses)
        wait_until(lambda: "daily build: ok" in run.said(), "the daily build", 90)
        assert run.stop(signal.SIGINT) == 0
        return Restarted(warehouse, addresses, seconds, state, run.said())


def test_a_run_that_is_ended_amid_a_build_ends_in_time(restarted: Restarted) -> None:
    assert restarted.seconds_to_end < 30
    states = {part["state"] for part in restarted.state_at_the_end["parts"].values()}
    assert states == {"stopped"}


def test_what_it_had_answered_is_obeyed_once_by_the_next_run(restarted: Restarted) -> None:
    told = Counter(address for address, _ in ledger(restarted.warehouse))
    assert told == Counter(["first@example.com", *restarted.addresses])


def test_a_daily_build_that_was_missed_is_made_up_for(restarted: Restarted) -> None:
    assert restarted.said.count("daily build: ok") == 1
    history = "select count(*) > 0 from main.contact_state"
    assert restarted.warehouse.values(history) == [True]
