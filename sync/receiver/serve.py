"""Runs the receiver: as a server here, or made from the environment for a function in the cloud."""

from __future__ import annotations

import logging
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from starlette.applications import Starlette

from sync.errors import ConfigError, Unreachable
from sync.landing.delivery import Sink
from sync.landing.sinks import open_sink
from sync.metrics.measures import REQUESTS
from sync.profile import load_target
from sync.receiver import sources
from sync.receiver.app import Receiver, create_app
from sync.receiver.settings import Settings, read_settings, secret_variable

# Requests that are under way when it is told to stop may take so many seconds.
_LAST_REQUESTS = 30
# Certificates and confirmations of Amazon SNS; there is one certificate for all of a region.
_FETCHES_A_MINUTE = 10


def app_from_environment(
    environment: Mapping[str, str],
    *,
    target: str | None = None,
    profiles_dir: Path | None = None,
    project_dir: Path | None = None,
) -> Starlette:
    """The application with everything from the environment and the dbt profile."""
    found = load_target(target=target, profiles_dir=profiles_dir, project_dir=project_dir)
    settings = read_settings(environment)
    return _app(settings, open_sink(found))


def serve(settings: Settings, sink: Sink, *, host: str, port: int) -> None:
    """Serves until SIGTERM or Ctrl-C, and then ends what is under way. port 0: a free one."""
    run, _ = make_server(settings, sink, host=host, port=port)
    run()


def make_server(
    settings: Settings,
    sink: Sink,
    *,
    host: str,
    port: int,
    parts: Callable[[], Mapping[str, Mapping[str, str]]] = dict,
    page: Callable[[], str] | None = None,
) -> tuple[Callable[[], None], Callable[[], None]]:
    """What serves, and what ends it from another thread; it listens already.

    parts: what else /healthz tells. page: makes what /report shows. Raises ConfigError where the
    address cannot be used.
    """
    import uvicorn

    from sync.receiver.connections import Connections, within_open_files
    from sync.receiver.protocol import BoundedProtocol

    class Protocol(BoundedProtocol):
        connections_of_all = Connections(
            within_open_files(settings.connections), settings.connections_per_address
        )

    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    listener = _listen(host, port)
    address = f"http://{host}:{listener.getsockname()[1]}"
    sys.stdout.write("\n".join(_introduction(settings, sink, address)) + "\n")
    sys.stdout.flush()
    config = uvicorn.Config(
        _app(settings, sink, parts, page),
        # Its warnings come once a bad request, and tell nothing that the counts do not.
        log_level="error",
        http=Protocol,
        # No platform upgrades a connection.
        ws="none",
        # Its lines hold URLs, and a URL may hold a secret.
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_LAST_REQUESTS,
    )
    server = uvicorn.Server(config)

    def end() -> None:
        server.should_exit = True

    return lambda: server.run(sockets=[listener]), end


def _app(
    settings: Settings,
    sink: Sink,
    parts: Callable[[], Mapping[str, Mapping[str, str]]] = dict,
    page: Callable[[], str] | None = None,
) -> Starlette:
    receiver = Receiver(settings, sink, fetch=_fetcher(settings), parts=parts, page=page)
    REQUESTS.read = lambda: [
        (number, {"source": source, "status_class": status_class})
        for (source, status_class), number in receiver.answered.items()
    ]
    return create_app(receiver)


def _fetcher(settings: Settings) -> Callable[[str], bytes]:
    """GET of a URL, few a minute: who knows a topic could have us ask without end."""
    from sync.http import fetch

    latest = deque[float](maxlen=_FETCHES_A_MINUTE)

    def fetched(url: str) -> bytes:
        now = time.monotonic()
        if len(latest) == latest.maxlen and now - latest[0] < 60:
            raise Unreachable("too many certificates were asked for within a minute")
        latest.append(now)
        return fetch(url, instead_of_host=settings.sns_url)

    return fetched


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with ExitStack() as unless_bound:
            listener = unless_bound.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(2048)
            unless_bound.pop_all()
    # A name that no host can have is a TypeError or ValueError of Python's.
    except (OSError, TypeError, ValueError) as error:
        said = getattr(error, "strerror", None) or "no name of a host"
        raise ConfigError(
            f"{host}:{port} cannot be used ({said}). Choose others with --host, --port."
        ) from None
    return listener


def _introduction(settings: Settings, sink: Sink, address: str) -> list[str]:
    lines = [f"Receiver at {address}, landing in {sink.place}", ""]
    for name in sources.names():
        if name in settings.unsigned:
            state = "taken UNSIGNED: anybody can post here"
        elif settings.secrets[name]:
            count = len(settings.secrets[name])
            state = "ready" if count == 1 else f"ready, {count} secrets"
        else:
            state = f"refused: set {secret_variable(name)} ({sources.get(name).needs})"
        lines.append(f"  {address}/webhooks/{name:<14} {state}")
    if settings.relay_secrets:
        lines.append("  Any source also with the bearer token of RELAY_WEBHOOK_SECRET.")
    if settings.public_url is None:
        lines.append("  PUBLIC_URL is not set: URLs that are signed are taken from each request.")
    return lines
