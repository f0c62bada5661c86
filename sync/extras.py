"""What is installed only when it is asked for: the extras of pyproject.toml."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sync.errors import ConfigError


@contextmanager
def needs(what: str, extra: str) -> Iterator[None]:
    """Raises ConfigError, which names the extra, where an import inside fails.

    what: what needs it, as the message's subject. extra: one, or several separated by commas.
    """
    try:
        yield
    except ImportError as error:
        # A module of our own that is missing is a bug.
        if error.name is None or error.name.partition(".")[0] == "sync":
            raise
        raise ConfigError(
            f"{what} needs an extra ({error.name} cannot be imported): "
            f"pip install 'contact-sync[{extra}]', or `make setup` in a checkout"
        ) from None
