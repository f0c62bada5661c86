"""The platforms, one file each: a new file is a new destination, nothing else is touched."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from sync.destinations.base import Destination
from sync.errors import UnknownDestination

_NOT_PLATFORMS = {"base", "identifiers", "meanings"}


@cache
def names() -> tuple[str, ...]:
    """All known destinations, sorted."""
    found = {module.name for module in pkgutil.iter_modules(__path__)}
    return tuple(sorted(found - _NOT_PLATFORMS))


def get(name: str) -> type[Destination]:
    """The class of a destination; UnknownDestination lists those that exist."""
    if name not in names():
        raise UnknownDestination(f"Unknown destination {name!r}. Known: {', '.join(names())}.")
    module = importlib.import_module(f"{__name__}.{name}")
    found = [
        thing
        for thing in vars(module).values()
        if isinstance(thing, type)
        and issubclass(thing, Destination)
        and thing.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise TypeError(f"{module.__name__} must define exactly one Destination")
    return found[0]
