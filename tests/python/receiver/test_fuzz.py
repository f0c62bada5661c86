"""Many bodies per source that were spoiled: each is answered, and each landed one is
accounted for.

They go through the whole application in this process, half of them with the relay's token (to land)
and half without (to be verified). A sample of what landed is built.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sync.errors import Unreachable
from sync.landing.files import FileSink
from sync.receiver import sources
from sync.receiver.app import Receiver, create_app
from sync.receiver.request import Delivery, Refused
from sync.receiver.settings import read_settings
from tests.python.conftest import ROOT, Warehouse
from tests.python.receiver import signing
from tests.python.receiver.load import TOKEN
from tests.python.receiver.server import read_landing
from tests.python.size import sized

BODIES = sized(small=1_000, deep=100_000)
#: Of each source, built afterwards.
SAMPLE = 150
#: A body limit that some of the bodies exceed.
LIMIT = 20_000
FORMS = {"twilio", "mandrill", "mailchimp", "mailgun"}
#: The documented answers; 500 is none of them.
ANSWERS = {200, 401, 413}


@dataclass(frozen=True)
class Spoiled:
    body: bytes
    content_type: str
    token: str | None


def spoiled(source: str, count: int) -> Iterator[Spoiled]:
    """Fixtures with bytes changed, cut, doubled and mixed, and some noise; always the same."""
    chance = random.Random(source)
    fixtures = [
        path.read_bytes() for path in sorted((ROOT / "tests/fixtures" / source).glob("*.json"))
    ]
    for _ in range(count):
        yield Spoiled(
            _spoil(chance, fixtures),
            chance.choice(_content_types(source)),
            TOKEN if chance.random() < 0.5 else None,
        )


def _content_types(source: str) -> list[str]:
    types = ["application/json", "text/plain; charset=UTF-8", "application/json"]
    if source in FORMS:
        types += ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
    return types


def _spoil(chance: random.Random, fixtures: list[bytes]) -> bytes:
    body = bytearray(chance.choice(fixtures))
    kind = chance.randrange(8)
    if kind == 0:
        return bytes(body[: chance.randrange(len(body) + 1)])
    if kind == 1:
        return chance.randbytes(chance.randrange(200))
    if kind == 2:
        other = chance.choice(fixtures)
        return bytes(body[: chance.randrange(len(body))]) + other[chance.randrange(len(other)) :]
    if kind == 3:
        return bytes(body) * chance.randrange(1, 4)
    if kind == 4:
        return b"[" * chance.randrange(2000) + bytes(body)
    for _ in range(chance.randrange(1, 12)):
        place = chance.randrange(len(body))
        if kind == 5:
            body[place] = chance.randrange(256)
        elif kind == 6:
            body[place:place] = chance.choice([b'"', b"\\", b"{", b"]", b"null", b"\x00", b"1e999"])
        else:
            del body[place : place + chance.randrange(1, 10)]
            body = body or bytearray(b" ")
    return bytes(body)


def unreachable(url: str) -> bytes:
    raise Unreachable(f"nothing is fetched here: {url}")


async def answered(app: Callable[..., Any], source: str, one: Spoiled) -> int:
    """The status that the application gives."""
    headers = [(b"content-type", one.content_type.encode()), (b"host", b"hooks.example.com")]
    if one.token:
        headers.append((b"authorization", f"Bearer {one.token}".encode()))
    scope = {
        "type": "http", "method": "POST", "path": f"/webhooks/{source}", "raw_path": None,
        "query_string": b"", "headers": headers, "scheme": "https", "server": ("x", 443),
        "http_version": "1.1", "client": None, "root_path": "",
    }  # fmt: skip
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": one.body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    (status,) = statuses
    return status


async def post_all(landing: Path, bodies: dict[str, list[Spoiled]]) -> dict[str, list[int]]:
    environment = {**signing.environment(), "RELAY_WEBHOOK_SECRET": TOKEN}
    settings = read_settings(environment, body_limit=LIMIT)
    receiver = Receiver(settings, FileSink(landing, sync=False), fetch=unreachable)
    app = create_app(receiver)
    statuses: dict[str, list[int]] = {}
    for source, of_source in bodies.items():
        statuses[source] = []
        for start in range(0, len(of_source), 200):
            group = of_source[start : start + 200]
            statuses[source] += await asyncio.gather(*(answered(app, source, one) for one in group))
    await receiver.close()
    return statuses


def lands(source: str, one: Spoiled) -> bool:
    """Whether a body that is believed is a delivery; Mandrill's trials are none."""
    headers = {"content-type": one.content_type}
    delivery = Delivery("", {}, headers, one.body, datetime.now(UTC))
    try:
        return sources.get(source).land(delivery) is not None
    except Refused:
        return True


@pytest.mark.parametrize("source", sources.names())
def test_every_spoiled_body_is_answered_and_lands_once_if_it_was_taken(
    source: str, tmp_path: Path
) -> None:
    bodies = list(spoiled(source, BODIES))
    statuses = asyncio.run(post_all(tmp_path, {source: bodies}))[source]
    assert set(statuses) <= ANSWERS
    assert len(statuses) == BODIES
    taken = [one for one, status in zip(bodies, statuses, strict=True) if status == 200]
    assert len(taken) > BODIES // 4
    assert len(read_landing(tmp_path)) == sum(lands(source, one) for one in taken)
    # Without the token only what the platform signed is believed: nothing here.
    assert all(one.token for one in taken)


def test_every_spoiled_delivery_is_accounted_for_by_a_build(warehouse: Warehouse) -> None:
    bodies = {source: list(spoiled(source, SAMPLE)) for source in sources.names()}
    asyncio.run(post_all(warehouse.landing, bodies))
    landed = {row["delivery_id"]: row["source"] for row in read_landing(warehouse.landing)}
    # With data tests: what was taken is events, copies and quarantine, in sum.
    warehouse.build()
    found = warehouse.values("select distinct delivery_id from main.int_events_unioned")
    assert set(found) == landed.keys()
    assert Counter(landed.values()).keys() == set(sources.names())
