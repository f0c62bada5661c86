"""Posts signed bodies of 2 KB on kept-alive connections, as fast as they are answered.

As a program: `python -m bench.receive_load PORT SECONDS CONNECTIONS PID` prints, as JSON, requests,
seconds, the 99th percentile of the latency in milliseconds, and the server's memory in between.
"""

import asyncio
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.receive_server import SECRET

_BODY_SIZE: Final = 2048
_WARM_UP: Final = 1.0


def _request(number: int) -> bytes:
    """A request of Attentive's, which signs the raw body with HMAC-SHA256."""
    event = {"type": "sms.sent", "timestamp": 1777706130000 + number, "padding": ""}
    event["padding"] = "x" * (_BODY_SIZE - len(json.dumps(event)))
    body = json.dumps(event).encode()
    signature = hmac.digest(SECRET.encode(), body, hashlib.sha256).hex()
    head = (
        f"POST /webhooks/attentive HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"x-attentive-hmac-sha256: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _send(port: int, requests: Sequence[bytes], until: float, latencies: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    number = 0
    while time.perf_counter() < until:
        began = time.perf_counter()
        writer.write(requests[number % len(requests)])
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"not taken: {head[:40]!r}")
        latencies.append(time.perf_counter() - began)
        number += 1
    writer.close()


def _memory(pid: int) -> int:
    """Resident bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


async def _measure(port: int, seconds: float, connections: int, pid: int) -> dict[str, object]:
    requests = [_request(number) for number in range(500)]
    await asyncio.gather(
        *(_send(port, requests, time.perf_counter() + _WARM_UP, []) for _ in range(connections))
    )
    memory = [_memory(pid)]
    latencies: list[float] = []
    began = time.perf_counter()
    until = began + seconds
    sending = [
        asyncio.create_task(_send(port, requests, until, latencies)) for _ in range(connections)
    ]
    while time.perf_counter() < until:
        await asyncio.sleep(seconds / 10)
        memory.append(_memory(pid))
    await asyncio.gather(*sending)
    took = time.perf_counter() - began
    latencies.sort()
    return {
        "requests": len(latencies),
        "seconds": took,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1000,
        "memory": memory,
    }


if __name__ == "__main__":
    _port, _seconds, _connections, _pid = sys.argv[1:]
    print(
        json.dumps(asyncio.run(_measure(int(_port), float(_seconds), int(_connections), int(_pid))))
    )
