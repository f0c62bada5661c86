"""Starts bqemulator, with its own command line; runs in .tools/emulator.

It ends when its standard input does: whoever started it may be killed without a word.
"""

import functools
import os
import re
import sys
import threading
from typing import Any

import sqlglot
from bqemulator.cli import main
from bqemulator.sql import translator
from bqemulator.storage.engine import DuckDBEngine

_QUOTED = r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|`[^`]*`"
_COMMENT = r"--[^\n]*|/\*.*?\*/"


def _without_downloads() -> None:
    """Leaves out extensions that it would load from the network: GEOGRAPHY, Avro and the like."""
    for loader in ("_load_spatial", "_load_format_extensions"):
        getattr(DuckDBEngine, loader)  # Fails loudly where a release has renamed it.
        setattr(DuckDBEngine, loader, lambda _engine: None)


def _without_comments(sql: str) -> str:
    return re.sub(
        f"({_QUOTED})|{_COMMENT}",
        lambda found: found.group(1) or " ",
        sql,
        flags=re.DOTALL,
    )


def _read_past_comments() -> None:
    """An apostrophe in a comment is no quote: else what follows is taken for text, and text not."""
    rewrite = translator.rewrite_decimal_literals
    translator.rewrite_decimal_literals = lambda sql: rewrite(_without_comments(sql))


def _parse_once() -> None:
    """It parses each statement some twenty times, which is two thirds of its time."""
    parsed = functools.lru_cache(maxsize=64)(sqlglot.parse_one)

    def parse_one(*arguments: Any, **options: Any) -> Any:
        return parsed(*arguments, **options).copy()

    sqlglot.parse_one = parse_one


def _end_with_standard_input() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    _without_downloads()
    _read_past_comments()
    _parse_once()
    main()
