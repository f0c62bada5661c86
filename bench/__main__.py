"""Runs the whole bench: see docs/performance.md."""

import json
import os
import platform
import shutil
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.builds import EVERYTHING, FREQUENT, FULL, Builder
from bench.goals import Goal, Measures, details, goal_table, judge
from bench.landing import AS_OF, Landed, read_landed, show_increment
from bench.parses import count_parses
from bench.process import CommandFailed, run, run_worker
from bench.settings import SettingError, Settings, read_settings

_KEPT_SQL = ("unengaged", "int_events__unioned")


class Bench:
    """One run of all measures."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._logs = settings.directory / "logs"
        size = f"{settings.events}-{settings.people}-{settings.seed}"
        self._place = settings.directory / "landings" / size
        self._landing = self._place / "landing"
        self._builder = Builder(settings, self._landing)

    def measure(self) -> Measures:
        """Measures everything; each step is told as it begins."""
        landed = self._land()
        measures = Measures(landed)
        show_increment(self._place, landed, shown=False)
        for pair in range(1, self._settings.pairs + 1):
            self._measure_pair(measures, f"pair {pair} of {self._settings.pairs}")
        _say("full rebuild with the increment, to compare")
        show_increment(self._place, landed, shown=True)
        self._builder.remove("rebuild")
        self._builder.build("rebuild", FULL)
        show_increment(self._place, landed, shown=False)
        measures.rebuild_comparison = self._compare("marts", "everything", "rebuild")
        self._builder.remove("rebuild")
        _say(f"full build with memory_limit={self._settings.memory_limit}")
        self._builder.remove("limited")
        measures.limited = self._builder.build("limited", FULL, self._settings.memory_limit)
        self._builder.remove("limited")
        _say("unengaged against the document's query; JSON parses; --help")
        self._measure_silence(measures)
        self._count_parses(measures)
        measures.help_seconds = [
            run(
                [sys.executable, "-m", "sync", "--help"], self._logs / "help.log", os.environ
            ).seconds
            for _ in range(5)
        ]
        return measures

    def _land(self) -> Landed:
        landed = read_landed(self._place)
        if landed is None:
            _say(f"landing {self._settings.events:,} events and the increment")
            arguments = (
                self._settings.events,
                self._settings.people,
                self._settings.seed,
                self._place,
            )
            run_worker("landing", *map(str, arguments), log=self._logs / "landing.log")
            landed = read_landed(self._place)
        if landed is None:
            raise CommandFailed(f"nothing complete was landed in {self._place}")
        return landed

    def _measure_pair(self, measures: Measures, pair: str) -> None:
        builder = self._builder
        _say(f"{pair}: bare script")
        builder.remove("bare")
        bare = builder.database("bare")
        bare.parent.mkdir(parents=True)
        done, told = run_worker("bare", str(self._landing), str(bare), log=self._logs / "bare.log")
        measures.baseline_runs.append(done)
        measures.baseline_seconds.append(told["seconds"])
        _say(f"{pair}: full build")
        builder.remove("full")
        measures.full.append(builder.build("full", FULL))
        if len(measures.full) == 1:
            self._keep_sql()
            measures.baseline_comparison = self._compare("baseline", "bare", "full")
        show_increment(self._place, measures.landed, shown=True)
        for name, command, builds in (
            ("frequent", FREQUENT, measures.frequent),
            ("everything", EVERYTHING, measures.everything),
        ):
            _say(f"{pair}: increment, {name}")
            builder.copy("full", to=name)
            builds.append(builder.build(name, command))
        show_increment(self._place, measures.landed, shown=False)

    def _keep_sql(self) -> None:
        """Keeps what the full build ran, before an increment compiles its other branch."""
        directory = self._settings.directory / "sql"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        for model in _KEPT_SQL:
            (directory / f"{model}.sql").write_text(self._builder.compiled(model), encoding="utf-8")

    def _sql(self, model: str) -> str:
        return str(self._settings.directory / "sql" / f"{model}.sql")

    def _compare(self, kind: str, one: str, other: str) -> dict[str, dict[str, object]]:
        paths = [str(self._builder.database(name)) for name in (one, other)]
        _, told = run_worker("compare", kind, *paths, log=self._logs / f"compare-{kind}.log")
        comparison: dict[str, dict[str, object]] = told
        return comparison

    def _measure_silence(self, measures: Measures) -> None:
        arguments = (
            self._builder.database("full"),
            self._sql("unengaged"),
            self._settings.pairs,
            AS_OF,
        )
        _, measures.silence = run_worker(
            "silence", *map(str, arguments), log=self._logs / "silence.log"
        )

    def _count_parses(self, measures: Measures) -> None:
        for path in sorted((self._builder.target / "compiled").rglob("stg_*__events.sql")):
            parses = count_parses(path.read_text(encoding="utf-8"))
            # Logs and the directory are lines of typed columns, not JSON inside of JSON.
            if parses.per_event:
                measures.parses[path.parent.name] = parses
        _, measures.parses_in_filters = run_worker(
            "parses",
            str(self._builder.database("full")),
            self._sql("int_events__unioned"),
            log=self._logs / "parses.log",
        )


def _say(text: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S}  {text}", flush=True)


def _circumstances(settings: Settings, landed: Landed) -> dict[str, object]:
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "events": landed.events,
        "people": settings.people,
        "log_rows": landed.log_rows,
        "landed_mb": round(landed.bytes / 1e6),
        "files": landed.files,
        "increment": landed.increment,
        "seed": settings.seed,
        "pairs": settings.pairs,
        "dbt_threads": settings.threads,
        "cores": os.cpu_count(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        **{name: version(name) for name in ("duckdb", "dbt-core", "dbt-duckdb")},
    }


def _write(
    path: Path, circumstances: dict[str, object], goals: list[Goal], measures: Measures
) -> None:
    def plain(value: object) -> object:
        return value if not isinstance(value, Path) else str(value)

    result = {
        "circumstances": circumstances,
        "goals": [asdict(goal) for goal in goals],
        "measures": asdict(measures),
    }
    path.write_text(json.dumps(result, indent=1, default=plain), encoding="utf-8")


def main() -> int:
    """The exit code: 0 measured, goals met or not; 1 a command failed; 2 a wrong setting."""
    try:
        settings = read_settings()
        settings.directory.mkdir(parents=True, exist_ok=True)
        busy = os.getloadavg()[0]
        if busy > 1:
            _say(f"other work runs here (load {busy:.1f}): times will be too long, ratios unsteady")
        measures = Bench(settings).measure()
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    except CommandFailed as error:
        print(error, file=sys.stderr)
        return 1
    goals = judge(measures, settings.memory_limit)
    circumstances = _circumstances(settings, measures.landed)
    result = settings.directory / "result.json"
    _write(result, circumstances, goals, measures)
    print()
    print("\n".join(f"{name}: {value}" for name, value in circumstances.items()))
    print(f"\n{details(measures)}\n\n{goal_table(goals)}")
    print(f"\nEverything, with each run's times: {result}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
