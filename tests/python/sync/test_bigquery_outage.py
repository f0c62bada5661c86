"""BigQuery out of reach while a push runs: a real connection that is really cut."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.python.sync.engines import BigQuery
from tests.python.sync.world import SandboxClient, World, addresses, wait_until

pytestmark = pytest.mark.parametrize("engine", ["bigquery"], indirect=True)


class Line:
    """Forwards connections to an address, unless it is cut."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.is_cut = False
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Ends what is open; new connections are closed at once."""
        with self._lock:
            self.is_cut = True
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self.is_cut = False

    def close(self) -> None:
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError):
            if self.is_cut:
                return
            with socket.create_connection(self._target) as far:
                with self._lock:
                    self._open |= {near, far}
                back = threading.Thread(target=_pour, args=(far, near), daemon=True)
                back.start()
                _pour(near, far)
                back.join()
                with self._lock:
                    self._open -= {near, far}


def _pour(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def line(world: World) -> Iterator[Line]:
    """Between the command and the emulator; the test itself looks past it."""
    assert isinstance(world.engine, BigQuery)
    address = urlsplit(world.engine.endpoint)
    made = Line(str(address.hostname), int(address.port or 80))
    profile = world.directory / "profiles.yml"
    profile.write_text(profile.read_text().replace(world.engine.endpoint, made.url))
    yield made
    made.close()


ONE_BY_ONE = {"SENDGRID_BATCH_SIZE": "1", "SENDGRID_RATE": "5"}


def test_a_short_outage_costs_nothing(world: World, sandbox: SandboxClient, line: Line) -> None:
    world.already_pushed()
    world.list_addresses(1000)
    world.want(*addresses(60))
    process = world.start("push", **ONE_BY_ONE)
    wait_until(lambda: sandbox.call_count() >= 5, "five calls")
    line.cut()
    time.sleep(3)
    line.mend()
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "60 suppressed" in output
    assert len(world.ledger()) == 60
    assert sandbox.call_count() == 60


def test_without_its_lock_a_run_sends_nothing_and_its_answers_are_kept(
    world: World, sandbox: SandboxClient, line: Line
) -> None:
    """The lock cannot be renewed for a minute: another run may take it from then on."""
    world.already_pushed()
    world.list_addresses(10_000)
    world.want(*addresses(1500))
    process = world.start("push", **ONE_BY_ONE)
    wait_until(lambda: sandbox.call_count() >= 5, "five calls")
    line.cut()

    def is_still() -> bool:
        before = sandbox.call_count()
        time.sleep(3)
        return sandbox.call_count() == before

    wait_until(is_still, "no call any more", seconds=120)
    assert process.poll() is None
    # From now on another run may take the destination.
    wait_until(
        lambda: (
            world.sql("select count(*) from raw.sync_runs where expires_at > current_timestamp()")
            == [(0,)]
        ),
        "the lease ran out",
    )
    sent = sandbox.lists()["global"]
    line.mend()
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "the lock could not be renewed in time" in errors
    # Everything that was answered is recorded, nothing else was sent.
    assert sandbox.lists()["global"] == sent
    assert set(world.outcomes()) == set(sent)
    assert 5 <= len(sent) < 1500
