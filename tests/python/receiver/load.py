"""Many senders at once, who remember for whom they were answered 200."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

TOKEN = "a-shared-token-of-the-tests"
SECRETS = {"RELAY_WEBHOOK_SECRET": TOKEN}
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}


def body(source: str, address: str) -> Any:
    """A hard bounce of an address, as the platform says it."""
    if source == "sendgrid":
        bounce = {"email": address, "event": "bounce", "type": "bounce", "timestamp": 1777706130}
        return [{**bounce, "sg_event_id": address}]
    if source == "postmark":
        bounced = {"RecordType": "Bounce", "Type": "HardBounce", "Email": address}
        return {**bounced, "ID": abs(hash(address)), "BouncedAt": "2026-05-02T07:15:30Z"}
    data = {"event": "failed", "severity": "permanent", "id": address, "recipient": address}
    return {"event-data": {**data, "timestamp": 1777706130.1}}


@dataclass
class Load:
    """taken: addresses whose delivery was answered 200."""

    url: str
    name: str
    taken: list[str] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)

    def send_until_stopped(self, number: int) -> None:
        source = ("sendgrid", "postmark", "mailgun")[number % 3]
        with httpx.Client(timeout=30, trust_env=False, headers=HEADERS) as client:
            count = 0
            while not self._stop.is_set():
                count += 1
                address = f"{self.name}-{number}-{count}@example.org"
                try:
                    answer = client.post(
                        f"{self.url}/webhooks/{source}", content=json.dumps(body(source, address))
                    )
                except httpx.HTTPError:
                    # The receiver is gone: nobody was told that this one is safe.
                    return
                self.statuses.add(answer.status_code)
                if answer.status_code == 200:
                    self.taken.append(address)

    def stop(self) -> None:
        """No further delivery begins."""
        self._stop.set()


@contextmanager
def under_load(url: str, name: str, *, senders: int = 9, at_least: int = 50) -> Iterator[Load]:
    """Senders of three sources; inside, at least so many deliveries were taken."""
    load = Load(url, name)
    threads = [
        threading.Thread(target=load.send_until_stopped, args=(number,))
        for number in range(senders)
    ]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 30
    while len(load.taken) < at_least and time.monotonic() < until:
        time.sleep(0.01)
    try:
        yield load
    finally:
        load.stop()
        for thread in threads:
            thread.join()
