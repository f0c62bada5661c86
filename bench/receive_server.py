"""The receiver as it is, or without what is to be measured.

As a program: `python -m bench.receive_server MODE DIRECTORY` prints its URL. MODE: `grouped` (as it
is), `single` (a write and an fsync per request), `nothing` (verified, and landed nowhere).
"""

import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvicorn

from sync.landing.delivery import Landed, RequestCount, Sink
from sync.landing.files import FileSink
from sync.receiver.app import Receiver, create_app
from sync.receiver.lander import Lander
from sync.receiver.settings import Settings

SECRET: Final = "bench-bench-bench"


class Nowhere:
    """A sink that keeps nothing."""

    place = "nowhere"

    def write(self, rows: Sequence[Landed]) -> list[Exception | None]:
        """Says that all is safe."""
        return [None] * len(rows)

    def write_counts(self, counts: Sequence[RequestCount]) -> None:
        """Keeps none."""

    def close(self) -> None:
        """Has nothing open."""


def main(arguments: Sequence[str]) -> None:
    """Serves until it is stopped."""
    mode, directory = arguments
    sink: Sink = Nowhere() if mode == "nothing" else FileSink(Path(directory))
    lander = Lander(sink, **({"largest_group": 1} if mode == "single" else {}))
    settings = Settings(secrets={"attentive": (SECRET,)})
    app = create_app(Receiver(settings, sink, fetch=_fetch, lander=lander))
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(app, log_level="warning", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


def _fetch(url: str) -> bytes:
    raise AssertionError(f"Attentive's signature needs no certificate, yet {url} was asked for")


if __name__ == "__main__":
    main(sys.argv[1:])
