"""kill -9, SIGTERM, two runs at once: the real command as a process of its own."""

from __future__ import annotations

import json
import random
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

import sync.delivery.push
from sync.delivery.lock import Lease, Tally, new_run_id
from sync.errors import LockHeld, LockLost
from tests.python.size import sized
from tests.python.sync.engines import ENGINES
from tests.python.sync.world import SandboxClient, World, addresses, wait_until

pytestmark = pytest.mark.parametrize("engine", ENGINES, indirect=True)

KILLS = sized(small=6, deep=220)
EVERYTHING = ("--max-suppress", "100%:1000000", "--max-release", "100%:1000000")


def killed_after(world: World, sandbox: SandboxClient, calls: int) -> bool:
    """A push that gets kill -9 once the platform saw so many calls; False if it was done before."""
    before = sandbox.call_count()
    process = world.start("push", *EVERYTHING)
    wait_until(
        lambda: sandbox.call_count() - before >= calls or process.poll() is not None,
        "the calls of a run",
    )
    process.kill()
    _, errors = process.communicate()
    assert process.returncode in (-signal.SIGKILL, 0), errors
    return process.returncode == -signal.SIGKILL


def test_kill_9_at_random_points_loses_and_hides_nothing(
    world: World, sandbox: SandboxClient
) -> None:
    """Every run is killed at another point; the next one starts at once and repeats the rest."""
    randomness = random.Random(20261122)
    world.already_pushed()
    world.environment["SENDGRID_BATCH_SIZE"] = "2"
    sandbox.fault("slow", seconds=0.01)
    kills = 0
    for number in range(KILLS):
        world.want(*addresses(10, f"bounced{number}-"))
        sandbox.fill({"bounces": addresses(2, f"back{number}-")})
        world.want(*addresses(2, f"back{number}-"), action="release")
        # 0: while it starts. Others: after so many calls, somewhere between answer and ledger.
        kills += killed_after(world, sandbox, calls=randomness.randint(0, 14))
    assert kills >= KILLS - 2
    last = world.cli("push", *EVERYTHING)
    assert last.returncode == 0, last.stderr
    wanted = {address for number in range(KILLS) for address in addresses(10, f"bounced{number}-")}
    freed = {address for number in range(KILLS) for address in addresses(2, f"back{number}-")}
    lists = sandbox.lists()
    assert set(lists["global"]) == wanted
    assert lists["bounces"] == []
    confirmed = {row["address"] for row in world.ledger() if row["outcome"] == "confirmed"}
    assert confirmed == wanted | freed
    assert world.sql("select count(*) from sync_deltas") == [(0,)]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_lets_what_is_in_flight_finish(
    world: World, sandbox: SandboxClient, number: signal.Signals, code: int
) -> None:
    world.already_pushed()
    world.want(*addresses(400))
    sandbox.fault("slow", seconds=0.3)
    process = world.start("push", *EVERYTHING, SENDGRID_BATCH_SIZE="1", SENDGRID_RATE="20")
    wait_until(lambda: sandbox.call_count() >= 3, "three calls")
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "suppressed" in output
    # What the platform has is what the ledger has: neither more nor less.
    listed = set(sandbox.lists()["global"])
    assert 3 <= len(listed) < 400
    assert set(world.outcomes()) == listed
    # Of what waited its turn the ledger says that it did not go out.
    rows = world.sql("select address from raw.sync_ledger where outcome = 'unsent'")
    unsent = {address for (address,) in rows}
    assert len(unsent) > 300
    assert unsent & listed == set()
    assert "stopped" in {status for _, status in world.runs()}
    sandbox.heal()
    assert world.cli("push", *EVERYTHING).returncode == 0
    assert set(sandbox.lists()["global"]) == set(addresses(400))


def test_sigterm_in_the_middle_of_a_release_records_what_was_answered(
    world: World, sandbox: SandboxClient
) -> None:
    people = addresses(400)
    sandbox.fill({"global": people})
    world.already_pushed()
    world.list_addresses(1)
    world.want(*people, action="release", reason="unengaged")
    sandbox.fault("slow", seconds=0.2)
    process = world.start("push", *EVERYTHING, SENDGRID_RATE="20")
    wait_until(lambda: len(sandbox.lists()["global"]) <= 395, "five releases")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    released = set(people) - set(sandbox.lists()["global"])
    assert 5 <= len(released) < 400
    assert set(world.outcomes()) == released


def test_a_second_run_exits_4_at_once_and_sends_nothing(
    world: World, sandbox: SandboxClient
) -> None:
    world.already_pushed()
    world.want("a@example.com")
    sandbox.fault("slow", seconds=60, count=1)
    first = world.start("push", *EVERYTHING)
    wait_until(lambda: sandbox.call_count() >= 1, "the first call")
    second = world.cli("push", *EVERYTHING)
    assert second.returncode == 4
    assert "holds the lock" in second.stderr
    sandbox.heal()
    first.communicate(timeout=60)
    assert first.returncode == 0
    assert sandbox.call_count() == 1
    assert len(world.ledger()) == 1


def test_plan_and_status_work_while_a_push_runs(world: World, sandbox: SandboxClient) -> None:
    world.already_pushed()
    world.want("a@example.com")
    sandbox.fault("slow", seconds=60, count=1)
    process = world.start("push", *EVERYTHING)
    wait_until(lambda: sandbox.call_count() >= 1, "the first call")
    assert world.cli("plan").returncode == 0
    runs = json.loads(world.cli("status", "--output", "json").stdout)["runs"]
    assert runs[0]["status"] == "running"
    sandbox.heal()
    process.communicate(timeout=60)
    assert process.returncode == 0


def add_run(world: World, run_id: str, expires_in: timedelta, status: str = "running") -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    world.sql(
        "insert into raw.sync_runs (run_id, destination, started_at, expires_at, status)"
        " values (?, 'sendgrid', ?, ?, ?)",
        [run_id, now, now + expires_in, status],
    )


def test_a_lock_of_another_machine_holds_until_it_expires(world: World) -> None:
    world.already_pushed()
    world.want("a@example.com")
    add_run(world, "20260101T000000Z-0therhst-1-abc", timedelta(seconds=50))
    assert world.push().exit_code == 4
    world.sql("update raw.sync_runs set expires_at = expires_at - interval 60 second where true")
    assert world.push().exit_code == 0


def test_a_finished_run_holds_nothing(world: World) -> None:
    world.already_pushed()
    world.want("a@example.com")
    add_run(world, "20260101T000000Z-0therhst-1-abc", timedelta(seconds=50))
    now = datetime.now(UTC).replace(tzinfo=None)
    world.sql(
        "insert into raw.sync_runs (run_id, destination, started_at, ended_at, expires_at, status)"
        " values ('20260101T000000Z-0therhst-1-abc', 'sendgrid', ?, ?, ?, 'finished')",
        [now, now, now],
    )
    assert world.push().exit_code == 0


def test_the_lock_of_one_destination_does_not_hold_another(world: World) -> None:
    warehouse = world.warehouse()
    Lease(warehouse, new_run_id(), "sendgrid", None).take()
    Lease(warehouse, new_run_id(), "mailgun", None).take()
    with pytest.raises(LockHeld):
        Lease(warehouse, new_run_id(), "sendgrid", None).take()


def test_a_renewed_lock_outlives_its_first_expiry(world: World) -> None:
    warehouse = world.warehouse()
    lease = Lease(warehouse, new_run_id(), "sendgrid", None)
    lease.take()
    world.sql("update raw.sync_runs set expires_at = expires_at - interval 61 second where true")
    lease.renew(Tally())
    with pytest.raises(LockHeld):
        Lease(warehouse, new_run_id(), "sendgrid", None).take()


def test_a_run_that_outlasts_its_lock_keeps_it(
    world: World, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync.delivery.push, "RENEW_EVERY", timedelta(milliseconds=200))
    world.already_pushed()
    world.want("a@example.com")
    sandbox.fault("slow", seconds=60, count=1)

    def is_held() -> bool:
        now = datetime.now(UTC).replace(tzinfo=None)
        return world.sql("select max(expires_at) > ? from raw.sync_runs", [now]) == [(True,)]

    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(world.push)
        try:
            wait_until(lambda: sandbox.call_count() >= 1, "the first call")
            # As if it had been sending for longer than the lock lasts.
            world.sql(
                "update raw.sync_runs set expires_at = expires_at - interval 61 second where true"
            )
            wait_until(is_held, "a renewal", seconds=30)
            second = world.cli("push", *EVERYTHING)
        finally:
            sandbox.heal()
        assert second.returncode == 4, second.stderr
        assert run.result(60).exit_code == 0
    assert sandbox.call_count() == 1


def test_a_run_that_lost_its_lock_notices_and_leaves_the_new_holder_alone(world: World) -> None:
    warehouse = world.warehouse()
    lease = Lease(warehouse, new_run_id(), "sendgrid", None)
    lease.take()
    world.sql("update raw.sync_runs set expires_at = expires_at - interval 61 second where true")
    other = Lease(warehouse, new_run_id(), "sendgrid", None)
    other.take()
    with pytest.raises(LockLost):
        lease.renew(Tally())
    lease.release("failed", Tally())
    assert world.runs()[-1] == (other.run_id, "running")


def test_every_run_leaves_its_counts(world: World, sandbox: SandboxClient) -> None:
    world.already_pushed()
    world.list_addresses(10)
    world.want("a@example.com", "bad@example.com")
    world.want("free@example.com", action="release")
    sandbox.fault("poison", address="bad@example.com")
    assert world.push().exit_code == 1
    last = world.sql(
        "select destination, status, suppressed, released, confirmed, rejected, failed,"
        " ended_at >= started_at from raw.sync_runs where ended_at is not null"
    )
    assert last == [("sendgrid", "incomplete", 1, 1, 2, 1, 0, True)]
