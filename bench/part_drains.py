"""Goal 6 for every destination: how long a drain takes under its own limit and batch size."""

from collections.abc import Sequence
from typing import Any, Final

from bench.builds import FULL, Builder
from bench.goals import Result, Verdict, table
from bench.process import run_worker, say
from bench.settings import Settings

_NAME: Final = "drains"
_MOST: Final = 1.05
_CALLS: Final = 100
_ITEMS: Final = 10_000
"""A second: what the sandbox answers beside the sender on two cores."""


def measure(settings: Settings) -> Result:
    """Pushes to every platform of the sandbox, one after the other."""
    builder = Builder(settings, settings.directory / "nothing")
    builder.remove(_NAME)
    builder.build(_NAME, FULL)
    say("drains of every destination, each under its own limit")
    log = settings.directory / "logs" / "drains.log"
    _, told = run_worker("drains", str(builder.database(_NAME)), log=log)
    builder.remove(_NAME)
    drains: dict[str, dict[str, Any]] = told["drains"]
    ratios = {
        name: one["seconds"] / one["ideal"]
        for name, one in drains.items()
        # Others are held up by the stand-in, which shares the cores with the sender.
        if one["rate"] <= _CALLS and one["rate"] * one["batch"] <= _ITEMS
    }
    slowest = max(ratios, key=lambda name: ratios[name])
    verdict = Verdict(f"{ratios[slowest]:.3f} ({slowest})", ratios[slowest] <= _MOST)
    return Result({"drains": verdict}, _details(drains), {"drains": drains})


def _details(drains: dict[str, dict[str, Any]]) -> str:
    rows: list[Sequence[str]] = [
        ("destination", "items", "a call", "calls/s", "calls", "refused", "seconds", "calls/rate"),
    ]
    rows += [
        (
            name,
            f"{one['items']:,}",
            str(one["batch"]),
            f"{one['rate']:.1f}",
            f"{one['calls']:,}",
            str(one["refused"]),
            f"{one['seconds']:.2f}",
            f"{one['ideal']:.2f}",
        )
        for name, one in drains.items()
    ]
    return table(rows)
