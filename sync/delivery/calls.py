"""The one function through which every call goes: rate, retries, and when to give up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

from sync.delivery.rate import Schedule
from sync.destinations.base import Request, Response
from sync.errors import (
    DestinationDown,
    PlatformError,
    RateLimited,
    RetryableError,
    Stopped,
    SyncError,
)
from sync.retries import retry_context

# So many calls in a row that failed through all their attempts: the platform is down.
_GIVE_UP_AFTER = 3
# Waited after a 429 that does not say for how long.
_UNSAID_WAIT = 1.0
# A platform that asks for a longer pause ends the run: the next one comes soon enough.
_LONGEST_PAUSE = 300.0


class Sender(Protocol):
    """Sends one request once (sync.http.HttpClient)."""

    def send(self, request: Request) -> tuple[Response, float | None]:
        """The answer and, if the limit is used up, seconds until the next call is allowed."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with jitter. first_wait, longest_wait: seconds."""

    attempts: int = 6
    first_wait: float = 0.5
    longest_wait: float = 5.0
    # 429 is no fault: it only moves the schedule, so it may happen more often.
    refusals: int = 30


class Caller:
    """Implements destinations.base.Api for one credential. Thread-safe."""

    def __init__(
        self,
        sender: Sender,
        schedule: Schedule,
        stop: threading.Event,
        *,
        policy: RetryPolicy,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._sender = sender
        self._schedule = schedule
        self._stop = stop
        self._policy = policy
        self._pool = pool
        self._lock = threading.Lock()
        self._failed_in_a_row = 0
        self._fatal: PlatformError | None = None
        self.calls = 0
        self.refusals = 0

    def call(self, request: Request) -> Response:
        """The answer of the call, repeated as the policy says."""
        attempts = faults = 0

        def again(error: Exception) -> bool | float:
            if not isinstance(error, RetryableError) or self._stop.is_set():
                return False
            if isinstance(error, RateLimited):
                # The schedule already waits for all.
                return 0.0 if attempts - faults <= self._policy.refusals else False
            return request.is_repeatable and faults < self._policy.attempts

        try:
            for attempt in retry_context(
                on=again,
                attempts=None,
                timeout=None,
                wait_initial=self._policy.first_wait,
                wait_max=self._policy.longest_wait,
                wait_jitter=self._policy.first_wait,
            ):
                with attempt:
                    self._raise_if_over()
                    self._schedule.wait(self._stop)
                    attempts += 1
                    try:
                        response = self._once(request)
                    except RateLimited:
                        raise
                    except RetryableError:
                        faults += 1
                        raise
            self._note(None)
            return replace(response, attempts=attempts)
        except PlatformError as error:
            error.attempts = attempts
            self._note(error)
            raise

    def map(self, requests: Iterable[Request]) -> list[Response | SyncError]:
        """All the answers or errors in order, called side by side on the pool."""
        futures = [self._pool.submit(self._settle, request) for request in requests]
        return [future.result() for future in futures]

    def _settle(self, request: Request) -> Response | SyncError:
        try:
            return self.call(request)
        except (PlatformError, Stopped) as error:
            return error

    def _once(self, request: Request) -> Response:
        with self._lock:
            self.calls += 1
        try:
            response, pause = self._sender.send(request)
        except RateLimited as error:
            with self._lock:
                self.refusals += 1
            pause = _UNSAID_WAIT if error.retry_after is None else error.retry_after
            if pause > _LONGEST_PAUSE:
                message = f"{error}; the platform asks for a pause of {pause:.0f} s"
                raise DestinationDown(message, status=error.status) from None
            self._schedule.move(pause)
            raise
        if pause is not None:
            self._schedule.move(pause)
        return response

    def _raise_if_over(self) -> None:
        with self._lock:
            if self._fatal is not None:
                raise type(self._fatal)(str(self._fatal), status=self._fatal.status)

    def _note(self, error: PlatformError | None) -> None:
        """Counts calls that failed for good: three in a row, or a refused key, end the run."""
        with self._lock:
            if error is not None and error.ends_run:
                self._fatal = self._fatal or error
            elif isinstance(error, RetryableError):
                self._failed_in_a_row += 1
                if self._failed_in_a_row >= _GIVE_UP_AFTER and self._fatal is None:
                    self._fatal = DestinationDown(
                        f"{_GIVE_UP_AFTER} calls in a row failed through all attempts, at last "
                        f"{error}",
                        status=error.status,
                    )
            else:
                self._failed_in_a_row = 0


class DryRun:
    """An Api that shows each request and goes on with its sample answer; nothing is sent."""

    def __init__(self, show: Callable[[Request], None]) -> None:
        self._show = show

    def call(self, request: Request) -> Response:
        """The sample answer."""
        # Built here too, so that a dry run finds what a real one would refuse.
        request.encoded_path()
        self._show(request)
        return Response(200, request.sample)

    def map(self, requests: Iterable[Request]) -> list[Response | SyncError]:
        """The sample answers."""
        return [self.call(request) for request in requests]
