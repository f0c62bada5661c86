"""How much is tried where more finds more: histories, spoiled bodies, kills.

`TEST_SIZE=small`, the default, is what `make test` runs; `TEST_SIZE=deep` is `make test-deep`: the
same tests, with ten times what the whole suite once tried.
"""

from __future__ import annotations

import os

SIZES = ("small", "deep")
SIZE = os.environ.get("TEST_SIZE") or "small"
if SIZE not in SIZES:
    raise ValueError(f"TEST_SIZE is {SIZE!r}: say one of {', '.join(SIZES)}")


def sized(*, small: int, deep: int) -> int:
    """The number for the size of this run."""
    return deep if SIZE == "deep" else small
