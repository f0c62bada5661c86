"""Tells of what takes long while it lasts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def told_while_it_lasts(tell: Callable[[float], None], every: float) -> Iterator[None]:
    """Calls `tell` with the seconds since the beginning, so often, until the block ends."""
    is_over = threading.Event()
    began = time.monotonic()

    def watch() -> None:
        while not is_over.wait(every):
            tell(time.monotonic() - began)

    thread = threading.Thread(target=watch, name="lasting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
