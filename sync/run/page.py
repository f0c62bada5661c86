"""The report as a run serves it: of the copy for readers, made anew at most once a minute."""

from __future__ import annotations

import os
import threading
import time
from typing import Final

from sync.extras import needs
from sync.place import Place
from sync.reports.page.report import read_report, render
from sync.run.parts import read
from sync.warehouse import open_to_read

#: Seconds for which a page is shown again: who reloads it costs nothing.
_FRESH: Final = 60.0


class Page:
    """Called from any thread."""

    def __init__(self, place: Place) -> None:
        """Raises ConfigError without the extra `report`."""
        with needs("The report", "report"):
            import vl_convert  # noqa: F401  (at the start, not at the first look)
        self._place = place
        self._lock = threading.Lock()
        self._made_at = 0.0
        self._text = ""

    def __call__(self) -> str:
        """The page. Raises SyncError where the warehouse cannot be read."""
        with self._lock:
            if not self._text or time.monotonic() - self._made_at > _FRESH:
                warehouse = open_to_read(self._place.target, may_be_older=True)
                self._text = render(read_report(warehouse, os.environ, read(self._place.state)))
                self._made_at = time.monotonic()
            return self._text
