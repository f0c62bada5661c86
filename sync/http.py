"""The only module that knows the HTTP library: one keep-alive client per destination.

An answer becomes a Response or an exception of sync.errors; no message holds a credential or an
address. A platform may be broken or hostile: a call has one deadline for all of it, an answer one
size, and what cannot be read is AnswerUnreadable.
"""

from __future__ import annotations

import email.utils
import json
import logging
import math
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from contextlib import ExitStack
from functools import cache
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode, urlsplit

import anyio
import httpx
from anyio.from_thread import start_blocking_portal

from sync.destinations.base import Request, Response, Signer
from sync.destinations.meanings import Meanings
from sync.errors import (
    AnswerUnreadable,
    CallTooLarge,
    ConfigError,
    CredentialRefused,
    ItemsRefused,
    NotThere,
    PlatformError,
    PlatformFailed,
    PlatformUnreachable,
    RateLimited,
    UnexpectedAnswer,
    Unreachable,
)
from sync.redaction import redact

# The library logs every URL, and a path can hold an address.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates that are trusted: one for all clients, as it takes 40 ms to read them."""
    return httpx.create_ssl_context()


def base_url(host: str, override: str | None, variable: str) -> str:
    """Scheme and host to call; a path in the override is put before the platform's path.

    Raises ConfigError where the override is no URL.
    """
    if not override:
        return host
    parts = urlsplit(override)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{variable} is not a URL like https://host: {redact(override)!r}.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(f"{variable} must be scheme, host and perhaps a path, nothing else.")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


#: What a status means at every platform, unless it says otherwise.
_KINDS: Mapping[int, type[PlatformError]] = {
    400: ItemsRefused,
    401: CredentialRefused,
    403: CredentialRefused,
    404: NotThere,
    408: PlatformFailed,
    413: CallTooLarge,
    422: ItemsRefused,
    429: RateLimited,
}

# Bytes of an answer, decoded. The largest that is documented, 500 members with all their fields,
# has a few millions; a list without pages may be longer, and take longer.
_MOST_BYTES = 8_000_000
_MOST_BYTES_OF_A_LIST = 64_000_000
_LIST_TAKES = 10.0
# Of a certificate, which has two thousand.
_MOST_BYTES_FETCHED = 64 * 1024
# Seconds that calls under way are given once SIGTERM came; who sent it kills after ten, as a rule.
_GRACE = 4.0
_TICK = 0.2
_GZIP = 31
_HEADROOM = 100

Judge = Callable[[int, object], type[PlatformError] | None]


def judged_by_status(status: int, body: object) -> None:
    """No platform's own view of an answer."""
    del status, body


class _Answer(NamedTuple):
    """An answer with its body decoded; that of a refusal is empty where it cannot be."""

    status: int
    headers: httpx.Headers
    content: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class HttpClient:
    """Sends one request at a time per thread, on pooled connections. Use as a context manager.

    The calls are made on an event loop of its own: there alone a deadline ends whatever is waited
    for (a name, a connection, a header), not just the next byte.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        timeout: float,
        connections: int,
        secrets: Iterable[str] = (),
        members: Mapping[str, str] | None = None,
        is_only_host: bool = False,
        judge: Judge = judged_by_status,
        meanings: Meanings | None = None,
        sign: Signer | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        """timeout: seconds that a call may take in all. secrets: what must never be in a message.

        members: see Destination.members.
        is_only_host: url stands in for every host of the platform. judge: see Destination.judge.
        meanings: of the platform's errors, before that. sign: see Destination.signer.
        stop: once set, calls under way are given a few seconds.
        """
        self._url = url
        self._is_only_host = is_only_host
        self._judge = judge
        self._meanings = meanings or Meanings()
        self._sign = sign
        self._secrets = tuple(secrets)
        self._members = dict(members or {})
        self._timeout = timeout
        self._stop = stop or threading.Event()
        # A call's time begins when it has a connection to go on.
        self._slots = threading.BoundedSemaphore(connections)
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._client = httpx.AsyncClient(
            verify=_trusted(),
            # Of the encodings the one that can be undone piece by piece.
            headers={"Accept-Encoding": "gzip", **headers},
            # The deadline of the whole is ours.
            timeout=httpx.Timeout(None, connect=min(timeout, 10.0)),
            limits=limits,
            # A redirect would carry the credential to a host that nobody configured.
            follow_redirects=False,
        )
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        self._portal = self._exit.enter_context(start_blocking_portal())
        self._exit.callback(self._portal.call, self._client.aclose)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exit.close()

    def send(self, request: Request) -> tuple[Response, float | None]:
        """The answer, and seconds until the platform's limit allows the next call (None: at once).

        Raises a PlatformError for anything but a readable 2xx answer.
        """
        host = self._url if self._is_only_host or request.host is None else request.host
        prepared = self._client.build_request(
            request.method,
            host + request.encoded_path(),
            params=dict(request.params) or None,
            **_body(request, self._members),
        )
        with self._slots:
            if self._sign is not None:
                # Nothing of it is waited for from here on but the connection.
                signed = self._sign(
                    prepared.method, str(prepared.url), _content_type(prepared), prepared.content
                )
                prepared.headers.update(signed)
            future = self._portal.start_task_soon(self._exchange, prepared, request)
            try:
                answer = self._result(future)
            except (httpx.TransportError, TimeoutError) as error:
                # The text of the library may name the URL; its class says enough.
                raise PlatformUnreachable(
                    f"{request.label}: no answer from {urlsplit(host).netloc} ({_why(error)})"
                ) from None
        if answer.is_success:
            return Response(answer.status, _json(request, answer)), _spent(answer.headers)
        raise self._error(request, answer)

    def _result(self, future: Future[_Answer]) -> _Answer:
        """What a call came to; one that is under way at SIGTERM is cut off after a while."""
        stopped_at: float | None = None
        while not wait((future,), timeout=_TICK).done:
            if self._stop.is_set():
                stopped_at = stopped_at or time.monotonic()
                if time.monotonic() - stopped_at > _GRACE:
                    future.cancel()
                    raise TimeoutError("stopped before the answer was whole")
        return future.result()

    async def _exchange(self, prepared: httpx.Request, request: Request) -> _Answer:
        """The call from its connection to the last byte of the answer, within the deadline."""
        seconds = self._timeout * (_LIST_TAKES if request.is_whole_list else 1.0)
        most = _MOST_BYTES_OF_A_LIST if request.is_whole_list else _MOST_BYTES
        with anyio.fail_after(seconds):
            answer = await self._client.send(prepared, stream=True)
            try:
                content = await _content(answer, request.label, most)
            except AnswerUnreadable:
                if answer.is_success:
                    raise
                # Its status says enough.
                content = b""
            finally:
                await answer.aclose()
        return _Answer(answer.status_code, answer.headers, content)

    def _error(self, request: Request, answer: _Answer) -> PlatformError:
        status, body = answer.status, _named(_any_json(answer.content), answer.headers)
        text = answer.content.decode("utf-8", errors="replace")
        said = redact(_message(body, text), self._secrets)
        found = self._meanings.of_call(status, said if body is None else body)
        if found is not None:
            said = found[1].told(said)
        text = f"{request.label}: HTTP {status}{f': {said}' if said else ''}"
        kind = found[0] if found else self._judge(status, body) or _KINDS.get(status)
        if kind is None:
            kind = PlatformFailed if status >= 500 else UnexpectedAnswer
        # Of a fault that nothing is known to end, a limit's reset says nothing.
        asked = seconds_to_wait(
            answer.headers, _WAITS if issubclass(kind, RateLimited) else _WAITS[:2]
        )
        return kind(text, retry_after=asked, status=status, code=_code(body))


def _why(error: Exception) -> str:
    names = {
        TimeoutError: str(error) or "timed out",
        httpx.ConnectTimeout: "timed out while connecting",
        httpx.ReadTimeout: "timed out",
        httpx.ConnectError: "cannot connect",
        httpx.RemoteProtocolError: "the connection was cut",
        httpx.ReadError: "the connection was reset",
    }
    return names.get(type(error), type(error).__name__)


async def _content(answer: httpx.Response, label: str, most: int) -> bytes:
    """The body, decoded as it comes in, so that no more than `most` bytes are ever held."""

    def unreadable(why: str) -> AnswerUnreadable:
        text = f"{label}: HTTP {answer.status_code} with a body that {why}"
        return AnswerUnreadable(text, status=answer.status_code)

    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        raise unreadable("is encoded in a way that was not asked for")
    inflater = zlib.decompressobj(_GZIP) if encoding == "gzip" else None
    content = bytearray()
    has_any = False
    async for piece in answer.aiter_raw():
        has_any = True
        try:
            left = most + 1 - len(content)
            content += piece if inflater is None else inflater.decompress(piece, left)
        except zlib.error:
            raise unreadable("cannot be decoded") from None
        if len(content) > most:
            raise unreadable(f"is larger than {most:,} bytes")
    if inflater is not None and has_any and not inflater.eof:
        raise unreadable("is cut off")
    return bytes(content)


def _json(request: Request, answer: _Answer) -> Any:
    if not answer.content.strip():
        return None
    try:
        return _parsed(answer.content)
    except ValueError:
        raise AnswerUnreadable(
            f"{request.label}: HTTP {answer.status} with a body that is not whole JSON",
            status=answer.status,
        ) from None


def _any_json(content: bytes) -> Any:
    try:
        return _parsed(content)
    except ValueError:
        return None


def _named(body: Any, headers: httpx.Headers) -> Any:
    """An error's body with the name that Amazon gives it in a header, as the member `__type`."""
    name = headers.get("x-amzn-errortype", "").partition(":")[0].rpartition("#")[2].strip()
    return {**body, "__type": name} if name and isinstance(body, dict) else body


def _content_type(prepared: httpx.Request) -> dict[str, str]:
    """Of a call's headers the one that is its own, and signed."""
    name = "content-type"
    return {name: prepared.headers[name]} if name in prepared.headers else {}


def _parsed(content: bytes) -> Any:
    """JSON in UTF-8, -16 or -32, whatever charset the answer names; ValueError where it is none."""
    try:
        found = _loaded(content, _HEADROOM)
        if b"\\ud" in content.lower():
            # Half a character: no text that could be stored or shown.
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return found


def _loaded(content: bytes, deeper: int) -> Any:
    """Parsed so many frames deeper than it is read: what was parsed can be shown, too."""
    return _loaded(content, deeper - 1) if deeper else json.loads(content)


def _body(request: Request, members: Mapping[str, str]) -> dict[str, Any]:
    """The arguments that carry body and headers. members: what a JSON object holds besides."""
    headers = dict(request.headers)
    if request.form:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return {"content": urlencode(request.form), "headers": headers}
    json_body = request.json
    if members and isinstance(json_body, dict):
        json_body = {**members, **json_body}
    return {"json": json_body, "headers": headers}


def _message(body: Any, text: str) -> str:
    """What the platform says is wrong, in one line."""
    errors = body.get("errors") if isinstance(body, dict) else None
    if isinstance(errors, list) and errors:
        return "; ".join(
            str(error.get("message") or error.get("detail") or error)
            if isinstance(error, dict)
            else str(error)
            for error in errors[:3]
        )
    if isinstance(body, dict):
        error = body.get("error")
        if isinstance(error, dict):
            body = error
        for name in ("message", "Message", "detail", "error_description", "title", "error"):
            if isinstance(body.get(name), str) and body[name]:
                return str(body[name])
    return text[:2000]


def _code(body: Any) -> str | None:
    """The platform's own word for what is wrong."""
    if isinstance(body, dict):
        error = body.get("error")
        body = error if isinstance(error, dict) else body
        for name in ("ErrorCode", "error_code", "code", "status", "__type"):
            if body.get(name) is not None:
                return str(body[name])
    return None


def _spent(headers: httpx.Headers) -> float | None:
    """Seconds to wait where a successful answer says that it used up the limit."""
    if headers.get("x-ratelimit-remaining", "").strip() == "0":
        return seconds_to_wait(headers)
    return None


#: The headers that say when to come back, the most explicit first.
_WAITS = ("retry-after", "x-ratelimit-retry-after", "x-ratelimit-reset", "x-sib-ratelimit-reset")


def seconds_to_wait(headers: Mapping[str, str], names: Iterable[str] = _WAITS) -> float | None:
    """What Retry-After, or a header of a limit (`_WAITS`), asks for, at most an hour.

    None where none says anything. headers: names in lower case. Values may be seconds, epoch
    seconds or an HTTP date. The longest pause that is kept is sync.delivery.calls'.
    """
    for name in names:
        number = _number(headers.get(name, "").strip())
        if number is not None:
            # A number this large is an instant (epoch seconds), a small one a duration.
            seconds = number - time.time() if number > 1e9 else number
            return min(max(seconds, 0.0), 3600.0)
    return None


def _number(value: str) -> float | None:
    """A header's number, or the epoch seconds of its date."""
    try:
        number = float(value)
    except ValueError:
        try:
            number = email.utils.parsedate_to_datetime(value).timestamp()
        except (ValueError, TypeError, OverflowError):
            return None
    return None if math.isnan(number) else number


def fetch(url: str, *, instead_of_host: str | None = None, timeout: float = 5.0) -> bytes:
    """The body of a GET, which is answered 2xx. instead_of_host: another scheme and host.

    timeout: seconds for all of it. Raises Unreachable otherwise, and where it is large.
    """
    parts = urlsplit(url)
    if instead_of_host:
        other = urlsplit(instead_of_host)
        url = parts._replace(scheme=other.scheme, netloc=other.netloc).geturl()
    try:
        return anyio.run(_fetched, url, timeout)
    except (httpx.HTTPError, TimeoutError) as error:
        raise Unreachable(f"no answer from {parts.netloc} ({type(error).__name__})") from None
    except _Unfit as unfit:
        raise Unreachable(f"{parts.netloc} answered {unfit}") from None


class _Unfit(Exception):
    """An answer that is not taken."""


async def _fetched(url: str, timeout: float) -> bytes:
    """On an event loop of its own, for there alone a deadline ends all of a call."""
    found = bytearray()
    with anyio.fail_after(timeout):
        # As it comes: a small compressed piece could be a large one.
        headers = {"Accept-Encoding": "identity"}
        async with (
            httpx.AsyncClient(verify=_trusted(), headers=headers) as client,
            client.stream("GET", url) as answer,
        ):
            if not answer.is_success:
                raise _Unfit(answer.status_code)
            async for piece in answer.aiter_raw():
                found += piece
                if len(found) > _MOST_BYTES_FETCHED:
                    raise _Unfit("with too many bytes")
    return bytes(found)
