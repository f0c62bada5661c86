"""`contact-sync receive`: takes the platforms' webhooks."""

from __future__ import annotations

import os
import re

import click

from sync.cli.main import cli
from sync.cli.measured import measured
from sync.cli.options import ParsedType, Project, profile_options, receiver_options, shortened
from sync.extras import needs


def _size(text: str) -> int:
    found = re.fullmatch(r"(\d{1,12})\s*(|K|KB|M|MB)", text.strip().upper())
    if found is None:
        raise ValueError(f"{shortened(text)} is not a size like 16MB, 512KB or 1000000")
    return int(found[1]) * {"": 1, "K": 1 << 10, "M": 1 << 20}[found[2].rstrip("B")]


@cli.command()
@profile_options
@receiver_options(
    host="Interface to listen on; 0.0.0.0 for all, as in a container.",
    port="0 for a free one.",
    port_variable="PORT",
    unsigned="Take this source without any secret: anybody may post. May be repeated.",
)
@click.option(
    "--body-limit",
    type=ParsedType("size", _size),
    default="16MB",
    help="Larger bodies are answered 413.",
)
@measured(is_long=True)
def receive(
    project: Project, host: str, port: int, unsigned: tuple[str, ...], body_limit: int
) -> None:
    """Take the platforms' webhooks: verify, land, and only then answer.

    POST /webhooks/<source>; GET /healthz. Deliveries land where the target's build reads them:
    files below CONTACT_SYNC_LANDING, or BigQuery. Each source has its secret in
    <SOURCE>_WEBHOOK_SECRET, several separated by blanks while one is replaced; without one it is
    refused. PUBLIC_URL: scheme and host that the platforms call, for those that sign it.
    CONTACT_SYNC_METRICS_TOKEN: turns on GET /metrics, for Prometheus (docs/metrics.md).

    \b
    Example:
      contact-sync receive --port 8080 --allow-unsigned brevo
    """
    needs_receiver()
    from sync.landing.sinks import open_sink
    from sync.receiver.serve import serve
    from sync.receiver.settings import read_settings

    settings = read_settings(os.environ, unsigned=unsigned, body_limit=body_limit)
    serve(settings, open_sink(project.target), host=host, port=port)


def needs_receiver() -> None:
    """Raises ConfigError where the receiver's extra is not installed."""
    with needs("The receiver", "receiver"):
        import httptools  # noqa: F401  (the server asks for it once it runs)

        import sync.receiver.serve  # noqa: F401
