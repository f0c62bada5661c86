"""The platforms of the sandbox, one file each, named as its destination."""

from __future__ import annotations

import importlib
import pkgutil

from sync.sandbox.platforms.base import Platform


def all_platforms() -> list[Platform]:
    """A fresh instance of every platform, by name."""
    found: list[Platform] = []
    for module_info in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        if module_info.name == "base":
            continue
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        found += [
            thing()
            for thing in vars(module).values()
            if isinstance(thing, type)
            and issubclass(thing, Platform)
            and thing.__module__ == module.__name__
        ]
    return found
