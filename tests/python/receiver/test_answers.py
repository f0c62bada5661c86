"""What a request is answered: the statuses on which platforms retry, stop, or count as taken."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from sync.landing.files import FileSink
from sync.receiver import sources
from sync.receiver.app import Receiver, create_app
from sync.receiver.settings import read_settings
from tests.python.receiver import signing
from tests.python.receiver.server import Server
from tests.python.receiver.signing import SECRETS, Request, signed
from tests.python.sync.world import wait_until

PAYLOADS = {
    "klaviyo": '{"data":[],"meta":{"klaviyo_webhook_id":"a8b8"}}',
    "mailgun": '{"event-data":{"event":"opened"}}',
    "mandrill": '{"mandrill_events":"[{}]"}',
    "ses": '{"Type":"Notification","Message":"{}"}',
}


def good(source: str) -> Request:
    return signed(source, PAYLOADS.get(source, '{"a":"1"}'))


@pytest.mark.parametrize("source", sources.names())
def test_what_was_landed_is_answered_200(receiver: Server, source: str) -> None:
    """Exactly 200: SparkPost sends again after any other, 201 and 204 included."""
    outcome = receiver.deliver(good(source))
    assert outcome.status == 200
    assert len(outcome.landed) == 1


def test_twilio_is_told_to_reply_nothing(receiver: Server) -> None:
    outcome = receiver.deliver(good("twilio"))
    assert outcome.headers["content-type"].startswith("text/xml")
    assert outcome.text == "<Response/>"


@pytest.mark.parametrize("source", [name for name in sources.names() if name != "twilio"])
def test_the_others_are_told_nothing(receiver: Server, source: str) -> None:
    assert receiver.deliver(good(source)).text == ""


@pytest.mark.parametrize("name", ["nobody", "base", "__init__", "SendGrid", "sendgrid.py", "a b"])
def test_an_unknown_source_is_answered_404_with_those_that_are_known(
    receiver: Server, name: str
) -> None:
    outcome = receiver.send("POST", f"/webhooks/{name}", content=b"{}")
    assert (outcome.status, outcome.landed) == (404, [])
    for source in sources.names():
        assert source in json.loads(outcome.text)["error"]


@pytest.mark.parametrize("path", ["/", "/webhooks", "/webhooks/", "/webhooks/sendgrid/a", "/docs"])
def test_there_is_nothing_else(receiver: Server, path: str) -> None:
    assert receiver.send("POST", path, content=b"{}").status == 404


@pytest.mark.parametrize("source", sources.names())
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_another_method_is_answered_405_with_those_that_are_taken(
    receiver: Server, source: str, method: str
) -> None:
    outcome = receiver.deliver(good(source), method)
    assert (outcome.status, outcome.landed) == (405, [])
    assert "POST" in outcome.headers["allow"].split(", ")


def test_a_body_beyond_the_limit_is_answered_413(start: Callable[..., Server]) -> None:
    server = start("--body-limit", "1KB", **signing.environment("braze", secrets=slice(1)))

    async def in_pieces(size: int) -> int:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(size):
                yield b"a"

        headers = {"authorization": f"Bearer {SECRETS['braze'][0]}"}
        async with httpx.AsyncClient(trust_env=False) as client:
            url = f"{server.url}/webhooks/braze"
            return (await client.post(url, content=pieces(), headers=headers)).status_code

    assert server.deliver(signed("braze", "a" * 1024)).landed == ["a" * 1024]
    outcome = server.deliver(signed("braze", "a" * 1025))
    assert (outcome.status, outcome.landed) == (413, [])
    assert "1024" in outcome.text
    # Without a Content-Length that would say so at once.
    assert asyncio.run(in_pieces(1024)) == 200
    assert asyncio.run(in_pieces(1025)) == 413
    assert len(server.rows()) == 2


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate, gzip"])
def test_a_compressed_body_is_answered_415(receiver: Server, coding: str) -> None:
    """A signature covers the bytes that were sent, and no platform was told to compress them."""
    request = good("braze")
    headers = {**request.headers, "content-encoding": coding}
    outcome = receiver.send("POST", request.path, content=request.body, headers=headers)
    assert (outcome.status, outcome.landed) == (415, [])


@pytest.mark.parametrize("source", sources.names())
def test_what_cannot_be_landed_is_answered_so_that_the_platform_sends_it_again(
    start: Callable[..., Server], tmp_path: Path, source: str
) -> None:
    """Brevo drops an event after any 5xx, and tries again after 429."""
    (tmp_path / "landing").write_text("a file where the folder should be")
    server = start(**signing.environment(source))
    request = good(source)
    outcome = server.deliver(request)
    assert outcome.status == (429 if source == "brevo" else 503)
    assert int(outcome.headers["retry-after"]) > 0
    assert server.send("GET", "/healthz").status == 503
    (tmp_path / "landing").unlink()
    outcome = server.deliver(request)
    assert (outcome.status, len(outcome.landed)) == (200, 1)
    assert server.send("GET", "/healthz").status == 200


def test_trouble_that_nobody_tries_again_is_forgotten(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    """Taken out of rotation for it, the receiver would get no delivery to recover by."""
    (tmp_path / "landing").write_text("a file where the folder should be")
    server = start(**signing.environment("braze"))
    server.deliver(good("braze"))
    wait_until(lambda: server.send("GET", "/healthz").status == 200, "healthy again")


def test_a_head_without_an_end_is_cut_off(start: Callable[..., Server]) -> None:
    server = start(**signing.environment("braze"))
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"POST /webhooks/braze HTTP/1.1\r\nHost: x\r\n")
        filler = (b"X-Filler: " + b"x" * 4_000 + b"\r\n") * 10_000
        with pytest.raises((ConnectionError, TimeoutError)):
            connection.sendall(filler)


@pytest.mark.parametrize("text", ["\\ud800", "\u00fc"])
def test_a_forged_signature_of_odd_characters_is_answered_401(
    start: Callable[..., Server], text: str
) -> None:
    server = start(**signing.environment("mailgun"))
    body = f'{{"signature": {{"timestamp": "1", "token": "{text}", "signature": "{text}"}}}}'
    headers = {"content-type": "application/json"}
    outcome = server.send("POST", "/webhooks/mailgun", content=body.encode(), headers=headers)
    assert outcome.status == 401


def test_a_body_that_does_not_come_is_to_be_sent_again(tmp_path: Path) -> None:
    secret = SECRETS["braze"][0]
    app = create_app(
        Receiver(
            read_settings({"BRAZE_WEBHOOK_SECRET": secret}),
            FileSink(tmp_path),
            fetch=lambda _: b"",
            slowest_body=0.01,
        )
    )

    async def half() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)
        yield b"}"

    async def post() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            headers = {"authorization": f"Bearer {secret}"}
            return await client.post("http://test/webhooks/braze", content=half(), headers=headers)

    assert asyncio.run(post()).status_code == 503
    assert list(tmp_path.rglob("*.ndjson")) == []


def test_health_says_ok(receiver: Server) -> None:
    outcome = receiver.send("GET", "/healthz")
    assert (outcome.status, json.loads(outcome.text)) == (200, {"status": "ok"})
