"""The ASGI application: routes, limits, and the answer that makes each platform retry or stop.

200 is answered only once a delivery is safe. 401: not shown to be the platform's. 404: no such
source. 405: no method of it. 413: too large. 415: compressed. 431: too many headers.
503 (what a source's file says in its place): not landed, send it again.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sync.errors import SyncError, Unreachable
from sync.landing.delivery import Landed, NotLanded, Sink, TooLarge
from sync.receiver import sources
from sync.receiver.bodies import Bodies, Body
from sync.receiver.counts import Counts
from sync.receiver.exposition import CONTENT_TYPE, text_of
from sync.receiver.lander import Lander
from sync.receiver.request import Delivery, Refused
from sync.receiver.settings import Settings, secret_variable
from sync.receiver.sources.base import Source
from sync.receiver.verification import Context, carries_bearer, carries_secret

log = logging.getLogger(__name__)

# Larger bodies are verified beside the loop.
_SMALL = 16 * 1024
#: Of a request; no platform sends a third of it.
MOST_HEADERS = 100
# Seconds for a body to come.
_SLOWEST_BODY = 30.0
# Of one reason and source, one line in so many seconds.
_QUIET = 60.0
_UNKNOWN = "unknown"
_ASK_FOR_PASSWORD = {"WWW-Authenticate": 'Basic realm="contact-sync"'}
# The page needs nothing but its own styles, and nobody keeps it.
_OF_THE_PAGE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_TOO_MANY_BODIES = "too many bodies at once"


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
        parts: Callable[[], Mapping[str, Mapping[str, str]]] = dict,
        page: Callable[[], str] | None = None,
    ) -> None:
        """fetch: GET of a URL, for schemes that need a certificate. slowest_body: seconds.

        parts: the states of what else runs in this process, for /healthz and /metrics. page: makes
        the HTML of /report, by a thread of its own; None: there is none.
        """
        self._parts = parts
        self._page = page
        self._settings = settings
        self._lander = lander or Lander(sink)
        self._counts = Counts(self._lander)
        self._contexts = {
            name: Context(settings.secrets.get(name, ()), fetch) for name in sources.names()
        }
        self._slowest_body = slowest_body
        self._bodies = Bodies(settings.body_limit)
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
            if len(request.scope["headers"]) > MOST_HEADERS:
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
        """GET /healthz: 200 unless deliveries could not land a moment ago.

        A build or a push that fails is told, and is no reason to restart the receiver.
        """
        trouble = self._lander.trouble
        status = "ok" if trouble is None else f"deliveries cannot land: {trouble}"
        parts = self._parts()
        told = {"status": status, **({"parts": parts} if parts else {})}
        return JSONResponse(told, 200 if trouble is None else 503)

    async def metrics(self, request: Request) -> Response:
        """GET /metrics: the counts, for Prometheus, by whoever has its token.

        Platforms reach this address, so that it is not there without one.
        """
        if not self._settings.metrics_tokens:
            return Response("Not Found", 404, media_type="text/plain")
        if not carries_bearer(self._delivery(request), self._settings.metrics_tokens):
            return JSONResponse(
                {"error": "the token is missing or wrong"}, 401, {"WWW-Authenticate": "Bearer"}
            )
        can_land = self._lander.trouble is None
        return Response(
            text_of(self.answered, self._parts(), can_land=can_land), media_type=CONTENT_TYPE
        )

    async def report(self, request: Request) -> Response:
        """GET /report of `contact-sync run`: the page, for whoever has its token."""
        tokens = self._settings.report_tokens
        if self._page is None or not tokens:
            return Response("Not Found", 404, media_type="text/plain")
        if not carries_secret(self._delivery(request), tokens):
            return JSONResponse({"error": "the token is missing or wrong"}, 401, _ASK_FOR_PASSWORD)
        if "/report" not in self._threads:
            self._threads["/report"] = ThreadPoolExecutor(1, "report")
        threads = self._threads["/report"]
        try:
            html = await asyncio.get_running_loop().run_in_executor(threads, self._page)
        except SyncError as error:
            return JSONResponse({"error": str(error)}, 503, {"Retry-After": "60"})
        return HTMLResponse(html, headers=_OF_THE_PAGE)

    @property
    def answered(self) -> dict[tuple[str, str], int]:
        """The requests that were answered since the start, by source and class of status."""
        return dict(self._counts.totals)

    async def close(self) -> None:
        """Writes what is still to be written."""
        await self._counts.flush()
        for thread in self._threads.values():
            thread.shutdown()
        await self._lander.close()

    async def _take(self, name: str, source: Source, request: Request) -> None:
        head = self._delivery(request)
        is_known = self._is_known_by_head(name, source, head)
        limit = self._limit(source, request, is_known=is_known)
        if is_known:
            _vouch(request)
        with self._bodies.holding(name, is_known=is_known) as body:
            await self._read(request, source, body, limit)
            delivery = replace(head, body=bytes(body.bytes))
            body.bytes = bytearray()
            payload = await self._verified_payload(name, source, delivery)
            if payload is None:
                return
            if name not in self._settings.unsigned:
                _vouch(request)
            row = Landed(uuid.uuid4().hex, name, delivery.received_at, payload)
            try:
                await self._lander.land(row)
            except TooLarge as error:
                raise Answer(413, str(error)) from None
            except NotLanded as error:
                raise Answer(source.busy_status, f"not landed: {error}") from None

    def _greet(self, name: str, source: Source, request: Request) -> None:
        """A platform tries the URL: it must be there, and carry the secret where that is in it."""
        if request.method not in source.handshakes:
            raise Answer(405, "this source takes POST")
        if not source.is_signed and name not in self._settings.unsigned:
            self._check(name, source, self._delivery(request))

    def _limit(self, source: Source, request: Request, *, is_known: bool) -> int:
        """Bytes that the body may have; what says at once that it is larger is refused at once."""
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise Answer(415, "the body is compressed, which no platform was told to do")
        limit = self._settings.body_limit
        if not is_known and source.unverified_limit is not None:
            limit = min(limit, source.unverified_limit)
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > limit:
            raise _too_large(limit)
        return limit

    async def _read(self, request: Request, source: Source, body: Body, limit: int) -> None:
        """The whole body, unless it gives way to others."""
        try:
            async with asyncio.timeout(self._slowest_body) as timeout:
                with body.reading(timeout):
                    async for piece in request.stream():
                        if len(body.bytes) + len(piece) > limit:
                            raise _too_large(limit)
                        if not self._bodies.add(body, piece):
                            raise Answer(source.busy_status, _TOO_MANY_BODIES)
        except TimeoutError:
            # 408 would be final for platforms that take any 4xx so.
            why = _TOO_MANY_BODIES if body.is_given_up else "the body did not come in time"
            raise Answer(source.busy_status, why) from None

    def _delivery(self, request: Request) -> Delivery:
        """A request without its body."""
        url = str(request.url)
        if self._settings.public_url is not None:
            path = request.scope.get("raw_path") or request.url.path.encode()
            query = request.scope.get("query_string", b"")
            url = self._settings.public_url + path.decode("latin-1").partition("?")[0]
            url += f"?{query.decode('latin-1')}" if query else ""
        return Delivery(url, dict(request.query_params), _headers(request), b"", datetime.now(UTC))

    def _is_known_by_head(self, name: str, source: Source, head: Delivery) -> bool:
        """Whether the head shows whose it is. It is refused where only the head could show it."""
        if name in self._settings.unsigned:
            return False
        if not source.is_signed:
            self._check(name, source, head)
            return True
        if carries_bearer(head, self._settings.relay_secrets):
            return True
        self._context(name)
        return False

    async def _verified_payload(self, name: str, source: Source, delivery: Delivery) -> str | None:
        """Off the loop where it may take long; by threads of the source, so that none starves."""
        if len(delivery.body) <= _SMALL and not source.waits:
            return self._payload(name, source, delivery)
        threads = self._threads.get(name)
        if threads is None:
            threads = ThreadPoolExecutor(4 if source.waits else 1, f"verify-{name}")
            self._threads[name] = threads
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(threads, self._payload, name, source, delivery)
        except Unreachable as error:
            raise Answer(source.busy_status, str(error)) from None

    def _payload(self, name: str, source: Source, delivery: Delivery) -> str | None:
        if name not in self._settings.unsigned:
            self._check(name, source, delivery)
        return _payload(source, delivery)

    def _check(self, name: str, source: Source, delivery: Delivery) -> None:
        if carries_bearer(delivery, self._settings.relay_secrets):
            return
        try:
            source.verify(delivery, self._context(name))
        except Refused as refusal:
            raise Answer(401, refusal.reason) from None

    def _context(self, name: str) -> Context:
        context = self._contexts[name]
        if not context.secrets:
            raise Answer(401, f"{secret_variable(name)} is not set")
        return context

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
            Route("/metrics", receiver.metrics, methods=["GET"]),
            Route("/report", receiver.report, methods=["GET"]),
        ],
        lifespan=lifespan,
    )


def _headers(request: Request) -> dict[str, str]:
    """By name, of one that comes twice the first; the library's own way is quadratic."""
    pairs = reversed(request.scope["headers"])
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}


def _vouch(request: Request) -> None:
    """Only the server here has connections to tell; a function in the cloud has none."""
    connection = (request.scope.get("state") or {}).get("connection")
    if connection is not None:
        connection.vouch()


def _too_large(limit: int) -> Answer:
    return Answer(413, f"the body is larger than {limit} bytes")


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
    headers: dict[str, str] = {}
    if trouble.status == 401:
        # Amazon SNS sends the password of a URL only when it is asked.
        headers |= _ASK_FOR_PASSWORD
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
