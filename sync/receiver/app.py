"""The ASGI application: routes, limits, and the answer that makes each platform retry or stop.

200 is answered only once a delivery is safe. 401: not shown to be the platform's. 404: no such
source. 405: no method of it. 408: the body did not come. 413: too large. 415: compressed.
503 (what a source's file says in its place): not landed, send it again.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sync.receiver import sources
from sync.receiver.counts import Counts
from sync.receiver.delivery import Delivery
from sync.receiver.landed import Landed
from sync.receiver.lander import Lander, NotLanded, TooLarge
from sync.receiver.settings import Settings, secret_variable
from sync.receiver.sinks.base import Sink
from sync.receiver.sources.base import Source
from sync.receiver.verification import (
    Context,
    Refused,
    Unreachable,
    carries_bearer,
    check_shared_secret,
)

log = logging.getLogger(__name__)

# Bytes of bodies in memory at once, landed ones excepted; more wait for nothing and get 503.
_MOST_BYTES_IN_HAND = 128 * 1024 * 1024
# Of one source: the others keep theirs.
_MOST_BYTES_OF_SOURCE = 48 * 1024 * 1024
# Larger bodies are verified beside the loop.
_SMALL = 16 * 1024
_MOST_HEADERS = 100
# Seconds for a body to come.
_SLOWEST_BODY = 30.0
# Of one reason and source, one line in so many seconds.
_QUIET = 60.0
_UNKNOWN = "unknown"


class Answer(Exception):
    """Ends a request with a status other than 200. text: for the operator, no values."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Receiver:
    """Takes requests for one sink."""

    def __init__(
        self,
        settings: Settings,
        sink: Sink,
        *,
        fetch: Callable[[str], bytes],
        lander: Lander | None = None,
        slowest_body: float = _SLOWEST_BODY,
    ) -> None:
        """fetch: GET of a URL, for schemes that need a certificate. slowest_body: seconds."""
        self._settings = settings
        self._lander = lander or Lander(sink)
        self._counts = Counts(self._lander)
        self._contexts = {
            name: Context(settings.secrets.get(name, ()), fetch) for name in sources.names()
        }
        self._slowest_body = slowest_body
        self._in_hand = Counter[str]()
        self._threads: dict[str, ThreadPoolExecutor] = {}
        self._told: dict[tuple[str, str], float] = {}

    async def webhook(self, request: Request) -> Response:
        """POST /webhooks/<source>, and the methods with which platforms try a URL."""
        name = request.path_params["source"]
        if name not in sources.names():
            self._counts.add(_UNKNOWN, 404)
            known = f"Known sources: {', '.join(sources.names())}."
            return JSONResponse({"error": f"Unknown source. {known}"}, 404)
        source = sources.get(name)
        try:
            if len(request.scope["headers"]) > _MOST_HEADERS:
                raise Answer(431, "too many headers")
            if request.method == "POST":
                await self._take(name, source, request)
            else:
                self._greet(name, source, request)
            answer = _good(source)
        except Answer as trouble:
            self._tell(name, trouble)
            answer = _bad(source, trouble)
        except ClientDisconnect:
            # Nobody is there to be answered, and nothing was landed.
            answer = _bad(source, Answer(400, "the body was cut off"))
        except Exception as error:
            # The text of an unforeseen error may hold a value; its kind and place do not.
            told = f"{type(error).__name__} at {_place(error)}"
            self._tell(name, Answer(source.busy_status, told))
            answer = _bad(source, Answer(source.busy_status, "an error of the receiver"))
        self._counts.add(name, answer.status_code)
        return answer

    async def health(self, _: Request) -> Response:
        """GET /healthz: 200 unless deliveries could not land a moment ago."""
        trouble = self._lander.trouble
        status = "ok" if trouble is None else f"deliveries cannot land: {trouble}"
        return JSONResponse({"status": status}, 200 if trouble is None else 503)

    async def close(self) -> None:
        """Writes what is still to be written."""
        await self._counts.flush()
        for thread in self._threads.values():
            thread.shutdown()
        await self._lander.close()

    async def _take(self, name: str, source: Source, request: Request) -> None:
        received_at = datetime.now(UTC)
        early = self._delivery(request, b"", received_at)
        is_known = self._is_known_by_head(name, source, early)
        if is_known:
            _tell_connection(request)
        body = await self._body(request, name, source, is_known)
        try:
            delivery = self._delivery(request, body, received_at)
            payload = await self._verified_payload(name, source, delivery)
            _tell_connection(request)
            if payload is None:
                return
            await self._lander.land(Landed(uuid.uuid4().hex, name, received_at, payload))
        except TooLarge as error:
            raise Answer(413, str(error)) from None
        except NotLanded as error:
            raise Answer(source.busy_status, f"not landed: {error}") from None
        finally:
            self._in_hand[name] -= len(body)

    def _greet(self, name: str, source: Source, request: Request) -> None:
        """A platform tries the URL: it must be there, and carry the secret where that is in it."""
        if request.method not in source.handshakes:
            raise Answer(405, "this source takes POST")
        if not source.is_signed and name not in self._settings.unsigned:
            delivery = self._delivery(request, b"", datetime.now(UTC))
            self._check(name, source, delivery)

    async def _body(self, request: Request, name: str, source: Source, is_known: bool) -> bytes:
        """The whole body; it counts as in hand until the caller is done with it."""
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise Answer(415, "the body is compressed, which no platform was told to do")
        limit = self._settings.body_limit
        if not is_known and source.unverified_limit is not None:
            limit = min(limit, source.unverified_limit)
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > limit:
            raise Answer(413, f"the body is larger than {limit} bytes")
        # Many small pieces would take many times their bytes.
        body = bytearray()
        size = 0
        try:
            async with asyncio.timeout(self._slowest_body):
                async for chunk in request.stream():
                    size += len(chunk)
                    self._in_hand[name] += len(chunk)
                    if size > limit:
                        raise Answer(413, f"the body is larger than {limit} bytes")
                    if (
                        self._in_hand[name] > _MOST_BYTES_OF_SOURCE
                        or self._in_hand.total() > _MOST_BYTES_IN_HAND
                    ):
                        raise Answer(source.busy_status, "too many bodies at once")
                    body += chunk
        except TimeoutError:
            self._in_hand[name] -= size
            # 408 would be final for platforms that take any 4xx so.
            raise Answer(source.busy_status, "the body did not come in time") from None
        except BaseException:
            self._in_hand[name] -= size
            raise
        return bytes(body)

    def _delivery(self, request: Request, body: bytes, received_at: datetime) -> Delivery:
        url = str(request.url)
        if self._settings.public_url is not None:
            path = request.scope.get("raw_path") or request.url.path.encode()
            query = request.scope.get("query_string", b"")
            url = self._settings.public_url + path.decode("latin-1").partition("?")[0]
            url += f"?{query.decode('latin-1')}" if query else ""
        headers = _headers(request)
        return Delivery(url, dict(request.query_params), headers, body, received_at)

    def _is_known_by_head(self, name: str, source: Source, delivery: Delivery) -> bool:
        """Whether the headers show whose it is; they refuse it where nothing else could show it."""
        if (
            carries_bearer(delivery, self._settings.relay_secrets)
            or name in self._settings.unsigned
        ):
            return True
        if source.verify is not check_shared_secret:
            return False
        self._check(name, source, delivery)
        return True

    async def _verified_payload(self, name: str, source: Source, delivery: Delivery) -> str | None:
        """Off the loop where it may take long; of one source one at a time, so that none starves."""
        if len(delivery.body) <= _SMALL and not source.waits:
            return self._payload(name, source, delivery)
        workers = 4 if source.waits else 1
        thread = self._threads.setdefault(name, ThreadPoolExecutor(workers, f"verify-{name}"))
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(thread, self._payload, name, source, delivery)
        except Unreachable as error:
            raise Answer(source.busy_status, str(error)) from None

    def _payload(self, name: str, source: Source, delivery: Delivery) -> str | None:
        if name not in self._settings.unsigned:
            self._check(name, source, delivery)
        return _payload(source, delivery)

    def _check(self, name: str, source: Source, delivery: Delivery) -> None:
        if carries_bearer(delivery, self._settings.relay_secrets):
            return
        context = self._contexts[name]
        if not context.secrets:
            raise Answer(401, f"{secret_variable(name)} is not set")
        try:
            source.verify(delivery, context)
        except Refused as refusal:
            raise Answer(401, refusal.reason) from None

    def _tell(self, name: str, trouble: Answer) -> None:
        """One line for the operator, of the same kind once a minute."""
        now = time.monotonic()
        if now - self._told.get((name, trouble.text), -_QUIET) >= _QUIET:
            self._told[name, trouble.text] = now
            log.warning("%s: answered %d: %s", name, trouble.status, trouble.text)


def create_app(receiver: Receiver) -> Starlette:
    """The application, which closes the receiver when the server shuts down."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await receiver.close()

    methods = ["POST", "GET", "HEAD", "PUT", "PATCH", "DELETE"]
    return Starlette(
        routes=[
            Route("/webhooks/{source}", receiver.webhook, methods=methods),
            Route("/healthz", receiver.health, methods=["GET"]),
        ],
        lifespan=lifespan,
    )


def _headers(request: Request) -> dict[str, str]:
    """By name, of one that comes twice the first; the library's own way is quadratic."""
    pairs = reversed(request.scope["headers"])
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}


def _tell_connection(request: Request) -> None:
    """Only the server here has connections to tell; a function in the cloud has none."""
    connection = (request.scope.get("state") or {}).get("connection")
    if connection is not None:
        connection.verified()


def _payload(source: Source, delivery: Delivery) -> str | None:
    try:
        return source.land(delivery)
    except Refused:
        # A form that cannot be read is landed as it came, and quarantined by the models.
        return delivery.text()


def _good(source: Source) -> Response:
    kind, text = source.answer
    return Response(text, 200, media_type=kind)


def _bad(source: Source, trouble: Answer) -> Response:
    headers = {}
    if trouble.status == 401:
        # Amazon SNS sends the password of a URL only when it is asked.
        headers["WWW-Authenticate"] = 'Basic realm="contact-sync"'
    elif trouble.status == source.busy_status:
        headers["Retry-After"] = "5"
    elif trouble.status == 405:
        headers["Allow"] = ", ".join(sorted({"POST", *source.handshakes}))
    return JSONResponse({"error": trouble.text}, trouble.status, headers)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
