"""Documented limits are kept to the letter, as a server sees it that counts what arrives."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sync.delivery.calls import Caller, RetryPolicy
from sync.delivery.connection import connected
from sync.delivery.rate import Schedule
from sync.delivery.settings import read_settings
from sync.destinations import get
from sync.destinations.base import Limit, Request
from sync.errors import ConfigError
from sync.http import HttpClient
from tests.python.sync.cases import Case
from tests.python.sync.test_contract import CASES, settings_of
from tests.python.sync.test_contract_runs import EACH
from tests.python.sync.test_rate import Clock
from tests.python.sync.world import SandboxClient, wait_until

#: Seconds that the network takes at most, there and back: enough to move calls between windows.
JITTER = 0.15
UNSUBSCRIBE = "POST /v1/subscriptions/unsubscribe"


class Counting:
    """When the calls of each kind arrived, behind a network that takes longer or shorter."""

    def __init__(self) -> None:
        self.arrivals: defaultdict[str, list[float]] = defaultdict(list)
        self._random = random.Random(11)
        self._lock = threading.Lock()
        self.url = ""

    def jitter(self) -> float:
        with self._lock:
            return self._random.choice((0.0, self._random.random() * JITTER))

    def arrive(self, label: str) -> None:
        with self._lock:
            self.arrivals[label].append(time.monotonic())

    def most_within(self, seconds: float, *labels: str) -> int:
        """The most that arrived within any so many seconds, of some kinds of call or of all."""
        times = sorted(at for name in labels or self.arrivals for at in self.arrivals[name])
        return max(sum(at <= other < at + seconds for other in times) for at in times)


def attentive(method: str, body: Any) -> Any:
    """Everybody is a subscriber, and the call unsubscribes."""
    one = {"type": "MARKETING", "channel": "TEXT"}
    if method == "GET":
        row = {"subscription": one, "eligibility": {"isEligible": True}}
        return {"subscriptionEligibilities": [row]}
    rows = [
        {"subscription": kind, "subscriptionUnsubscribeStatus": "NEWLY_UNSUBSCRIBED"}
        for kind in (body or {}).get("subscriptions", [])
    ]
    return {"subscriptionResponses": rows}


@contextmanager
def counting() -> Iterator[Counting]:
    found = Counting()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            time.sleep(found.jitter())
            found.arrive(f"{self.command} {self.path.partition('?')[0]}")
            time.sleep(found.jitter())
            body = json.dumps(attentive(self.command, json.loads(raw or b"null"))).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = answer  # noqa: N815 (the names are those of the library)
        do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


def drained(
    url: str, requests: Sequence[Request], schedule: Schedule, *, connections: int = 16
) -> None:
    with (
        HttpClient(url, {}, timeout=30, connections=connections) as client,
        ThreadPoolExecutor(connections) as pool,
    ):
        caller = Caller(client, schedule, threading.Event(), policy=RetryPolicy(), pool=pool)
        assert {type(answer).__name__ for answer in caller.map(requests)} == {"Response"}


def test_no_stretch_of_a_limit_holds_more_than_it_allows_whatever_the_burst() -> None:
    limits = (Limit(8, 0.4), Limit(3, 0.4, "/few"))
    requests = [Request("GET", "/few" if one % 2 else "/many") for one in range(60)]
    with counting() as server:
        # Without spacing: all that may go goes at once.
        drained(server.url, requests, Schedule(None, limits=limits))
    assert server.most_within(0.4) <= 8
    assert server.most_within(0.4, "GET /few") <= 3


def test_a_limit_of_one_device_counts_each_apart() -> None:
    limit = Limit(1, 0.4, "/devices/*", each="token")
    requests = [Request("GET", "/devices/{token}", {"token": str(one % 5)}) for one in range(15)]
    with counting() as server:
        drained(server.url, requests, Schedule(None, limits=(limit,)))
    assert [server.most_within(0.4, f"GET /devices/{one}") for one in range(5)] == [1] * 5
    assert server.most_within(0.4) > 1


def test_attentive_gets_five_unsubscribes_a_second_and_ten_calls() -> None:
    case = next(case for case in CASES if case.name == "attentive")
    kind = get(case.name)
    row = next(row for row in case.rows if row.channel == "sms")
    with counting() as server:
        environment = {**settings_of(case), "ATTENTIVE_BASE_URL": server.url}
        settings = read_settings(kind, environment)
        with (
            connected(kind, settings, stop=threading.Event(), workers=8) as (destination, _),
            ThreadPoolExecutor(8) as pool,
        ):
            people = case.people(row, 16)
            outcomes = list(pool.map(lambda one: list(destination.suppress([one])), people))
    assert {outcome.result for found in outcomes for outcome in found} == {"confirmed"}
    assert len(server.arrivals[UNSUBSCRIBE]) == 16
    assert server.most_within(1.0, UNSUBSCRIBE) <= 5
    assert server.most_within(1.0) <= 10


@EACH
def test_a_destination_plans_no_more_than_its_documents_allow(case: Case) -> None:
    kind = get(case.name)
    settings = read_settings(kind, settings_of(case))
    whole = [limit for limit in settings.all_limits if limit.path == "*"]
    assert all(kind.calls_per_second <= one.calls / one.seconds * 1.001 for one in whole)


def test_a_rate_of_the_environment_replaces_the_limit_of_all_calls_and_no_other() -> None:
    kind = get("attentive")
    key = {"ATTENTIVE_API_KEY": "key"}
    few = read_settings(kind, {**key, "ATTENTIVE_RATE": "4"}).all_limits
    assert few[0] == Limit(4, 1.0)
    assert Limit(5, 1.0, "/v1/subscriptions/unsubscribe", "POST") in few
    assert read_settings(kind, {**key, "ATTENTIVE_RATE": "0"}).all_limits == ()


def test_the_parts_of_a_push_share_a_limit() -> None:
    settings = read_settings(get("twilio"), settings_of(CASES[-1]))
    assert settings.shared_by(4).all_limits == (Limit(25, 60.0),)
    with pytest.raises(ConfigError, match="at most 100 parts"):
        settings.shared_by(101)


@EACH
@pytest.mark.parametrize("status", [429, 500, 503])
def test_no_call_starts_before_the_platform_said_whatever_its_status(
    case: Case, status: int, sandbox: SandboxClient
) -> None:
    kind = get(case.name)
    sandbox.fault("error", platform=case.name, status=status, retry_after=250, count=1)
    schedule, stop = Schedule(None, clock=Clock()), threading.Event()
    with (
        HttpClient(
            f"{sandbox.url}/{case.name}",
            kind.headers(settings_of(case)),
            timeout=10,
            connections=1,
            members=kind.members(settings_of(case)),
            is_only_host=True,
            judge=kind.judge,
            sign=kind.signer(settings_of(case)),
        ) as client,
        ThreadPoolExecutor(1) as calls,
        ThreadPoolExecutor(1) as pool,
    ):
        caller = Caller(client, schedule, stop, policy=RetryPolicy(first_wait=0.0), pool=calls)
        destination = kind(caller, settings_of(case))
        person = case.people(case.rows[0], 1)
        verb = pool.submit(lambda: list(destination.suppress(person)))
        try:
            wait_until(lambda: verb.done() or schedule.reserve() == 1250.0, "the pause")
        finally:
            stop.set()
        verb.exception(30)
    assert schedule.reserve() == 1250.0
    assert sandbox.call_count() == 1
