"""`contact-sync sandbox`: a stand-in for the platforms."""

from __future__ import annotations

import os
from pathlib import Path

import click

from sync.cli.main import cli
from sync.cli.options import FILE, PORT


@cli.command()
@click.option(
    "--port", type=PORT, default=8025, help="Port on the loopback interface; 0 for a free one."
)
@click.option(
    "--rate",
    type=click.FloatRange(0),
    help="Calls a second that each platform allows; more get 429. 0 for no limit.  [default: each "
    "platform's documented limit]",
)
@click.option(
    "--webhooks",
    metavar="URL",
    help="Post what the platforms report of our calls to a `contact-sync receive` at this address, "
    "with the Bearer token RELAY_WEBHOOK_SECRET.",
)
@click.option(
    "--state",
    type=FILE,
    metavar="FILE",
    help="JSON file that keeps the lists between runs.  [default: in memory only]",
)
@click.option(
    "--hostile",
    is_flag=True,
    help="Answer as a broken or hostile platform does: drips, bombs, endless pages, by turns.",
)
def sandbox(
    port: int, rate: float | None, webhooks: str | None, state: Path | None, hostile: bool
) -> None:
    """Serve a stand-in for the platforms: real HTTP, lists with state, limits, faults on request.

    It prints the variables that point a push at it. Its lists: /_sandbox/lists (a page),
    /_sandbox/lists.json; to add to them, PUT /_sandbox/lists with {"sendgrid": {"bounces":
    ["a@example.com"]}}. Faults: POST /_sandbox/faults with {"kind": "error", "status": 503,
    "count": 3}, or {"kind": "hostile", "trick": "drip"}.

    \b
    Example:
      contact-sync sandbox --port 8025 --rate 10
    """
    from sync.sandbox.server import serve

    serve(
        port=port,
        rate=rate,
        state=state,
        webhooks=webhooks,
        is_hostile=hostile,
        environment=os.environ,
    )
