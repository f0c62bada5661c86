"""Runs the sandbox: here, or as a process of its own for tests and the demo."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sync.errors import ConfigError
from sync.extras import needs

PORT = 8025


def serve(
    *,
    port: int,
    rate: float | None,
    state: Path | None,
    environment: Mapping[str, str],
    webhooks: str | None = None,
    is_hostile: bool = False,
    announce: bool = True,
) -> None:
    """Serves on the loopback interface until SIGTERM or Ctrl-C. port 0: a free one.

    Credentials are those of the environment (SENDGRID_API_KEY ...) or the defaults it prints.
    rate: of every platform, None for each one's own. webhooks: the receiver to post to, with the
    Bearer token RELAY_WEBHOOK_SECRET. is_hostile: answers as a broken or hostile platform would.
    """
    with needs("The sandbox", "sandbox"):
        # For the key that FCM's sandbox makes up.
        import cryptography  # noqa: F401
        import uvicorn

        from sync.sandbox.app import Sandbox
        from sync.sandbox.platforms import all_platforms
        from sync.sandbox.webhooks import Webhooks

    platforms = all_platforms()
    keys = {item.name: environment.get(item.key_variable, "") for item in platforms}
    receiver = Webhooks(webhooks, environment.get("RELAY_WEBHOOK_SECRET", "")) if webhooks else None
    app = Sandbox(rate=rate, keys=keys, state=state, webhooks=receiver, is_hostile=is_hostile)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        # From here on calls wait in line, so the address may be told at once.
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"Port {port} cannot be used ({error.strerror}). Choose another with --port."
        ) from None
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    lines = [
        f"Sandbox at {url} (lists: {url}/_sandbox/lists). In another terminal, after "
        "loading .env, whose empty variables would replace these:"
    ]
    for item in platforms:
        lines.append(f"  export {item.name.upper()}_BASE_URL={url}/{item.name}")
        if not keys[item.name]:
            lines.append(f"  export {item.key_variable}={shlex.quote(item.default_key)}")
        lines += [
            f"  export {name}={shlex.quote(value)}" for name, value in item.settings().items()
        ]
    if announce:
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, http="h11", timeout_graceful_shutdown=1
    )
    uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def running(
    *,
    rate: float | None = 0.0,
    state: Path | None = None,
    webhooks: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """The URL of a sandbox in a process of its own on a free port, stopped on leaving."""
    command = [sys.executable, "-m", "sync", "sandbox", "--port", "0"]
    if rate is not None:
        command += ["--rate", str(rate)]
    if webhooks is not None:
        command += ["--webhooks", webhooks]
    if state is not None:
        command += ["--state", str(state)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        if "http://" not in first:
            raise ConfigError("The sandbox did not start; its message is above.")
        yield first.split()[2]
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
