"""The server's HTTP, with a bound on what comes before a body: the application never sees that."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# A request line and headers; no platform sends a tenth of it.
_MOST_BYTES = 128 * 1024
# Seconds that they may take.
_SLOWEST = 30.0


class BoundedHeadProtocol(HttpToolsProtocol):
    """Cuts a connection whose headers are too large or too slow."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_bytes = 0
        self._is_in_head = True
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connects."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(_SLOWEST, self._cut)

    def connection_lost(self, exc: Exception | None) -> None:
        """A client is gone."""
        self._end_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts what comes before the end of the headers."""
        if self._is_in_head:
            self._head_bytes += len(data)
            # The chunk may hold the start of a body, so the ones before it are what counts.
            if self._head_bytes > _MOST_BYTES + len(data):
                self._cut()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._is_in_head, self._head_bytes = True, 0
        self._end_deadline()
        self._deadline = self.loop.call_later(_SLOWEST, self._cut)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The body is next, which the application bounds."""
        self._is_in_head = False
        self._end_deadline()
        super().on_headers_complete()

    def _cut(self) -> None:
        if self._is_in_head and not self.transport.is_closing():
            self.transport.close()

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
