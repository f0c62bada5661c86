"""A server on this machine that takes what Apprise posts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Inbox:
    """What was told, in order; answers with `status`, after so many seconds."""

    def __init__(self, port: int) -> None:
        #: A URL of Apprise, with what must not be printed.
        self.url = f"json://ops:very-secret@127.0.0.1:{port}/hidden-path"
        self.status = 200
        self.seconds = 0.0
        self.messages: list[dict[str, Any]] = []

    @property
    def titles(self) -> list[str]:
        """Of the messages that it took."""
        return [one["title"] for one in self.messages]


@contextmanager
def open_inbox() -> Iterator[Inbox]:
    """One that is open for the time of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            time.sleep(inbox.seconds)
            if inbox.status == 200:
                inbox.messages.append(body)
            self.send_response(inbox.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    inbox = Inbox(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield inbox
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
