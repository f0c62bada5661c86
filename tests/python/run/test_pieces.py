"""The pieces of a run that can be looked at alone."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sync.receiver.landed import Landed
from sync.run.builder import Builder
from sync.run.landing import signature
from sync.run.retry import Retry
from sync.run.schedule import Moment
from sync.run.sink import may_refuse
from tests.python.conftest import ROOT, Warehouse, project_with_seeds

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


def test_a_builder_whose_project_changed_reads_it_anew(
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
        options=["--profiles-dir", str(warehouse.profiles)],
        wait=timedelta(seconds=1),
        announce=announced.append,
        waiting=announced.append,
    )
    try:
        assert builder.build("frequent").selection == "frequent"
        assert builder.processes == 1
        os.utime(project / "seeds" / "topics.csv", (1, 4_000_000_000))
        assert builder.build("frequent").selection == "frequent"
        assert builder.processes == 2
    finally:
        builder.stop()
    assert announced == []
