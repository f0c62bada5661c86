"""The ASGI application: the platforms' APIs behind credential, limit and faults; control routes.

Each platform answers under its own paths, behind /<platform>.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import json
import socket
import struct
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Message, Receive, Scope, Send

from sync.errors import ConfigError
from sync.files import read_text
from sync.sandbox.faults import Fault, Faults
from sync.sandbox.hostile import Hostile
from sync.sandbox.platforms import all_platforms
from sync.sandbox.platforms.base import Platform, Webhook
from sync.sandbox.webhooks import Webhooks
from sync.scratch import partial_file


class Bucket:
    """The limit of one credential: `rate` calls a second, at most a second's worth at once."""

    def __init__(self, rate: float) -> None:
        """rate: 0 for no limit."""
        self.rate = rate
        self._size = max(rate, 1.0)
        self._tokens = self._size
        self._at = time.monotonic()

    def take(self) -> tuple[bool, int, float]:
        """Whether the call may pass, how many more may, and when (epoch) the next one may."""
        if not self.rate:
            return True, 1_000_000, time.time()
        now = time.monotonic()
        self._tokens = min(self._size, self._tokens + (now - self._at) * self.rate)
        self._at = now
        passes = self._tokens >= 1.0
        if passes:
            self._tokens -= 1.0
        missing = max(1.0 - self._tokens, 0.0)
        return passes, int(self._tokens), time.time() + missing / self.rate


class Sandbox:
    """The ASGI application and its state."""

    def __init__(
        self,
        *,
        rate: float | None = None,
        keys: Mapping[str, str] | None = None,
        state: Path | None = None,
        webhooks: Webhooks | None = None,
        is_hostile: bool = False,
    ) -> None:
        """rate: calls per second and platform, 0 for no limit, None for each platform's own.

        keys: credential per platform. state: a JSON file that the lists are read from and kept in.
        webhooks: where the platforms' own deliveries go; without it they can only be looked at.
        is_hostile: begins with the fault `hostile` at every platform.
        """
        self.platforms: dict[str, Platform] = {item.name: item for item in all_platforms()}
        self.faults = Faults()
        if is_hostile:
            self.faults.active.append(Fault("hostile", status=200))
        self._hostile = Hostile()
        self._healed = asyncio.Event()
        self.calls: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self._rates = {
            name: platform.calls_per_second if rate is None else rate
            for name, platform in self.platforms.items()
        }
        self._webhooks = webhooks
        self._sent: list[Webhook] = []
        self._keys = {
            name: (keys or {}).get(name) or platform.default_key
            for name, platform in self.platforms.items()
        }
        self._buckets = {name: Bucket(rate) for name, rate in self._rates.items()}
        self._routes: list[tuple[Platform, BaseRoute]] = [
            (platform, route) for platform in self.platforms.values() for route in platform.routes()
        ]
        self._state = state
        # Counts what may have changed the lists, so that they are written only then.
        self._changes = 0
        self._saved_changes = 0
        if state is not None:
            self._read(state)
        self._control = Starlette(
            routes=[
                Route("/", self._index),
                Route("/_sandbox/lists", self._lists_page),
                Route("/_sandbox/lists.json", self._lists),
                Route("/_sandbox/lists", self._fill_lists, methods=["PUT"]),
                Route("/_sandbox/calls", self._calls),
                Route("/_sandbox/webhooks", self._webhooks_sent),
                Route("/_sandbox/faults", self._faults),
                Route("/_sandbox/faults", self._add_fault, methods=["POST"]),
                Route("/_sandbox/faults", self._clear_faults, methods=["DELETE"]),
                Route("/_sandbox/reset", self._reset, methods=["POST"]),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, or the life of the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["type"] != "http":
            return
        platform, route, child = self._find(scope)
        if platform is None or route is None:
            await self._control(scope, receive, send)
            return
        await self._serve(platform, route, child, receive, send)

    def _find(self, scope: Scope) -> tuple[Platform | None, Route | None, Scope]:
        """The route of the platform whose name a path begins with."""
        path: str = scope["path"]
        first, _, rest = path.lstrip("/").partition("/")
        named = self.platforms.get(first)
        child = dict(scope)
        child["path"] = f"/{rest}"
        for platform, route in self._routes:
            if platform is not named:
                continue
            match, params = route.matches(child)
            if match is Match.FULL and isinstance(route, Route):
                child.update(params)
                return platform, route, child
        return None, None, child

    async def _serve(
        self, platform: Platform, route: Route, scope: Scope, receive: Receive, send: Send
    ) -> None:
        request = Request(scope, receive)
        raw = await request.body()
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            # A form, as Twilio takes it: platforms read it themselves.
            body = raw.decode("utf-8", errors="replace")
        # For a platform whose credential is a member of the body, or signs its bytes.
        request.state.body = body
        request.state.raw = raw
        self.calls[f"{request.method} {route.path}"] += 1
        addresses = platform.addresses_in(body, scope["path"])
        faults = self.faults.pick(platform.name, request.method, scope["path"], addresses)
        if "slow" in faults:
            await self._sleep(faults["slow"].seconds)
        if "reset" in faults:
            _cut(send)
            return
        passes, remaining, reset = self._buckets[platform.name].take()
        hostile = faults.get("hostile")
        trick = (hostile.trick or self._hostile.next_trick()) if hostile else ""
        instead = hostile and self._hostile.instead(
            trick, hostile.status, hostile.seconds, self._healed
        )
        if "unauthorized" in faults or not platform.accepts(request, self._keys[platform.name]):
            response = platform.error(401, "authorization required")
        elif not passes:
            response = platform.error(429, "too many requests")
        elif "error" in faults:
            fault = faults["error"]
            response = platform.error(fault.status, fault.message)
            if fault.retry_after is not None:
                response.headers["Retry-After"] = str(fault.retry_after)
        elif "answer" in faults:
            response = JSONResponse(faults["answer"].body, faults["answer"].status)
        elif instead:
            response = instead
        elif "poison" in faults:
            response = platform.error(400, "email is not a valid email address")
        else:
            response = await route.endpoint(request)
            self._changes += request.method != "GET"
            self._send_webhooks(platform)
        limit = max(int(self._rates[platform.name]), 1)
        response.headers.update(platform.limit_headers(limit, remaining, reset))
        response = self._hostile.over(trick, request.method, scope["path"], response)
        self.statuses[response.status_code] += 1
        if "timeout" in faults:
            await self._sleep(faults["timeout"].seconds)
        if "reset_after" in faults:
            _cut(send)
            return
        if "omit" in faults:
            text = bytes(response.body).decode().replace(json.dumps(faults["omit"].address), '""')
            response = _with_body(response, text.encode())
        if "truncate" in faults and response.body:
            response = _with_body(response, bytes(response.body)[: len(response.body) // 2])
        await response(scope, receive, send)

    def _send_webhooks(self, platform: Platform) -> None:
        """Hands on what the platform reports of the call that it just took."""
        for webhook in platform.webhooks:
            self._sent.append(webhook)
            if self._webhooks is not None:
                self._webhooks.send(webhook)
        platform.webhooks.clear()

    async def _sleep(self, seconds: float) -> None:
        """Waits; taking the faults back ends the wait."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._healed.wait(), seconds)

    def _heal(self) -> None:
        self.faults.active.clear()
        self._healed.set()
        self._healed = asyncio.Event()
        self._hostile = Hostile()

    async def _live(self, receive: Receive, send: Send) -> None:
        keeper: asyncio.Task[None] | None = None
        while True:
            message: Message = await receive()
            if message["type"] == "lifespan.startup":
                if self._state is not None:
                    keeper = asyncio.create_task(self._keep())
                if self._webhooks is not None:
                    self._webhooks.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                if keeper is not None:
                    keeper.cancel()
                    self._save()
                if self._webhooks is not None:
                    await self._webhooks.end()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._save()

    def _save(self) -> None:
        """Writes the lists where they changed, never half of them."""
        if self._state is None or self._changes == self._saved_changes:
            return
        with partial_file(self._state) as new:
            new.write_text(json.dumps(self._all_lists()), encoding="utf-8")
        self._saved_changes = self._changes

    def _read(self, state: Path) -> None:
        # Said now, and not when the first list has changed.
        try:
            with tempfile.NamedTemporaryFile(dir=state.parent):
                pass
        except OSError as error:
            raise ConfigError(
                f"The folder of {state} cannot be written to ({error.strerror}): name another file "
                "with --state, or mend its rights."
            ) from None
        if not state.is_file():
            return
        text = read_text(state)
        try:
            self._fill(json.loads(text))
        # Each platform reads its own lists, and stumbles in its own way.
        except Exception:
            raise ConfigError(
                f"{state} does not hold a sandbox's lists: delete it, or name another file with "
                "--state."
            ) from None

    def _all_lists(self) -> dict[str, Any]:
        return {name: platform.lists() for name, platform in self.platforms.items()}

    def _fill(self, content: Mapping[str, Any]) -> None:
        for name, lists in content.items():
            self.platforms[name].fill(lists)
        self._changes += 1

    async def _index(self, _: Request) -> Response:
        return HTMLResponse('<a href="/_sandbox/lists">Lists</a>')

    async def _lists(self, _: Request) -> Response:
        return JSONResponse(self._all_lists())

    async def _lists_page(self, _: Request) -> Response:
        parts = ["<!doctype html><title>Sandbox</title><h1>What the platforms hold</h1>"]
        for name, lists in self._all_lists().items():
            parts.append(f"<h2>{html.escape(name)}</h2>")
            flat = {key: value for key, value in lists.items() if isinstance(value, list)}
            for key, value in lists.items():
                if isinstance(value, dict):
                    flat |= {f"{key} {inner}": entries for inner, entries in value.items()}
            for key, entries in flat.items():
                shown = "<br>".join(html.escape(str(entry)) for entry in entries[:1000])
                parts.append(f"<h3>{html.escape(key)} ({len(entries):,})</h3><p>{shown}</p>")
        return HTMLResponse("".join(parts))

    async def _fill_lists(self, request: Request) -> Response:
        try:
            self._fill(await request.json())
        except (ValueError, KeyError, AttributeError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return Response(status_code=204)

    async def _calls(self, _: Request) -> Response:
        return JSONResponse(
            {
                "total": sum(self.calls.values()),
                "calls": dict(self.calls),
                "statuses": {str(status): count for status, count in self.statuses.items()},
            }
        )

    async def _webhooks_sent(self, _: Request) -> Response:
        return JSONResponse([webhook._asdict() for webhook in self._sent])

    async def _faults(self, _: Request) -> Response:
        return JSONResponse(self.faults.shown())

    async def _add_fault(self, request: Request) -> Response:
        try:
            self.faults.active.append(Fault.from_json(await request.json()))
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse(self.faults.shown(), status_code=201)

    async def _clear_faults(self, _: Request) -> Response:
        self._heal()
        return Response(status_code=204)

    async def _reset(self, _: Request) -> Response:
        self._heal()
        self.calls.clear()
        self.statuses.clear()
        self._buckets = {name: Bucket(rate) for name, rate in self._rates.items()}
        self._sent.clear()
        for platform in self.platforms.values():
            platform.webhooks.clear()
            platform.clear()
        self._changes += 1
        return Response(status_code=204)


def _with_body(response: Response, body: bytes) -> Response:
    return Response(body, status_code=response.status_code, media_type="application/json")


def _cut(send: Send) -> None:
    """Cuts the connection with a TCP reset: the ASGI interface has no word for it."""
    transport: Any = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise RuntimeError("this server does not let the sandbox cut connections")
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
