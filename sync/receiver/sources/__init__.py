"""The platforms, one file each: a new file is a new source of webhooks, nothing else is touched."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from sync.receiver.sources.base import Source

_NOT_PLATFORMS = {"base"}


@cache
def names() -> tuple[str, ...]:
    """All sources that have a file here, sorted."""
    found = {module.name for module in pkgutil.iter_modules(__path__)}
    return tuple(sorted(found - _NOT_PLATFORMS))


@cache
def get(name: str) -> Source:
    """The SOURCE of a platform's file. name: one of `names()`."""
    source: Source = importlib.import_module(f"{__name__}.{name}").SOURCE
    return source
