"""Goal 8: `contact-sync plan` with many deltas, and how fast the command starts."""

import os
import sys
from typing import Final

from bench.goals import Result, Verdict, median
from bench.process import run, run_worker, say
from bench.settings import Settings

_STARTS: Final = 5


def measure(settings: Settings) -> Result:
    """Measures goal 8 at BENCH_PLAN_ROWS."""
    say(f"plan with {settings.plan_rows:,} deltas; --help")
    logs = settings.directory / "logs"
    arguments = (str(settings.directory), str(settings.plan_rows))
    _, told = run_worker("plan", *arguments, log=logs / "plan-worker.log")
    command = [sys.executable, "-m", "sync", "--help"]
    starts = [run(command, logs / "help.log", os.environ).seconds for _ in range(_STARTS)]
    start, seconds, peak = median(starts), told["seconds"], told["peak_bytes"] / 1e9
    deltas = f"{told['deltas']:,} deltas"
    return Result(
        verdicts={
            "help": Verdict(f"{start:.2f} s", start < 0.3),
            "plan_seconds": Verdict(f"{seconds:.1f} s ({deltas})", seconds < 20),
            "plan_memory": Verdict(f"{peak:.2f} GB ({deltas})", peak <= 1),
        },
        details=(
            f"plan: {seconds:.1f} s, {told['cpu_seconds']:.1f} s of CPU, {peak:.2f} GB, {deltas}"
        ),
        raw=told | {"help_seconds": starts},
    )
