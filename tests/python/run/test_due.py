"""What a run builds next, where several things are due at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sync.delivery.guard import Limits
from sync.errors import SyncError
from sync.profile import Target
from sync.run.builder import Builder
from sync.run.loop import Loop, Times
from sync.run.parts import Part, Parts
from sync.run.pusher import Pusher
from sync.run.schedule import Moment
from sync.warehouse.duckdb import DuckDbWarehouse

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    parts = Parts(tmp_path / "run.json", lambda *_: None)
    for selection in ("daily", "weekly"):
        parts.note(selection, NOW)
    return parts


@pytest.fixture
def loop(tmp_path: Path, parts: Parts) -> Iterator[Loop]:
    """Something has always just landed; whatever is built fails, as there is no project."""
    builder = Builder(
        project=tmp_path,
        lock=tmp_path / "lock",
        database=None,
        schema="main",
        options=[],
        wait=timedelta(),
        announce=print,
        waiting=print,
    )
    target = Target("duckdb", "duckdb", "main", {})
    pusher = Pusher(target, lambda: DuckDbWarehouse(tmp_path / "none"), {}, Limits(), parts)
    loop = Loop(
        builder,
        pusher,
        parts,
        Times(Moment.parse("03:00"), Moment.parse("sunday 04:00"), None),
        lambda: 1,
        database=None,
    )
    loop._has_built = True
    yield loop
    pusher.end()


def test_what_landed_is_built_where_nothing_of_the_schedule_is_due(loop: Loop) -> None:
    assert loop._due(NOW) == "frequent"


@pytest.mark.parametrize("selection", ["daily", "weekly"])
def test_traffic_that_never_ends_does_not_keep_the_schedule_off(
    loop: Loop, parts: Parts, selection: str
) -> None:
    parts.note(selection, NOW - timedelta(days=9))
    assert loop._due(NOW) == selection


def test_what_fails_keeps_nothing_else_waiting(loop: Loop, parts: Parts) -> None:
    for selection in ("daily", "weekly"):
        parts.note(selection, NOW - timedelta(days=9))
    asked = []
    for _ in range(3):
        asked.append(loop._due(NOW))
        loop._retries[str(asked[-1])].failed()
    assert [*asked, loop._due(NOW)] == ["weekly", "daily", "frequent", None]


class Hanging:
    """A builder whose build ends when it is told to."""

    def __init__(self) -> None:
        self.may_end = threading.Event()

    def build(self, _: str) -> None:
        assert self.may_end.wait(30)
        raise SyncError("it was ended")


def test_a_build_that_does_not_end_is_said_to_run_and_since_when(
    loop: Loop, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = Hanging()
    states: list[Part] = []

    def tell(_: str, part: Part) -> None:
        states.append(part)
        if "still running" in part.detail:
            builder.may_end.set()

    monkeypatch.setattr("sync.run.loop._LONG", 0.01)
    monkeypatch.setattr(loop, "_builder", builder)
    monkeypatch.setattr(parts, "_tell", tell)
    loop._build("frequent", threading.Event())
    began, running, *_ = states
    assert running.detail == "frequent build: still running after 0.0 s"
    assert (running.state, running.since) == ("working", began.since)
    assert states[-1].state == "failing"
