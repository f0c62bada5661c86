"""Runs the parts of the bench that are asked for: see docs/performance.md."""

import json
import os
import platform
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.goals import Result, Verdict, goal_table
from bench.process import CommandFailed, say
from bench.settings import SettingError, Settings, describe, read_settings


def _measure(settings: Settings) -> dict[str, Result]:
    """Each part is the module bench.part_<name>."""
    results = {}
    for part in settings.parts:
        say(f"part {part}")
        measure: Callable[[Settings], Result] = import_module(f"bench.part_{part}").measure
        results[part] = measure(settings)
    return results


def _circumstances(settings: Settings, results: Mapping[str, Result]) -> dict[str, object]:
    measured = [told for result in results.values() for told in result.circumstances.items()]
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "parts": ", ".join(results),
        **dict(measured),
        "seed": settings.seed,
        "pairs": settings.pairs,
        "dbt_threads": settings.threads,
        "cores": os.cpu_count(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        **{name: version(name) for name in ("duckdb", "dbt-core", "dbt-duckdb", "httpx")},
    }


def _write(
    path: Path,
    circumstances: Mapping[str, object],
    verdicts: Mapping[str, Verdict],
    results: Mapping[str, Result],
) -> None:
    whole: dict[str, Any] = {
        "circumstances": circumstances,
        "goals": {name: verdict._asdict() for name, verdict in verdicts.items()},
        "measures": {part: result.raw for part, result in results.items()},
    }
    path.write_text(json.dumps(whole, indent=1, default=str), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """The exit code: 0 measured, goals met or not; 1 a command failed; 2 a wrong setting."""
    if arguments:
        print(describe())
        return 0 if arguments in (["--help"], ["-h"]) else 2
    try:
        settings = read_settings()
        settings.directory.mkdir(parents=True, exist_ok=True)
        busy = os.getloadavg()[0]
        if busy > 1:
            say(f"other work runs here (load {busy:.1f}): times will be too long, ratios unsteady")
        results = _measure(settings)
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    except CommandFailed as error:
        print(error, file=sys.stderr)
        return 1
    verdicts = {name: told for one in results.values() for name, told in one.verdicts.items()}
    circumstances = _circumstances(settings, results)
    path = settings.directory / "result.json"
    _write(path, circumstances, verdicts, results)
    print()
    print("\n".join(f"{name}: {value}" for name, value in circumstances.items()))
    for result in results.values():
        print(f"\n{result.details}")
    print(f"\n{goal_table(verdicts)}")
    print(f"\nEverything, with each run's times: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
