"""A receiver as a process of its own, and a stand-in for the hosts of Amazon SNS."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from tests.python.conftest import ROOT
from tests.python.receiver.signing import Request, sns_certificate

_STOP_WITHIN = 60


@dataclass(frozen=True)
class Outcome:
    """An answer, and what was landed of the request: payloads, as text."""

    status: int
    headers: httpx.Headers
    text: str
    landed: list[str]


@dataclass
class Server:
    """A receiver that is running; its first line has been read."""

    url: str
    landing: Path
    process: subprocess.Popen[str]
    log_file: Path
    client: httpx.Client = field(repr=False)
    _seen: set[str] = field(default_factory=set)

    def deliver(self, request: Request, method: str = "POST") -> Outcome:
        """Sends a request as a platform would, with what was landed since the last one."""
        return self.send(method, request.path, content=request.body, headers=request.headers)

    def send(self, method: str, path: str, **settings: Any) -> Outcome:
        """Sends any request."""
        answer = self.client.request(method, f"{self.url}{path}", **settings)
        new = [row for row in self.rows() if row["delivery_id"] not in self._seen]
        self._seen |= {row["delivery_id"] for row in new}
        landed = [row["payload"] for row in new]
        return Outcome(answer.status_code, answer.headers, answer.text, landed)

    def rows(self, source: str = "*") -> list[dict[str, Any]]:
        """The landed rows, with their source."""
        return read_landing(self.landing, source)

    @property
    def log(self) -> str:
        """What it wrote to stderr so far."""
        return self.log_file.read_text(encoding="utf-8")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends it; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(_STOP_WITHIN)


def read_landing(landing: Path, source: str = "*") -> list[dict[str, Any]]:
    """The rows of a landing directory, torn last lines left out."""
    found = []
    for path in sorted(landing.glob(f"webhook_deliveries/source={source}/**/*.ndjson")):
        name = next(part for part in path.parts if part.startswith("source="))
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
            found.append({**json.loads(line), "source": name.removeprefix("source=")})
    return found


def clean_environment() -> dict[str, str]:
    """The environment of the tests, without what configures a receiver."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.endswith("_WEBHOOK_SECRET")
        and not name.startswith(("CONTACT_SYNC_", "DBT_"))
        and name not in ("PUBLIC_URL", "SNS_BASE_URL", "PORT")
    }


@contextmanager
def receiving(
    directory: Path,
    environment: Mapping[str, str],
    *options: str,
    landing: Path | None = None,
    prepare: Callable[[], None] | None = None,
) -> Iterator[Server]:
    """A receiver with these variables, on a free port, landing in directory/landing.

    prepare: called in its process before it starts.
    """
    landing = landing or directory / "landing"
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "profiles.example.yml", directory / "profiles.yml")
    number = len(list(directory.glob("receiver-*.log"))) + 1
    log_file = directory / f"receiver-{number}.log"
    with log_file.open("w") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "sync", "receive", "--port", "0"),
                *("--profiles-dir", str(directory), "--project-dir", str(ROOT)),
                *options,
            ],
            cwd=ROOT,
            env={
                **clean_environment(),
                "CONTACT_SYNC_LANDING": str(landing),
                "PYTHONUNBUFFERED": "1",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=prepare,
        )
    reader: threading.Thread | None = None
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("Receiver at "), f"{first}{log_file.read_text()}"
        url = first.split()[2].rstrip(",")
        # The rest is read, too, or the pipe would fill.
        reader = threading.Thread(target=process.stdout.read, daemon=True)
        reader.start()
        with httpx.Client(timeout=30, trust_env=False) as client:
            yield Server(url, landing, process, log_file, client)
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(_STOP_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if reader is not None:
            reader.join()
        if process.stdout is not None:
            process.stdout.close()


@dataclass
class Amazon:
    """What stands for the hosts of SNS: SNS_BASE_URL, and the paths that were asked for."""

    url: str
    asked: list[str] = field(default_factory=list)
    #: What it answers with; 200 unless a test says otherwise.
    status: int = 200
    #: In place of the certificate.
    certificate: bytes = b""
    #: Seconds between the bytes of an answer.
    pause: float = 0.0


@contextmanager
def amazon() -> Iterator[Amazon]:
    """Serves the certificate, and takes confirmations."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            good = found.certificate or sns_certificate()
            body = good if self.path.endswith(".pem") else b"<ok/>"
            self.send_response(found.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                if not found.pause:
                    self.wfile.write(body)
                for byte in body if found.pause else b"":
                    self.wfile.write(bytes([byte]))
                    time.sleep(found.pause)
            except OSError:
                pass

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Amazon(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
