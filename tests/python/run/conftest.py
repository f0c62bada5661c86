"""`contact-sync run` over a real build, a real platform, and real processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sync.sandbox.server import running
from tests.python.conftest import ROOT, Warehouse, new_built_warehouse, shared
from tests.python.sync.collector import Collector, collecting
from tests.python.sync.real import cli, environment_of
from tests.python.sync.world import KEY, SandboxClient, wait_until


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxClient]:
    with running(rate=0, environment={"SENDGRID_API_KEY": KEY}) as url:
        yield SandboxClient(url)


#: With which /metrics of a run is read.
METRICS_TOKEN = "0123456789abcdef"
REPORT_TOKEN = "of-the-report-01"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """Hears of what the shared run measures."""
    with collecting() as found:
        yield found


@dataclass
class Run:
    """One run, under way or over."""

    warehouse: Warehouse
    sandbox: SandboxClient
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        """Where it receives; waits until it does."""
        wait_until(lambda: "Receiver at" in self.said(), "it receives")
        return self.said().split("Receiver at ")[1].split(",")[0]

    def said(self) -> str:
        return self.log.read_text()

    def complain(self, name: str, at: int = 1_777_706_133) -> str:
        """Somebody complains; gives the address. Returns once that is answered."""
        address = f"{name}@example.com"
        event = {"email": address, "event": "spamreport", "timestamp": at, "sg_event_id": name}
        request = urllib.request.Request(
            f"{self.url}/webhooks/sendgrid",
            json.dumps([event]).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200
        return address

    def health(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/healthz", timeout=10) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def metrics(self) -> str:
        bearer = {"Authorization": f"Bearer {METRICS_TOKEN}"}
        request = urllib.request.Request(f"{self.url}/metrics", headers=bearer)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.read(), "utf-8")

    def wait_for(self, part: str, state: str) -> None:
        wait_until(
            lambda: self.health()["parts"].get(part, {}).get("state") == state,
            f"{part} is {state}",
            90,
        )

    def builds(self) -> int:
        return self.said().count("frequent build: ok")

    def wait_until_listed(self, *addresses: str) -> None:
        wait_until(
            lambda: set(addresses) <= set(self.sandbox.lists()["global"]),
            f"{addresses} on the platform's list",
            180,
        )

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(35)


def _parsed(warehouse: Warehouse) -> Path:
    """A target folder in which our own project is parsed already."""
    target = warehouse.directory / "target"
    if not target.exists() and warehouse.project == ROOT:
        warehouse.manifest()
        target.mkdir()
        with shared("partial_parse.msgpack") as known:
            shutil.copy(known, target)
    return target


def start(warehouse: Warehouse, sandbox: SandboxClient, *options: str, **environment: str) -> Run:
    log = warehouse.directory / f"run-{len(list(warehouse.directory.glob('run-*')))}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "sync", "run", "--port", "0"),
                *("--allow-unsigned", "sendgrid", "--project-dir", str(warehouse.project)),
                *("--profiles-dir", warehouse.profiles.name, *options),
            ],
            cwd=warehouse.directory,
            env={
                **environment_of(warehouse.directory),
                **warehouse.environment,
                "DBT_TARGET_PATH": str(_parsed(warehouse)),
                "DBT_LOG_PATH": str(warehouse.directory / "logs"),
                "SENDGRID_API_KEY": KEY,
                "SENDGRID_BASE_URL": f"{sandbox.url}/sendgrid",
                "SENDGRID_RATE": "0",
                "CONTACT_SYNC_RETRY_WAIT": "0.01",
                **environment,
            },
            stdout=out,
            stderr=out,
        )
    return Run(warehouse, sandbox, process, log)


@contextmanager
def running_run(
    warehouse: Warehouse, sandbox: SandboxClient, *options: str, **environment: str
) -> Iterator[Run]:
    run = start(warehouse, sandbox, *options, **environment)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            os.kill(run.process.pid, signal.SIGTERM)
            run.process.wait(35)


def pushed_once(warehouse: Warehouse, sandbox: SandboxClient) -> Warehouse:
    """The warehouse, after its first push, which takes a plan."""
    first = {"email": "first@example.com", "event": "spamreport", "timestamp": 1_777_600_000}
    warehouse.land("sendgrid", [{**first, "sg_event_id": "first"}])
    warehouse.build()
    plan = cli(warehouse, sandbox, "plan")[1]["hash"]
    assert cli(warehouse, sandbox, "push", "--plan", str(plan))[0] == 0
    return warehouse


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory, sandbox: SandboxClient, collector: Collector
) -> Iterator[Run]:
    """One run for all tests that do not end it."""
    empty = new_built_warehouse(tmp_path_factory.mktemp("running"))
    warehouse = pushed_once(empty, sandbox)
    measured = {
        **collector.environment,
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
        "CONTACT_SYNC_METRICS_TOKEN": METRICS_TOKEN,
        "CONTACT_SYNC_REPORT_TOKEN": REPORT_TOKEN,
    }
    with running_run(warehouse, sandbox, **measured) as one:
        yield one


@contextmanager
def open_elsewhere(warehouse: Warehouse) -> Iterator[None]:
    """As an analyst has the file open."""
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True);"
            " print('open', flush=True); sys.stdin.read()",
            str(warehouse.database),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"open\n"
    try:
        yield
    finally:
        child.communicate(b"")


def ledger(warehouse: Warehouse) -> list[tuple[str, str]]:
    with duckdb.connect(str(warehouse.database), read_only=True) as connection:
        return connection.execute(
            "select address, outcome from raw.sync_ledger"
            " where outcome not in ('intended', 'unsent') order by address"
        ).fetchall()
