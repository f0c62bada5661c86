"""Requests that are made to cost much, clients that stay, and what both cost a receiver."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.python.receiver import signing
from tests.python.receiver.server import Server

MB = 1024 * 1024
_JSON, _MULTIPART = "application/json", "multipart/form-data; boundary=x"
_PART = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
_TOPIC = signing.SECRETS["ses"][0].encode()


@dataclass(frozen=True)
class Kind:
    """A body: how it begins, what is repeated, how it ends."""

    content_type: str
    start: bytes
    unit: bytes
    end: bytes = b""

    def body(self, size: int) -> bytes:
        """One of at most so many bytes."""
        count = (size - len(self.start) - len(self.end)) // len(self.unit)
        return self.start + self.unit * count + self.end


KINDS = {
    "lists": Kind(_JSON, b"[", b"[],", b"[]]"),
    "objects": Kind(_JSON, b"[", b"{},", b"{}]"),
    "depth": Kind(_JSON, b"", b"["),
    "digits": Kind(_JSON, b"", b"1"),
    "one wide character": Kind(_JSON, '{"a":"🙂'.encode(), b"x", b'"}'),
    "escapes": Kind(_JSON, b'{"a":"', b"\\u00e9", b'"}'),
    "backslashes": Kind(_JSON, b'{"a":"', b"\\\\", b'"}'),
    "an envelope of the topic": Kind(
        _JSON, b'{"SigningCertURL":"","TopicArn":"%b","a":"\xf0\x9f\x99\x82' % _TOPIC, b"x", b'"}'
    ),
    "encoded letters": Kind(signing.FORM, b"mandrill_events=", b"%41"),
    "a wide form": Kind(signing.FORM, b"mandrill_events=%F0%9F%99%82", b"x"),
    "fields": Kind(signing.FORM, b"", b"a&"),
    "signs of percent": Kind(signing.FORM, b"a=", b"%"),
    "padding": Kind(_MULTIPART, b"--x\r\n", b"\r\n"),
    "parts": Kind(_MULTIPART, b"", _PART + b"\r\n", b"--x--"),
    "almost parts": Kind(_MULTIPART, _PART, b"\r\n--", b"\r\n--x--"),
    "heads of parts": Kind(_MULTIPART, b"--x\r\n", b"a: b\r\n"),
}
#: So that a scheme goes as far as it can before it refuses.
FORGED = {
    "x-twilio-email-event-webhook-signature": "AAAA",
    "x-twilio-email-event-webhook-timestamp": "1777706130",
    "klaviyo-signature": "00",
    "klaviyo-timestamp": "Sat, 02 May 2026 07:15:30 GMT",
    "klaviyo-webhook-id": "a8b8",
    "x-attentive-hmac-sha256": "00",
    "x-mandrill-signature": "AAAA",
    "x-twilio-signature": "AAAA",
    "x-signature": "00",
}


@dataclass
class Cost:
    """bytes: at the peak, more than before. waited: seconds of the slowest answer to others."""

    bytes: int = 0
    waited: float = 0.0


@contextmanager
def costing(server: Server) -> Iterator[Cost]:
    """What the receiver spends in here."""
    process = Path(f"/proc/{server.process.pid}")
    # The peak counts from here.
    (process / "clear_refs").write_text("5")
    before = _kilobytes(process, "VmRSS")
    cost = Cost()
    ended = threading.Event()
    wrong: list[BaseException] = []

    def ask() -> None:
        try:
            ask_on()
        except BaseException as error:
            wrong.append(error)

    def ask_on() -> None:
        place = urlsplit(server.url)
        while not ended.is_set():
            started = time.monotonic()
            connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
            connection.close()
            cost.waited = max(cost.waited, time.monotonic() - started)
            ended.wait(0.002)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield cost
    finally:
        ended.set()
        asking.join()
        cost.bytes = (_kilobytes(process, "VmHWM") - before) * 1024
    assert wrong == []


def _kilobytes(process: Path, name: str) -> int:
    lines = (process / "status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(name))
    return int(line.split()[1])


def connected(server: Server, address: str = "127.0.0.1") -> socket.socket:
    """A connection from an address of this machine, 127.0.0.0/8."""
    port = urlsplit(server.url).port or 80
    return socket.create_connection(("127.0.0.1", port), 10, source_address=(address, 0))


def head(path: str, length: int, headers: Mapping[str, str] | None = None) -> bytes:
    """The beginning of a POST."""
    fields = {"Host": "x", "Content-Length": str(length), **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode()


@contextmanager
def staying(
    server: Server, count: int, sent: bytes, address: str = "127.0.0.1"
) -> Iterator[list[socket.socket]]:
    """So many connections that sent the beginning of something, and nothing more."""
    with ExitStack() as stack:
        found = []
        for _ in range(count):
            connection = stack.enter_context(connected(server, address))
            connection.sendall(sent)
            found.append(connection)
        yield found


def is_cut(connection: socket.socket, seconds: float) -> bool:
    """Whether the other end lets go of it within that time; what it answered is read."""
    connection.settimeout(seconds)
    try:
        while connection.recv(65_536):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


@contextmanager
def flooded(server: Server, clients: int) -> Iterator[None]:
    """Clients that post forged bodies as fast as they are answered; in a process of their own."""
    port = urlsplit(server.url).port
    command = [sys.executable, "-m", __name__, str(port), str(clients)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        # The first answer.
        assert process.stdout.readline()
        yield
    finally:
        process.kill()
        process.communicate()


_is_answered = threading.Event()


def _flood(port: int) -> None:
    body = KINDS["lists"].body(20_000)
    sources = ("sendgrid", "mailgun", "braze", "mandrill")
    requests = [head(f"/webhooks/{name}", len(body), FORGED) + body for name in sources]
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 20) as connection:
                for request in requests * 5:
                    connection.sendall(request)
                    while not connection.recv(65_536).endswith(b"}"):
                        pass
                    _is_answered.set()
        except OSError:
            continue


if __name__ == "__main__":
    for _ in range(int(sys.argv[2])):
        threading.Thread(target=_flood, args=(int(sys.argv[1]),)).start()
    _is_answered.wait()
    print("flooding", flush=True)
