"""The only module that knows the HTTP library: one keep-alive client per destination.

An answer becomes a Response or an exception of sync.errors; no message holds a credential or an
address.
"""

from __future__ import annotations

import email.utils
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import httpx

from sync.destinations.base import Request, Response
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
)
from sync.redaction import redact

# The library logs every URL, and a path can hold an address.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)


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

Judge = Callable[[int, object], type[PlatformError] | None]


def judged_by_status(status: int, body: object) -> None:
    """No platform's own view of an answer."""
    del status, body


class HttpClient:
    """Sends one request at a time per thread, on pooled connections. Use as a context manager."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        timeout: float,
        connections: int,
        secrets: Iterable[str] = (),
        is_only_host: bool = False,
        judge: Judge = judged_by_status,
    ) -> None:
        """timeout: seconds to wait for an answer. secrets: what must never be in a message.

        is_only_host: url stands in for every host of the platform. judge: see Destination.judge.
        """
        self._url = url
        self._is_only_host = is_only_host
        self._judge = judge
        self._secrets = tuple(secrets)
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._client = httpx.Client(
            headers=dict(headers),
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0), pool=None),
            limits=limits,
            # A redirect would carry the credential to a host that nobody configured.
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def send(self, request: Request) -> tuple[Response, float | None]:
        """The answer, and seconds until the platform's limit allows the next call (None: at once).

        Raises a PlatformError for anything but a readable 2xx answer.
        """
        host = self._url if self._is_only_host or request.host is None else request.host
        try:
            answer = self._client.request(
                request.method,
                host + request.encoded_path(),
                params=dict(request.params) or None,
                **_body(request),
            )
        except httpx.DecodingError:
            raise AnswerUnreadable(f"{request.label}: the answer cannot be decoded") from None
        except httpx.TransportError as error:
            # The text of the library may name the URL; its class says enough.
            raise PlatformUnreachable(
                f"{request.label}: no answer from {urlsplit(host).netloc} ({_why(error)})"
            ) from None
        if answer.is_success:
            return Response(answer.status_code, _json(request, answer)), _spent(answer.headers)
        raise self._error(request, answer)

    def _error(self, request: Request, answer: httpx.Response) -> PlatformError:
        status, body = answer.status_code, _any_json(answer)
        said = redact(_message(body, answer.text), self._secrets)
        text = f"{request.label}: HTTP {status}{f': {said}' if said else ''}"
        kind = self._judge(status, body) or _KINDS.get(status)
        if kind is None:
            kind = PlatformFailed if status >= 500 else UnexpectedAnswer
        if issubclass(kind, RateLimited):
            wait = seconds_to_wait(answer.headers)
            return kind(text, retry_after=wait, status=status, code=_code(body))
        return kind(text, status=status, code=_code(body))


def _why(error: httpx.TransportError) -> str:
    names = {
        httpx.ConnectTimeout: "timed out while connecting",
        httpx.ReadTimeout: "timed out",
        httpx.ConnectError: "cannot connect",
        httpx.RemoteProtocolError: "the connection was cut",
        httpx.ReadError: "the connection was reset",
    }
    return names.get(type(error), type(error).__name__)


def _json(request: Request, answer: httpx.Response) -> Any:
    if not answer.content.strip():
        return None
    try:
        return answer.json()
    except ValueError:
        raise AnswerUnreadable(
            f"{request.label}: HTTP {answer.status_code} with a body that is not whole JSON",
            status=answer.status_code,
        ) from None


def _any_json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _body(request: Request) -> dict[str, Any]:
    """The arguments that carry body and headers."""
    headers = dict(request.headers)
    if request.form:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return {"content": urlencode(request.form), "headers": headers}
    return {"json": request.json, "headers": headers}


def _message(body: Any, text: str) -> str:
    """What the platform says is wrong, in one line."""
    errors = body.get("errors") if isinstance(body, dict) else None
    if isinstance(errors, list) and errors:
        return "; ".join(
            str(error.get("message", error)) if isinstance(error, dict) else str(error)
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
        for name in ("ErrorCode", "error_code", "code", "status"):
            if body.get(name) is not None:
                return str(body[name])
    return None


def _spent(headers: httpx.Headers) -> float | None:
    """Seconds to wait where a successful answer says that it used up the limit."""
    if headers.get("x-ratelimit-remaining", "").strip() == "0":
        return seconds_to_wait(headers)
    return None


def seconds_to_wait(headers: Mapping[str, str]) -> float | None:
    """What Retry-After, X-RateLimit-Retry-After or X-RateLimit-Reset asks for, at most an hour.

    None where none says anything. headers: names in lower case. Values may be seconds, epoch
    seconds or an HTTP date.
    """
    for name in ("retry-after", "x-ratelimit-retry-after", "x-ratelimit-reset"):
        value = headers.get(name, "").strip()
        if not value:
            continue
        try:
            number = float(value)
        except ValueError:
            try:
                number = email.utils.parsedate_to_datetime(value).timestamp()
            except ValueError:
                continue
        # A number this large is an instant (epoch seconds), a small one a duration.
        seconds = number - time.time() if number > 1e9 else number
        return min(max(seconds, 0.0), 3600.0)
    return None


def fetch(url: str, *, instead_of_host: str | None = None, timeout: float = 5.0) -> bytes:
    """The body of a GET, which is answered 2xx. instead_of_host: another scheme and host.

    Raises Unreachable otherwise.
    """
    from sync.receiver.verification import Unreachable

    parts = urlsplit(url)
    if instead_of_host:
        other = urlsplit(instead_of_host)
        url = parts._replace(scheme=other.scheme, netloc=other.netloc).geturl()
    try:
        answer = httpx.get(url, timeout=timeout, follow_redirects=False)
    except httpx.HTTPError as error:
        raise Unreachable(f"no answer from {parts.netloc} ({type(error).__name__})") from None
    if not answer.is_success:
        raise Unreachable(f"{parts.netloc} answered {answer.status_code}")
    return answer.content
