"""What a broken or hostile platform answers: the tricks of the fault `hostile`.

Each takes the place of the answer to a call; none applies it, but `long_reset` and `same_page`.
"""

from __future__ import annotations

import asyncio
import itertools
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from starlette.responses import JSONResponse, Response, StreamingResponse

_GZIP = 31
_MEGABYTE = 1 << 20
# The bomb is a megabyte that becomes so many.
_MEGABYTES_OF_THE_BOMB = 1024
_YEARS = 10 * 365 * 86_400.0
_DEPTH = 100_000
_JSON = {"Content-Type": "application/json"}
# What the destinations look for.
_NAMES = (
    *("recipient_emails", "suppressions", "Suppressions", "items", "emails", "members"),
    *("new_members", "updated_members", "errors", "results", "message", "paging"),
    *("subscriptionResponses", "subscriptionEligibilities", "access_token"),
)
# The same with what must not be there.
_SHAPES: tuple[Any, ...] = (
    [],
    "an answer",
    {"items": 7, "Suppressions": "x", "emails": None, "access_token": ["x"], "expires_in": 1e300},
    {name: ["x", None, 7, [[]]] for name in _NAMES},
    {
        "items": [{"correlation_id": {}, "error_code": [], "error_messages": 7, "tags": 7}],
        "Suppressions": [{"EmailAddress": [], "Status": {}, "Message": ["x"], "CreatedAt": 1e300}],
        "emails": [{"email": {}, "unsubscribed_at": "9" * 30}],
        "subscriptionResponses": [
            {"subscription": "x", "subscriptionUnsubscribeStatus": ["NEWLY_UNSUBSCRIBED"]}
        ],
        "subscriptionEligibilities": [{"subscription": 7, "eligibility": "x"}],
        "errors": [{"index": "x", "input_array": {}, "error": ["x"]}],
        "paging": {"next": "http://[x"},
        "message": {"x": "y"},
        "access_token": "x\ny",
    },
)


def drip(seconds: float, ends: asyncio.Event) -> Response:
    """A byte now and then, never the last one."""

    async def bytes_of_it() -> AsyncIterator[bytes]:
        until = time.monotonic() + seconds
        yield b"["
        while time.monotonic() < until and not ends.is_set():
            await asyncio.sleep(0.05)
            yield b" "

    return StreamingResponse(bytes_of_it(), headers=_JSON)


def bomb() -> Response:
    """A megabyte that becomes a gigabyte."""
    packer = zlib.compressobj(9, zlib.DEFLATED, _GZIP)

    def piece() -> bytes:
        # After a full flush the same input is the same output.
        return packer.compress(bytes(_MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH)

    async def bytes_of_it() -> AsyncIterator[bytes]:
        yield piece()
        same = piece()
        for _ in range(_MEGABYTES_OF_THE_BOMB):
            yield same

    return StreamingResponse(bytes_of_it(), headers={**_JSON, "Content-Encoding": "gzip"})


def long_reset(response: Response) -> Response:
    """The true answer, which says that the limit is used up for years."""
    response.headers["X-RateLimit-Remaining"] = "0"
    response.headers["X-RateLimit-Reset"] = str(int(time.time() + _YEARS))
    if response.status_code >= 400:
        response.headers["Retry-After"] = str(_YEARS)
    return response


def deep(status: int) -> Response:
    """JSON that no parser should follow down."""
    return Response(b"[" * _DEPTH + b"]" * _DEPTH, status, _JSON)


def odd_charset(status: int) -> Response:
    """Text in no charset that there is, half a character, and one that is not text at all."""
    content = b'\xff\xfe{"message": "\\ud800\xc3\x28"}\x00'
    return Response(content, status, {"Content-Type": "application/json; charset=undefined"})


def half_character(status: int) -> Response:
    """Whole JSON that holds what no text can."""
    content = b'{"message": "\\ud800", "errors": [], "items": ["\\udfff"]}'
    return Response(content, status, {"Content-Type": "application/json; charset=hex"})


class Hostile:
    """Plays the tricks. One per sandbox."""

    #: What can be asked for by name.
    TRICKS = ("drip", "bomb", "long_reset", "deep", "charset", "surrogate", "shape", "same_page")

    def __init__(self) -> None:
        self._turns: Iterator[str] = itertools.cycle(self.TRICKS)
        self._shapes: Iterator[Any] = itertools.cycle(_SHAPES)
        self._first_pages: dict[str, Response] = {}

    def next_trick(self) -> str:
        """The one whose turn it is."""
        return next(self._turns)

    def instead(
        self, trick: str, status: int, seconds: float, ends: asyncio.Event
    ) -> Response | None:
        """The answer to a call that is not applied; None where the true one is needed.

        seconds: how long a drip lasts. ends: ends it before.
        """
        if trick == "drip":
            return drip(seconds, ends)
        if trick == "bomb":
            return bomb()
        if trick == "deep":
            return deep(status)
        if trick == "charset":
            return odd_charset(status)
        if trick == "surrogate":
            return half_character(status)
        if trick == "shape":
            return JSONResponse(next(self._shapes), status)
        return None

    def over(self, trick: str, method: str, path: str, response: Response) -> Response:
        """What becomes of the true answer."""
        if trick == "long_reset":
            return long_reset(response)
        if trick == "same_page" and method == "GET":
            return self._first_pages.setdefault(path, response)
        return response
