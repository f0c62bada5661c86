"""Times `contact-sync plan` with many deltas: `python -m bench.plan DIRECTORY DELTAS`.

The command runs as its user runs it: in a process of its own, from the profile to the printed plan.
Told are its seconds from start to end and the greatest memory of that process. Prints JSON.
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any, Final

from bench.builds import FULL, Builder
from bench.process import run, run_worker
from bench.settings import Settings, read_settings

_NAME: Final = "plan"


def measure(settings: Settings, deltas: int) -> dict[str, Any]:
    """Fills a database with that many people to suppress, and plans. Deletes the database."""
    builder = Builder(settings, settings.directory / "nothing")
    builder.remove(_NAME)
    builder.build(_NAME, FULL)
    log = settings.directory / "logs" / "stock.log"
    run_worker("stock", str(builder.database(_NAME)), "0", str(deltas), log=log)
    command = (
        sys.executable,
        "-m",
        "sync",
        "plan",
        "--destination",
        "sendgrid",
        "--output",
        "json",
    )
    done = run(command, settings.directory / "logs" / "plan.log", builder.environment(_NAME))
    told = json.loads(done.output)
    builder.remove(_NAME)
    return {
        "seconds": done.seconds,
        "cpu_seconds": done.cpu_seconds,
        "peak_bytes": done.peak_bytes,
        "deltas": sum(part["items"] for part in told["destinations"]),
        "hash": told["hash"],
    }


def main(arguments: list[str]) -> None:
    """Prints the measures."""
    directory, deltas = arguments
    settings = dataclasses.replace(read_settings(), directory=Path(directory))
    print(json.dumps(measure(settings, int(deltas))))


if __name__ == "__main__":
    main(sys.argv[1:])
