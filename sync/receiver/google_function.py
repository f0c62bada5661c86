"""The receiver as a Google Cloud Function (or any Functions Framework host).

Deployed with entry point `receive` from a main.py that imports it; see docs/receiver.md. It is made
when the first request comes, from the environment.
"""

from __future__ import annotations

import os
from functools import cache

import functions_framework.aio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sync.receiver.serve import app_from_environment


class _Answered(Response):
    """Hands the request over to the whole application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _application()(scope, receive, send)


@cache
def _application() -> Starlette:
    return app_from_environment(os.environ)


@functions_framework.aio.http
async def receive(_: Request) -> Response:
    """Answers as `contact-sync receive` does."""
    return _Answered()
