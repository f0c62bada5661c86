"""What one platform of the sandbox is: lists in memory, behind the routes of its API."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute


class Webhook(NamedTuple):
    """What a platform delivers about a call that its API took. body: JSON, or a form's text."""

    source: str
    body: object


class Platform(ABC):
    """State and API of one platform. All methods run on one thread."""

    name: ClassVar[str]
    #: Its documented limit.
    calls_per_second: ClassVar[float] = 10.0
    #: The variable that holds the credential which the platform accepts.
    key_variable: ClassVar[str]

    def __init__(self) -> None:
        #: What it has yet to send, as a platform does that reports what its API was told.
        self.webhooks: list[Webhook] = []
        self.clear()

    @property
    @abstractmethod
    def default_key(self) -> str:
        """The credential that it accepts where none is set."""

    def settings(self) -> dict[str, str]:
        """Other variables that a destination needs to find its way here, with their values."""
        return {}

    @abstractmethod
    def routes(self) -> list[BaseRoute]:
        """Its API, under the platform's own paths."""

    @abstractmethod
    def accepts(self, request: Request, key: str) -> bool:
        """Whether the request carries the credential."""

    @abstractmethod
    def error(self, status: int, message: str) -> Response:
        """An error in the platform's own shape."""

    @abstractmethod
    def limit_headers(self, limit: int, remaining: int, reset: float) -> dict[str, str]:
        """How the platform tells its limit. reset: epoch seconds."""

    @abstractmethod
    def lists(self) -> dict[str, Any]:
        """Every list with its addresses, as GET /_sandbox/lists.json shows them."""

    @abstractmethod
    def fill(self, lists: Mapping[str, Any]) -> None:
        """Adds to the lists, in the shape of lists()."""

    @abstractmethod
    def clear(self) -> None:
        """Empties the lists."""

    @abstractmethod
    def addresses_in(self, body: Any, path: str) -> list[str]:
        """The addresses that a call names, for faults aimed at one of them."""
