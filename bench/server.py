"""A platform in a process of its own: takes SendGrid's batches, answers late, has a limit, counts.

As a program: `python -m bench.server RATE LATENCY` prints its URL. It echoes each body untouched,
to take as little as can be of the cores that the senders share with it; what is over the limit (the
sandbox's: a second's worth may come at once) gets 429 and Retry-After.
"""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn

from bench.settings import PROJECT
from sync.sandbox.app import Bucket

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Platform:
    """The ASGI application. GET tells the counts; everything else is a call."""

    def __init__(self, rate: float, latency: float) -> None:
        """rate: calls a second, 0 for no limit. latency: seconds before each answer."""
        self._bucket = Bucket(rate)
        self._latency = latency
        self._counts = {"calls": 0, "refused": 0, "addresses": 0}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            return
        if scope["method"] == "GET":
            await _answer(send, 200, json.dumps(self._counts).encode())
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self._counts["calls"] += 1
        passes, _, next_at = self._bucket.take()
        await asyncio.sleep(self._latency)
        if passes:
            self._counts["addresses"] += body.count(b"@")
            await _answer(send, 201, body)
        else:
            self._counts["refused"] += 1
            pause = max(next_at - time.time(), 0.0)
            await _answer(send, 429, b'{"errors": [{"message": "too many requests"}]}', pause)


async def _answer(send: Send, status: int, body: bytes, pause: float | None = None) -> None:
    headers = [(b"content-type", b"application/json")]
    if pause is not None:
        headers.append((b"retry-after", f"{pause:.3f}".encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def serving(rate: float = 0.0, latency: float = 0.0) -> Iterator[str]:
    """The URL of a platform in a process of its own on a free loopback port; stopped on leaving."""
    command = [sys.executable, "-m", "bench.server", str(rate), str(latency)]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def counts(url: str) -> dict[str, int]:
    """What the platform counted: calls, refused ones of them, addresses taken."""
    told: dict[str, int] = httpx.get(url).json()
    return told


def main(arguments: list[str]) -> None:
    """Serves until it is ended."""
    rate, latency = map(float, arguments)
    # With the protocol named: only then does asyncio turn Nagle's delay off.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(
        Platform(rate, latency), log_level="warning", access_log=False, lifespan="off"
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1:])
