"""The pieces of a run that can be looked at alone."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sync.alerts.channels import VARIABLE, read_channels
from sync.alerts.tell import Run
from sync.delivery.guard import Limits
from sync.delivery.report import Part as Outcome
from sync.errors import GuardStop
from sync.landing.delivery import Landed
from sync.profile import Target
from sync.run.alerter import Alerter
from sync.run.builder import Builder
from sync.run.landing import signature
from sync.run.lasting import told_while_it_lasts
from sync.run.line import Lines
from sync.run.parts import Part, Parts
from sync.run.publications import Publications
from sync.run.pusher import Pusher
from sync.run.retry import Retry
from sync.run.schedule import Moment
from sync.run.service import _enabled
from sync.run.sink import may_refuse
from sync.warehouse.duckdb import DuckDbWarehouse
from sync.warehouse.published import is_current
from tests.python.conftest import ROOT, Warehouse, project_with_seeds
from tests.python.sync.engines import DuckDb
from tests.python.sync.inbox import open_inbox
from tests.python.sync.world import wait_until

MONDAY = datetime(2026, 11, 30, 3, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("03:00", "2026-11-30 03:00"),
        ("03:30", "2026-11-30 03:30"),
        ("04:00", "2026-11-29 04:00"),
        ("sunday 04:00", "2026-11-29 04:00"),
        ("Monday 04:00", "2026-11-23 04:00"),
        ("monday 03:00", "2026-11-30 03:00"),
    ],
)
def test_a_moment_is_the_latest_that_has_passed(text: str, last: str) -> None:
    moment = Moment.parse(text)
    assert f"{moment.last(MONDAY):%Y-%m-%d %H:%M}" == last


@pytest.mark.parametrize(
    "text", ["", "25:00", "03:00+02:00", "someday 03:00", "sunday monday 03:00", "sunday"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Moment.parse(text)


def test_the_wait_after_failures_doubles_up_to_a_quarter_of_an_hour() -> None:
    retry = Retry()
    assert retry.seconds() is None
    waits = []
    for _ in range(8):
        retry.failed()
        waits.append(round(retry.seconds() or 0))
    assert waits == [15, 30, 60, 120, 240, 480, 900, 900]
    retry.succeeded()
    assert retry.seconds() is None


def test_whatever_lands_changes_the_signature_and_nothing_else_does(tmp_path: Path) -> None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    old = f"{datetime.now(UTC) - timedelta(days=40):%Y-%m-%d}"
    seen = [signature(tmp_path)]
    for name in (
        f"webhook_deliveries/source=sendgrid/date={today}/a.ndjson",
        f"webhook_deliveries/source=sendgrid/date={today}/b.ndjson",
        f"webhook_deliveries/source=sendgrid/date={old}/a.ndjson",
        f"webhook_deliveries/source=sendgrid/date={old}/b.ndjson",
        "contacts/all.ndjson",
        "email_opens/2026/opens.ndjson",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}\n")
        seen.append(signature(tmp_path))
        assert seen[-1] == signature(tmp_path)
    grown = tmp_path / "contacts/all.ndjson"
    grown.write_text("{}\n{}\n")
    seen.append(signature(tmp_path))
    (tmp_path / "contacts/notes.txt").write_text("no landing file")
    assert signature(tmp_path) == seen[-1]
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    ("source", "payload", "expected"),
    [
        ("sendgrid", '[{"event": "delivered"}]', False),
        ("sendgrid", '[{"event": "delivered"}, {"event": "spamreport"}]', True),
        ("postmark", '{"RecordType": "SpamComplaint"}', True),
        ("postmark", '{"RecordType": "Delivery"}', False),
        ("postmark", '{"RecordType": "SubscriptionChange"}', True),
        ("twilio", '{"SmsStatus": "received", "Body": "STOP"}', True),
        ("twilio", '{"MessageStatus": "delivered"}', False),
        ("segment", '{"type": "identify", "traits": {"email_subscribed_status": false}}', True),
        ("of_no_seed", "{}", True),
    ],
)
def test_what_may_be_a_refusal_does_not_wait(source: str, payload: str, *, expected: bool) -> None:
    row = Landed("d", source, datetime.now(UTC), payload)
    assert may_refuse(ROOT / "seeds")(row) is expected


def test_what_lasts_is_told_again_and_again_until_it_ends() -> None:
    told: list[float] = []
    twice = threading.Event()

    def tell(seconds: float) -> None:
        told.append(seconds)
        if len(told) == 2:
            twice.set()

    with told_while_it_lasts(tell, 0.01):
        assert twice.wait(30)
    count = len(told)
    assert 0 < told[0] < told[1]
    with told_while_it_lasts(tell, 60):
        pass
    assert len(told) == count


@pytest.fixture
def pusher(tmp_path: Path) -> Iterator[tuple[Pusher, Parts]]:
    """One without a database, and what it says."""
    parts = Parts(tmp_path / "run.json", lambda *_: None)
    target = Target("duckdb", "duckdb", "main", {})
    one = Pusher(target, lambda: DuckDbWarehouse(tmp_path / "none"), {}, Limits(), parts)
    yield one, parts
    one.end()


def test_a_key_that_is_missing_is_said_though_nothing_is_pending(
    pusher: tuple[Pusher, Parts],
) -> None:
    one, parts = pusher
    assert list(one.say_unready([*_enabled(ROOT), "nobody"])) == ["sendgrid", "nobody"]
    said = parts.as_json()
    assert said["push sendgrid"]["state"] == "failing"
    assert "SENDGRID_API_KEY is not set" in said["push sendgrid"]["detail"]
    assert "does not know" in said["push nobody"]["detail"]


def test_what_the_guard_says_keeps_its_lines(
    pusher: tuple[Pusher, Parts], capsys: pytest.CaptureFixture[str]
) -> None:
    one, parts = pusher
    stop = GuardStop("sendgrid: stopped by the guard:\n  - too many\n  - too old\nRead the plan.")
    one._say("sendgrid", Outcome("sendgrid", items=3, error=stop))
    (part,) = parts.as_json().values()
    assert part["detail"] == f"nothing sent\n{stop}"
    Lines().tell("push sendgrid", Part(**part))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith(" push sendgrid: failing: nothing sent")
    assert lines[1:] == str(stop).splitlines()


def test_a_builder_publishes_and_reads_a_project_that_changed_anew(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project_with_seeds(warehouse.directory / "project")
    for name, value in warehouse.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(warehouse.directory)
    announced: list[str] = []
    builder = Builder(
        project=project,
        lock=warehouse.directory / "lock",
        database=warehouse.database,
        schema="main",
        options=["--profiles-dir", str(warehouse.profiles)],
        wait=timedelta(seconds=1),
        announce=announced.append,
        waiting=announced.append,
    )
    try:
        assert builder.build("frequent").selection == "frequent"
        assert builder.processes == 1
        builder.publish()
        assert is_current(warehouse.database)
        os.utime(project / "seeds" / "topics.csv", (1, 4_000_000_000))
        assert builder.build("frequent").selection == "frequent"
        assert builder.processes == 2
        assert not is_current(warehouse.database)
    finally:
        builder.stop()
    assert announced == []


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_copy_is_made_once_it_has_been_quiet_for_a_while() -> None:
    clock = Clock()
    publications = Publications(clock)
    assert not publications.is_due((1, 0), is_idle=True)
    clock.now += 4
    assert not publications.is_due((1, 7), is_idle=True), "a platform answered: more may come"
    clock.now += 4
    assert not publications.is_due((1, 7), is_idle=True)
    clock.now += 1
    assert publications.is_due((1, 7), is_idle=True)
    publications.made((1, 7), seconds=0.1)
    clock.now += 3_600
    assert not publications.is_due((1, 7), is_idle=True), "it shows all there is"


def test_traffic_that_never_ends_puts_a_copy_off_for_a_minute_at_most() -> None:
    clock = Clock()
    publications = Publications(clock)
    due = []
    for build in range(31):
        due.append(publications.is_due((build, 0), is_idle=False))
        clock.now += 2
    assert due == [False] * 30 + [True]


def test_copies_take_a_tenth_of_the_time_at_most_and_a_failed_one_waits_a_minute() -> None:
    clock = Clock()
    publications = Publications(clock)
    publications.made((1, 0), seconds=30)
    publications.is_due((2, 0), is_idle=True)
    clock.now += 299
    assert not publications.is_due((2, 0), is_idle=True)
    clock.now += 1
    assert publications.is_due((2, 0), is_idle=True)
    publications.failed(seconds=0.1)
    clock.now += 59
    assert not publications.is_due((2, 0), is_idle=True)
    clock.now += 1
    assert publications.is_due((2, 0), is_idle=True)
    publications.failed(seconds=30)
    clock.now += 299
    assert not publications.is_due((2, 0), is_idle=True), "a disk that is full fills slowly"


def test_it_tells_what_is_wrong_beside_all_else_and_a_channel_that_fails_stops_nothing(
    tmp_path: Path,
) -> None:
    database = tmp_path / "contact_sync.duckdb"
    engine = DuckDb(database)
    engine.create("insert into raw.builds values ('bad', null, now()::timestamp, null, true)")
    engine.sql("insert into possible_opt_outs values ('twilio', 'sms', timestamp '2026-01-01')")
    said: list[tuple[str, str, str]] = []
    parts = Parts(
        tmp_path / "run.json", lambda name, part: said.append((name, part.state, part.detail))
    )
    with open_inbox() as inbox:
        inbox.status = 500
        channels = read_channels({VARIABLE: inbox.url})
        run = Run("", has_died=False)
        alerter = Alerter(channels, "prod", lambda: DuckDbWarehouse(database), parts, run).start(
            pause=0.01, longest=60
        )
        wait_until(
            lambda: ("alert", "failing", "no message was taken by json 1") in said, "it fails"
        )
        inbox.status = 200
        alerter.ask()
        wait_until(lambda: parts.state("alert") == "idle", "it is told")
        alerter.end()
        alerter.join(time.monotonic() + 10)
    assert len(inbox.messages) == 1
    assert "a reply that may be an opt-out waits for" in said[-1][2]
