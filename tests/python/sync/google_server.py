"""A server on loopback that speaks enough of BigQuery's REST API to fail as BigQuery does.

The emulator cannot be made to refuse, to lose an answer or to run out of a quota. Statements are
kept as jobs with a state, and nothing is evaluated: a query answers with the rows that it is given.
Shapes: https://docs.cloud.google.com/bigquery/docs/reference/rest/v2/Job and .../error-messages.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PROJECT = "shop-prod"
TOKEN = "ya29.very-secret-token-value"

#: The HTTP status that goes with a reason.
STATUSES = {
    "accessDenied": 403,
    "accessNotConfigured": 403,
    "backendError": 503,
    "billingNotEnabled": 403,
    "bytesBilledLimitExceeded": 500,
    "internalError": 500,
    "invalid": 400,
    "invalidQuery": 400,
    "notFound": 404,
    "quotaExceeded": 403,
    "rateLimitExceeded": 403,
    "resourcesExceeded": 400,
}


@dataclass(frozen=True)
class Refused:
    """The call that starts a statement is answered with an error; there is no job."""

    reason: str
    message: str
    status: int | None = None


@dataclass(frozen=True)
class Failed:
    """The job is made, and ends with an error."""

    reason: str
    message: str


@dataclass(frozen=True)
class Lost:
    """The job is made and done, but the connection is cut before the answer."""


@dataclass(frozen=True)
class Busy:
    """The job is made, and runs for some polls."""

    polls: int


Fault = Refused | Failed | Lost | Busy


@dataclass
class Job:
    """One statement."""

    resource: dict[str, Any]
    error: Failed | None = None
    polls: int = 0

    @property
    def query(self) -> str:
        return str(self.resource["configuration"]["query"]["query"])

    @property
    def parameters(self) -> dict[str, Any]:
        """Values of scalar parameters by name."""
        given = self.resource["configuration"]["query"].get("queryParameters", [])
        return {item["name"]: item["parameterValue"].get("value") for item in given}


@dataclass
class GoogleServer:
    """What it was asked, what it shall do next."""

    url: str = ""
    #: Applied to the next statements, one each.
    faults: deque[Fault] = field(default_factory=deque)
    jobs: dict[str, Job] = field(default_factory=dict)
    #: Location by dataset; others are not there, and those with None may not be looked at.
    datasets: dict[str, str | None] = field(
        default_factory=lambda: {"raw": "US", "contact_sync": "US"}
    )
    #: What every query answers: column names and rows of text.
    answer: tuple[Sequence[str], Sequence[Sequence[str | None]]] = (("x",), ())
    #: What the sign-in answers.
    refuses_sign_in: bool = False
    headers: list[dict[str, str]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def fail(self, *faults: Fault) -> None:
        self.faults.extend(faults)

    def done(self, beginning: str) -> list[Job]:
        """The statements with this beginning that took effect."""
        return [
            job
            for job in self.jobs.values()
            if job.query.lstrip().startswith(beginning) and job.error is None
        ]


@contextmanager
def google_server() -> Iterator[GoogleServer]:
    """A running server."""
    state = GoogleServer()

    class Bound(_Handler):
        server_state = state

    server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server_state: GoogleServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        state = self.server_state
        with state.lock:
            if urlsplit(self.path).path == "/token":
                self._sign_in(parse_qs(body.decode()))
                return
            state.headers.append({name.lower(): value for name, value in self.headers.items()})
            resource = json.loads(body)
            if resource["jobReference"]["jobId"] in state.jobs:
                self._error("duplicate", "Already Exists: Job", 409)
                return
            self._start(resource, state.faults.popleft() if state.faults else None)

    def _start(self, resource: dict[str, Any], fault: Fault | None) -> None:
        if isinstance(fault, Refused):
            self._error(fault.reason, fault.message, fault.status)
            return
        job = Job(resource)
        if isinstance(fault, Failed):
            job.error = fault
        if isinstance(fault, Busy):
            job.polls = fault.polls
        self.server_state.jobs[resource["jobReference"]["jobId"]] = job
        if isinstance(fault, Lost):
            self.close_connection = True
            return
        self._json(self._job(job))

    def do_GET(self) -> None:
        state = self.server_state
        with state.lock:
            kind, _, name = urlsplit(self.path).path.rpartition("/")
            kind = kind.rpartition("/")[2]
            if kind == "datasets":
                self._dataset(name)
            elif name not in state.jobs:
                self._error("notFound", f"Not found: Job {PROJECT}:{name}", 404)
            elif kind == "jobs":
                job = state.jobs[name]
                job.polls = max(job.polls - 1, 0)
                self._json(self._job(job))
            else:
                self._results(state.jobs[name])

    def _dataset(self, name: str) -> None:
        datasets = self.server_state.datasets
        if name not in datasets:
            self._error("notFound", f"Not found: Dataset {PROJECT}:{name}")
        elif datasets[name] is None:
            self._error(
                "accessDenied",
                f"Access Denied: Dataset {PROJECT}:{name}: Permission bigquery.datasets.get denied "
                f"on dataset {PROJECT}:{name} (or it may not exist).",
            )
        else:
            reference = {"projectId": PROJECT, "datasetId": name}
            self._json({"datasetReference": reference, "location": datasets[name]})

    def _job(self, job: Job) -> dict[str, Any]:
        status: dict[str, Any] = {"state": "RUNNING" if job.polls else "DONE"}
        if job.error is not None:
            result = {"reason": job.error.reason, "message": job.error.message}
            status |= {"errorResult": result, "errors": [result]}
        statement = "INSERT" if job.query.lstrip().startswith("insert") else "SELECT"
        return {
            **job.resource,
            "status": status,
            "statistics": {"query": {"statementType": statement}},
        }

    def _results(self, job: Job) -> None:
        if job.error is not None:
            self._error(job.error.reason, job.error.message)
            return
        job.polls = max(job.polls - 1, 0)
        reference = job.resource["jobReference"]
        if job.polls:
            self._json({"jobReference": reference, "jobComplete": False})
            return
        names, rows = self.server_state.answer
        self._json(
            {
                "jobReference": reference,
                "jobComplete": True,
                "schema": {"fields": [{"name": name, "type": "STRING"} for name in names]},
                "totalRows": str(len(rows)),
                "rows": [{"f": [{"v": value} for value in row]} for row in rows],
            }
        )

    def _sign_in(self, form: dict[str, list[str]]) -> None:
        if self.server_state.refuses_sign_in:
            self._json({"error": "invalid_grant", "error_description": "Bad Request"}, 400)
            return
        kind = form["grant_type"][0].rpartition(":")[2]
        self._json({"access_token": f"from-{kind}", "expires_in": 3600, "token_type": "Bearer"})

    def _error(self, reason: str, message: str, status: int | None = None) -> None:
        code = status or STATUSES[reason]
        details = [{"message": message, "domain": "global", "reason": reason}]
        self._json({"error": {"code": code, "message": message, "errors": details}}, code)

    def _json(self, body: dict[str, Any], status: int = 200) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
