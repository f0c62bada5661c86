"""A BigQuery emulator (bqemulator, in memory) on free loopback ports, while it is needed."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import httpx

from tests.python.conftest import ROOT
from tests.python.spent import spending_emulator

PYTHON = ROOT / ".tools" / "emulator" / "bin" / "python"
LAUNCHER = ROOT / "tests" / "tools" / "emulator" / "launch.py"
#: Seconds; it takes six on an idle machine.
START_TIMEOUT = 120.0


class EmulatorFailed(Exception):
    """It did not start; the text ends with its log."""


@contextmanager
def emulator() -> Iterator[str]:
    """Starts an emulator and gives its address (http://127.0.0.1:PORT); it is stopped afterwards.

    It takes any project and any token, and ends by itself when this process dies.
    """
    if not PYTHON.exists():
        raise EmulatorFailed(f"{PYTHON} is missing: `make test` installs it.")
    rest, grpc = _free_ports(2)
    with tempfile.TemporaryDirectory(prefix="contact-sync-emulator-") as directory:
        log = Path(directory) / "log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                _command(rest, grpc),
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=directory,
                env={**os.environ, "TMPDIR": directory, "TRANSLATIONS": str(_translations())},
            )
        try:
            endpoint = f"http://127.0.0.1:{rest}"
            _wait_until_healthy(endpoint, process, log)
            with spending_emulator(process.pid):
                yield endpoint
        finally:
            process.kill()
            process.communicate()


@cache
def _translations() -> Path:
    """Where the emulators of one test run keep what they translated; the workers share it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:
        directory = Path(tempfile.mkdtemp(prefix="contact-sync-translations-"))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
    else:
        directory = Path(tempfile.gettempdir()) / f"contact-sync-translations-{run}"
        directory.mkdir(exist_ok=True)
    return directory / "translations.sqlite"


def _command(rest: int, grpc: int) -> list[str]:
    arguments = {
        "--rest-host": "127.0.0.1",
        "--rest-port": rest,
        "--grpc-host": "127.0.0.1",
        "--grpc-port": grpc,
        "--project": "contact-sync",
        "--log-level": "warning",
    }
    options = [str(part) for pair in arguments.items() for part in pair]
    return [str(PYTHON), str(LAUNCHER), "start", *options]


def _free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def _wait_until_healthy(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"{endpoint}/healthz", timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    state = "did not answer in time" if process.poll() is None else f"ended ({process.returncode})"
    raise EmulatorFailed(f"The emulator {state}:\n{log.read_text(errors='replace')[-4000:]}")
