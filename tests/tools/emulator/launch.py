"""Starts bqemulator, with its own command line; runs in .tools/emulator.

It ends when its standard input does: whoever started it may be killed without a word.
"""

import os
import sys
import threading

from bqemulator.cli import main
from bqemulator.storage.engine import DuckDBEngine


def _without_downloads() -> None:
    """Extensions that it would load from the network are left out: GEOGRAPHY, and Avro and the like."""
    for loader in ("_load_spatial", "_load_format_extensions"):
        getattr(DuckDBEngine, loader)  # Fails loudly where a release has renamed it.
        setattr(DuckDBEngine, loader, lambda _engine: None)


def _end_with_standard_input() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    _without_downloads()
    main()
