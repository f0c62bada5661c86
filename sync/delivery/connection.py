"""A destination that talks to its platform: client, limit, retries and threads together."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from sync.delivery.calls import Caller, Sender
from sync.delivery.rate import Schedule
from sync.delivery.settings import Settings
from sync.destinations.base import Destination, Request, Response
from sync.destinations.meanings import Meanings
from sync.errors import PlatformError
from sync.metrics.measures import CALL_DURATION, CALLS, RATE_LIMIT_WAIT, status_class


@contextmanager
def connected(
    kind: type[Destination],
    settings: Settings,
    *,
    stop: threading.Event,
    workers: int,
    meanings: Meanings | None = None,
) -> Iterator[tuple[Destination, Caller]]:
    """The destination and what its calls go through, until the block is left.

    workers: calls that may be under way at once. meanings: of the platform's errors.
    Raises ConfigError for a wrong host or credential.
    """
    from sync.http import HttpClient, base_url

    url = base_url(kind.host, settings.base_url, f"{kind.name.upper()}_BASE_URL")
    with (
        HttpClient(
            url,
            kind.headers(settings.values),
            timeout=settings.timeout,
            connections=workers,
            secrets=settings.secrets,
            members=kind.members(settings.values),
            is_only_host=settings.base_url is not None,
            judge=kind.judge,
            meanings=meanings,
            sign=kind.signer(settings.values),
            stop=stop,
        ) as client,
        ThreadPoolExecutor(workers, thread_name_prefix=f"{kind.name}-calls") as pool,
    ):
        # A quarter of a second's calls may catch up after a stall, within the limits.
        burst = max(2, int((settings.rate or 0) / 4))
        schedule = Schedule(
            settings.rate,
            burst=burst,
            limits=settings.all_limits,
            moved=lambda seconds: RATE_LIMIT_WAIT.add(seconds, destination=kind.name),
        )
        sender = _Measured(client, kind.name)
        caller = Caller(sender, schedule, stop, policy=settings.retry, pool=pool)
        yield kind(caller, settings.values, meanings), caller


class _Measured:
    """A sender whose calls are measured."""

    def __init__(self, sender: Sender, destination: str) -> None:
        self._sender = sender
        self._destination = destination

    def send(self, request: Request) -> tuple[Response, float | None]:
        """See Sender."""
        began = time.monotonic()
        status: int | None = None
        try:
            answer = self._sender.send(request)
            status = answer[0].status
        except PlatformError as error:
            status = error.status
            raise
        else:
            return answer
        finally:
            named = {"destination": self._destination, "status_class": status_class(status)}
            CALLS.add(1, **named)
            CALL_DURATION.add(time.monotonic() - began, **named)
