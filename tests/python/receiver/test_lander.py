"""Deliveries that come together share one write; what is too much is refused at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sync.landing.delivery import Landed, NotLanded, RequestCount
from sync.landing.files import FileSink
from sync.receiver.lander import Lander
from tests.python.receiver.server import read_landing

NOON = datetime(2026, 5, 2, 12, tzinfo=UTC)


def row(number: int, *, source: str = "sendgrid", at: datetime = NOON) -> Landed:
    return Landed(f"d-{number}", source, at, f'[{{"n": {number}}}]')


class Watched(FileSink):
    """A real sink whose writes can be held up, and are counted."""

    def __init__(self, landing: Path) -> None:
        super().__init__(landing)
        self.may_write = threading.Event()
        self.groups: list[int] = []

    def write(self, rows: Sequence[Landed]) -> list[Exception | None]:
        self.may_write.wait(30)
        self.groups.append(len(rows))
        return super().write(rows)


def test_what_comes_while_a_write_is_under_way_goes_with_the_next(tmp_path: Path) -> None:
    sink = Watched(tmp_path)

    async def run() -> None:
        lander = Lander(sink)
        landing = [asyncio.create_task(lander.land(row(number))) for number in range(200)]
        await asyncio.sleep(0.1)
        sink.may_write.set()
        await asyncio.gather(*landing)
        await lander.close()

    asyncio.run(run())
    assert sum(sink.groups) == 200
    assert len(sink.groups) <= 3
    assert len(read_landing(tmp_path)) == 200


def test_more_than_may_wait_is_refused_at_once_and_the_rest_lands(tmp_path: Path) -> None:
    sink = Watched(tmp_path)

    async def run() -> list[BaseException | None]:
        lander = Lander(sink, most_waiting=10)
        landing = [asyncio.create_task(lander.land(row(number))) for number in range(50)]
        await asyncio.sleep(0.1)
        refused = [task for task in landing if task.done()]
        assert len(refused) == 40
        sink.may_write.set()
        results = await asyncio.gather(*landing, return_exceptions=True)
        await lander.close()
        return results

    results = asyncio.run(run())
    assert sum(isinstance(result, NotLanded) for result in results) == 40
    assert len(read_landing(tmp_path)) == 10


def test_however_many_sources_are_noisy_another_lands(tmp_path: Path) -> None:
    sink = Watched(tmp_path)
    noisy = [row(number, source=f"noisy{number % 3}") for number in range(300)]

    async def run() -> None:
        lander = Lander(sink, most_waiting=50)
        landing = [asyncio.create_task(lander.land(one)) for one in noisy]
        await asyncio.sleep(0.1)
        assert sum(task.done() for task in landing) > 200
        quiet = asyncio.create_task(lander.land(row(300, source="quiet")))
        await asyncio.sleep(0.1)
        sink.may_write.set()
        await quiet
        await asyncio.gather(*landing, return_exceptions=True)
        await lander.close()

    asyncio.run(run())
    assert len(read_landing(tmp_path, "quiet")) == 1


def test_larger_bodies_than_may_wait_are_refused(tmp_path: Path) -> None:
    sink = Watched(tmp_path)

    async def run() -> None:
        lander = Lander(sink, most_bytes=20)
        with pytest.raises(NotLanded):
            await lander.land(row(1)._replace(payload="x" * 21))
        await lander.close()

    asyncio.run(run())
    assert read_landing(tmp_path) == []


def test_a_new_day_a_large_and_an_old_file_begin_a_new_file(tmp_path: Path) -> None:
    by_day = FileSink(tmp_path / "day")
    by_day.write([row(1)])
    by_day.write([row(2, at=NOON + timedelta(days=1))])
    assert len(list((tmp_path / "day").rglob("*.ndjson"))) == 2
    by_size = FileSink(tmp_path / "size", largest_file=10)
    by_age = FileSink(tmp_path / "age", longest_open=-1.0)
    for number in range(3):
        by_size.write([row(number)])
        by_age.write([row(number)])
    assert len(list((tmp_path / "size").rglob("*.ndjson"))) == 3
    assert len(list((tmp_path / "age").rglob("*.ndjson"))) == 3


def test_a_process_never_appends_to_anothers_file(tmp_path: Path) -> None:
    first = FileSink(tmp_path)
    first.write([row(1)])
    (torn,) = tmp_path.rglob("*.ndjson")
    with torn.open("a") as file:
        file.write('{"delivery_id": "to')
    FileSink(tmp_path).write([row(2)])
    assert torn.read_text().endswith('"to')
    assert len(list(tmp_path.rglob("*.ndjson"))) == 2


def test_counts_are_kept_by_day(tmp_path: Path) -> None:
    FileSink(tmp_path).write_counts([RequestCount("sendgrid", "2xx", 3, NOON)])
    (path,) = tmp_path.glob("webhook_requests/date=2026-05-02/*.ndjson")
    assert '"requests": 3' in path.read_text()
