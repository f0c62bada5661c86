"""The server's HTTP, with bounds on what the application never sees.

Those are the head of a request, the framing of its body, the time that both may take, whatever was
answered meanwhile, and the connections themselves.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, NoReturn

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sync.receiver.app import MOST_HEADERS
from sync.receiver.connections import Connections
from sync.receiver.settings import BODY_LIMIT

# Bytes of a request's headers, with the request line; no platform sends a third of it.
_MOST_HEAD_BYTES = 32 * 1024
# Of a path and query.
_MOST_URL_BYTES = 8 * 1024
# That are dropped after a refusal, before the connection is cut: what cannot be read has no end.
_MOST_DROPPED = 1024 * 1024
# The same of a body after its answer, which who sends all of it first would not see else.
_MOST_DROPPED_OF_BODY = 2 * BODY_LIMIT
# Requests that wait for the answer to another of their connection.
_MOST_PIPELINED = 8
# Bytes around those of a body: sizes of chunks, and what may follow the last one.
_MOST_FRAMING = 256 * 1024


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. head: until a request's headers are whole. body: then until all of it is there.

    rest: for what is still to come of a body after its answer, or after a refusal.
    """

    head: float = 10.0
    # The application answers after 30, so that the platform sends it again.
    body: float = 35.0
    rest: float = 2.0


class _Refused(Exception):
    """Ends the parsing of a request."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. The application finds it in scope["state"]["connection"].

    There is always a deadline, but while the application is at a request that is whole, and while
    the library waits for a next one.
    """

    connections_of_all: ClassVar[Connections]
    deadlines: ClassVar[Deadlines] = Deadlines()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._address = ""
        self._timer: asyncio.TimerHandle | None = None
        # What came of this request, body excepted.
        self._framing = 0
        self._is_in_head = True
        self._is_whole = True
        self._dropped = 0
        # Nothing more is read.
        self._is_deaf = False
        self._refusal = HTTPStatus.BAD_REQUEST

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connects."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        if self.connections_of_all.add(self, self._address):
            self._within(self.deadlines.head)
        else:
            self.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        """A client is gone."""
        self._within(None)
        self.connections_of_all.remove(self, self._address)
        super().connection_lost(exc)

    def vouch(self) -> None:
        """The application knows that the platform is at the other end, until it has answered."""
        self.connections_of_all.vouch(self, self._address)

    def cut(self) -> None:
        """Ends the connection at once."""
        if not self.transport.is_closing():
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Counts what is no body, and reads on."""
        if self._is_deaf or self._is_answered_early:
            self._dropped += len(data)
            if self._dropped > (_MOST_DROPPED if self._is_deaf else _MOST_DROPPED_OF_BODY):
                self.cut()
                return
        if self._is_deaf:
            return
        if self._timer is None:
            self._within(self.deadlines.head)
        self._framing += len(data)
        super().data_received(data)
        if self._framing > (_MOST_HEAD_BYTES if self._is_in_head else _MOST_FRAMING):
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def send_400_response(self, msg: str) -> None:
        """What cannot be read, or was refused while it was read."""
        del msg
        self._refuse(self._refusal)

    def on_message_begin(self) -> None:
        """A request begins, perhaps before the one before is answered."""
        if len(self.pipeline) >= _MOST_PIPELINED:
            self._stop(HTTPStatus.TOO_MANY_REQUESTS)
        self._is_in_head, self._is_whole, self._dropped = True, False, 0
        self._within(self.deadlines.head)
        super().on_message_begin()
        self.scope["state"]["connection"] = self

    def on_url(self, url: bytes) -> None:
        """A piece of the path and query."""
        super().on_url(url)
        if len(self.url) > _MOST_URL_BYTES:
            self._stop(HTTPStatus.REQUEST_URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or what follows the last chunk of a body."""
        super().on_header(name, value)
        if len(self.headers) > MOST_HEADERS:
            self._stop(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """The body is next, whose size is the application's to bound."""
        if sum(len(name) + len(value) for name, value in self.headers) > _MOST_HEAD_BYTES:
            self._stop(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        self._is_in_head, self._framing = False, 0
        self._within(self.deadlines.body)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._framing -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of a request is there."""
        self._is_whole, self._is_in_head, self._framing = True, True, 0
        self._within(None if self._is_busy else self.deadlines.head)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """It was answered, perhaps before all of it was there."""
        if not self.pipeline and not self._is_next_begun:
            self._within(None if self._is_whole else self.deadlines.rest)
        self.connections_of_all.end_vouching(self, self._address)
        super().on_response_complete()

    @property
    def _is_next_begun(self) -> bool:
        return self._is_in_head and not self._is_whole

    @property
    def _is_busy(self) -> bool:
        """Whether the application has not answered yet."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _is_answered_early(self) -> bool:
        return not (self._is_whole or self._is_in_head or self._is_busy)

    def _stop(self, status: HTTPStatus) -> NoReturn:
        """Ends the parser, which calls send_400_response then."""
        self._refusal = status
        raise _Refused

    def _refuse(self, status: HTTPStatus) -> None:
        """Answers, and drops what still comes, or the answer would be lost."""
        is_answered, self._is_deaf = self._is_deaf, True
        if is_answered or self.transport.is_closing():
            return
        if self._is_busy:
            # The application is at this request, whose rest cannot be read, or at one before it.
            self.cut()
            return
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\nconnection: close\r\n"
        self.transport.write(f"{head}content-length: 0\r\n\r\n".encode())
        self._within(self.deadlines.rest)

    def _within(self, seconds: float | None) -> None:
        """The connection is cut after so many seconds, unless this is called again before."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self.cut)
