"""What was answered 200 is safe, though the receiver is killed, the disk full, a body cut off."""

from __future__ import annotations

import json
import resource
import signal
import socket
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.python.conftest import Warehouse
from tests.python.receiver import kernel, signing
from tests.python.receiver.load import HEADERS, SECRETS, body, under_load
from tests.python.receiver.server import Server, receiving
from tests.python.size import sized

KILLS = sized(small=5, deep=100)


def post(server: Server, source: str, address: str) -> int:
    content = json.dumps(body(source, address))
    return server.send("POST", f"/webhooks/{source}", content=content, headers=HEADERS).status


def landing_files(server: Server) -> list[Path]:
    return sorted(server.landing.glob("webhook_deliveries/**/*.ndjson"))


def test_what_was_taken_before_a_kill_is_an_event_once(
    tmp_path: Path, warehouse: Warehouse
) -> None:
    taken: list[str] = []
    for number in range(KILLS):
        with receiving(tmp_path / "server", SECRETS, landing=warehouse.landing) as server:
            with under_load(server.url, f"kill{number}") as load:
                server.stop(signal.SIGKILL)
            assert load.statuses == {200}
            taken += load.taken
    assert len(taken) >= KILLS * 50
    warehouse.build()
    events = warehouse.values("select address from main.events where event_type = 'bounce'")
    # What was landed and not answered may be there too; nothing is there twice.
    assert len(events) == len(set(events))
    assert set(taken) <= set(events)
    torn = warehouse.values("select reason from main.quarantined_deliveries")
    assert set(torn) <= {"unreadable line"}
    assert len(torn) <= KILLS * 3


def test_a_stop_loses_nothing_that_was_taken(tmp_path: Path) -> None:
    with receiving(tmp_path, SECRETS) as server:
        with under_load(server.url, "stop") as load:
            code = server.stop()
        landed = "".join(path.read_text() for path in landing_files(server))
        assert [address for address in load.taken if address not in landed] == []
        assert code in (0, -signal.SIGTERM)


def test_a_full_disk_is_answered_503_and_half_a_line_is_not_believed(
    tmp_path: Path, warehouse: Warehouse
) -> None:
    with receiving(tmp_path / "server", SECRETS, landing=warehouse.landing) as server:
        assert post(server, "sendgrid", "before@example.org") == 200
        (file,) = landing_files(server)
        full = file.stat().st_size + 60
        before = file.read_bytes()
        # A write beyond this size goes half way, then fails, as on a full disk.
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))
        assert post(server, "sendgrid", "during@example.org") == 503
        assert file.read_bytes() == before
        # Of Brevo, a 503 would lose the event.
        long = {"event": "spam", "email": "during@example.org", "tag": "x" * full}
        brevo = server.send("POST", "/webhooks/brevo", content=json.dumps(long), headers=HEADERS)
        assert brevo.status == 429
        assert server.send("GET", "/healthz").status == 503
        resource.prlimit(
            server.process.pid,
            resource.RLIMIT_FSIZE,
            (resource.RLIM_INFINITY, resource.RLIM_INFINITY),
        )
        assert post(server, "sendgrid", "after@example.org") == 200
        assert server.send("GET", "/healthz").status == 200
        assert "File too large" in server.log
        assert "during@example.org" not in server.log
        server.stop()
    warehouse.build()
    events = warehouse.values("select address from main.events order by 1")
    assert events == ["after@example.org", "before@example.org"]
    assert warehouse.values("select reason from main.quarantined_deliveries") == []


@pytest.mark.parametrize("call", ["fdatasync", "fsync"], ids=["of lines", "of names"])
def test_what_the_disk_does_not_confirm_is_answered_503_and_not_believed(
    tmp_path: Path, call: str
) -> None:
    """Lines and names of files reach memory, where a kill leaves them, and never the disk."""
    with receiving(tmp_path, SECRETS, prepare=partial(kernel.fail, call)) as server:
        assert post(server, "sendgrid", "a@example.org") == 503
        assert post(server, "postmark", "b@example.org") == 503
        assert server.send("GET", "/healthz").status == 503
        assert "Input/output error" in server.log
        assert server.rows() == []


def test_a_landing_that_cannot_be_made_is_answered_503(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    with receiving(tmp_path / "server", SECRETS, landing=tmp_path / "file" / "below") as server:
        assert post(server, "sendgrid", "a@example.org") == 503
        assert server.send("GET", "/healthz").status == 503
        assert "Not a directory" in server.log


@pytest.mark.parametrize(
    ("framing", "sent"),
    [
        ("Content-Length: 500", b'[{"email": "half@example.org", "event": "unsubscribe"'),
        ("Content-Length: 500", b""),
        ("Transfer-Encoding: chunked", b'20\r\n[{"email": "half@example.org"'),
        ("Transfer-Encoding: chunked", b'5\r\n[{"em\r\n'),
        ("Transfer-Encoding: chunked", b"no number\r\n"),
    ],
)
def test_half_a_body_is_not_landed_and_stops_nobody(
    receiver: Server, framing: str, sent: bytes
) -> None:
    token = signing.environment()["RELAY_WEBHOOK_SECRET"].split()[0]
    head = (
        f"POST /webhooks/sendgrid HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\n{framing}\r\n\r\n"
    )
    place = urlsplit(receiver.url)
    with socket.create_connection(("127.0.0.1", place.port or 80), timeout=10) as connection:
        connection.sendall(head.encode() + sent)
    health = receiver.send("GET", "/healthz")
    assert health.status == 200
    assert [row for row in receiver.rows() if "half@example.org" in row["payload"]] == []
