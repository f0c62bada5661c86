"""The one function through which every call goes: rate, retries, and when to give up."""

from __future__ import annotations

import threading
import time
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
# So long may a platform keep us waiting, by whatever header, until a call succeeds. One that asks
# for more ends its run: the next one comes soon enough.
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
        self._paused_since: float | None = None
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
                    with self._schedule.turn(request, self._stop):
                        # It may have waited for long.
                        self._raise_if_over()
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
        except RetryableError as error:
            pause = error.retry_after
            if isinstance(error, RateLimited):
                with self._lock:
                    self.refusals += 1
                pause = _UNSAID_WAIT if pause is None else pause
            over = None if pause is None else self._pause(pause)
            if over is not None:
                raise DestinationDown(f"{error}; {over}", status=error.status) from None
            raise
        with self._lock:
            self._paused_since = None
        over = None if pause is None else self._pause(pause)
        if over is not None:
            # This call succeeded; those that wait or come do not start.
            with self._lock:
                text = f"{request.label}: the limit is used up; {over}"
                self._fatal = self._fatal or DestinationDown(text, status=response.status)
        return response

    def _pause(self, seconds: float) -> str | None:
        """Moves the schedule by what the platform asks for; says why if that is too long."""
        now = time.monotonic()
        with self._lock:
            self._paused_since = now if self._paused_since is None else self._paused_since
            waited = now - self._paused_since
        if waited + seconds > _LONGEST_PAUSE:
            before = f", after {waited:.0f} s of them" if waited >= 1 else ""
            return f"the platform asks for a pause of {seconds:.0f} s{before}: the next run goes on"
        self._schedule.move(seconds)
        return None

    def _raise_if_over(self) -> None:
        with self._lock:
            if self._fatal is not None:
                raise type(self._fatal)(str(self._fatal), status=self._fatal.status)

    def _note(self, error: PlatformError | None) -> None:
        """Counts calls that failed for good: three in a row, or a refused key, end the run."""
        with self._lock:
            if error is not None and error.ends_run:
                self._fatal = self._fatal or error
            elif error is not None and error.may_be_down:
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
