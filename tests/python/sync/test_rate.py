"""The schedule that all calls of one credential share; time is a number that the test moves."""

from __future__ import annotations

import email.utils
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sync.delivery.calls import Caller, RetryPolicy
from sync.delivery.rate import Schedule
from sync.destinations.base import Request
from sync.errors import DestinationDown, Stopped
from sync.http import HttpClient, seconds_to_wait
from tests.python.sync.world import KEY, SandboxClient, World, wait_until


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_start_times_are_one_interval_apart() -> None:
    clock = Clock()
    schedule = Schedule(10, clock=clock)
    starts = [schedule.reserve() for _ in range(50)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(starts[1:])]
    assert gaps == [pytest.approx(0.1)] * 48


def test_calls_that_start_late_do_not_slow_the_mean() -> None:
    clock = Clock()
    schedule = Schedule(10, burst=2, clock=clock)
    for _ in range(1000):
        start = schedule.reserve()
        # Every call wakes up a little late.
        clock.now = max(clock.now, start) + 0.03
    assert clock.now - 1000.0 == pytest.approx(1000 / 10, rel=0.01)


def test_after_a_pause_only_a_burst_may_catch_up() -> None:
    clock = Clock()
    schedule = Schedule(10, burst=3, clock=clock)
    schedule.reserve()
    clock.now += 60
    at_once = [start for start in (schedule.reserve() for _ in range(20)) if start <= clock.now]
    assert len(at_once) == 3


def test_a_wish_to_wait_moves_the_whole_schedule() -> None:
    clock = Clock()
    schedule = Schedule(10, clock=clock)
    before = [schedule.reserve() for _ in range(5)]
    schedule.move(30)
    after = [schedule.reserve() for _ in range(5)]
    assert max(before) < 1030 <= min(after)
    # One after the other again, not all at the end of the pause.
    assert after == [pytest.approx(1030 + number * 0.1) for number in range(5)]


def test_a_shorter_wish_does_not_shorten_a_longer_one() -> None:
    clock = Clock()
    schedule = Schedule(10, clock=clock)
    schedule.move(30)
    schedule.move(1)
    assert schedule.reserve() >= 1030


def test_without_a_limit_every_call_may_start() -> None:
    clock = Clock()
    schedule = Schedule(None, clock=clock)
    assert all(schedule.reserve() <= clock.now for _ in range(1000))


def test_sigterm_ends_a_wait() -> None:
    schedule = Schedule(10)
    schedule.move(3600)
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(Stopped):
        schedule.wait(stop)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"x-ratelimit-reset": "12"}, 12),
        ({"retry-after": "3", "x-ratelimit-reset": "99"}, 3),
        ({"retry-after": "soon", "x-ratelimit-reset": "9"}, 9),
        ({"retry-after": "999999"}, 3600),
        ({"x-ratelimit-reset": "1500000000"}, 0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
    ],
)
def test_every_form_in_which_platforms_say_when(
    headers: dict[str, str], expected: float | None
) -> None:
    assert seconds_to_wait(headers) == expected


def test_an_instant_becomes_the_seconds_until_it() -> None:
    at = time.time() + 1000
    for name, value in (
        ("x-ratelimit-reset", str(at)),
        ("retry-after", email.utils.formatdate(at, usegmt=True)),
    ):
        assert seconds_to_wait({name: value}) == pytest.approx(1000, abs=60)


def test_a_platform_that_asks_for_a_long_pause_is_left_to_the_next_run(
    world: World, sandbox: SandboxClient
) -> None:
    world.want("a@example.com")
    sandbox.fault("error", status=429, retry_after=1800)
    part = world.push_freely()
    assert isinstance(part.error, DestinationDown)
    assert "1800 s" in str(part.error)
    assert world.outcomes() == {"a@example.com": "failed"}
    assert sandbox.call_count() == 1


def test_a_short_pause_is_waited_for(world: World, sandbox: SandboxClient) -> None:
    world.want("a@example.com")
    sandbox.fault("error", status=429, retry_after=0.3, count=3)
    assert world.push_freely().exit_code == 0
    assert world.ledger()[0]["attempts"] == 4


def test_no_call_starts_before_the_platform_said(sandbox: SandboxClient) -> None:
    sandbox.fault("error", status=429, retry_after=250, count=1)
    clock = Clock()
    schedule = Schedule(None, clock=clock)
    stop = threading.Event()
    with (
        HttpClient(
            f"{sandbox.url}/sendgrid", {"Authorization": f"Bearer {KEY}"}, timeout=10, connections=1
        ) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        caller = Caller(client, schedule, stop, policy=RetryPolicy(), pool=pool)
        call = pool.submit(caller.call, Request("GET", "/v3/suppression/bounces"))
        try:
            wait_until(lambda: call.done() or schedule.reserve() == 1250.0, "the pause")
            assert not call.done()
        finally:
            stop.set()
        with pytest.raises(Stopped):
            call.result(20)
    assert sandbox.call_count() == 1
